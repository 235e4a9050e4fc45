"""The first instructions of the embedded server's process: it ties itself to its parent and becomes the server.

Run as a file (``python -I -S launch.py LOCK_FD PARENT_PID PROGRAM ARGUMENT…``) with nothing but the standard library,
so that it costs milliseconds and is safe to start from a program with threads. Refuses to go on if the parent is gone.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent(parent: int, number: signal.Signals) -> None:
    """Ask Linux to send this process a signal when its parent ends; elsewhere the take-over rule has to do.

    Args:
        parent: Process id of the parent; if it is gone already, this process ends at once.
        number: The signal to be sent.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def main(arguments: list[str]) -> None:
    """Leave the process id in the lock file that the server inherits, then become the server."""
    lock, parent, program, *rest = arguments
    die_with_parent(int(parent), signal.SIGTERM)
    os.ftruncate(int(lock), 0)
    os.pwrite(int(lock), str(os.getpid()).encode(), 0)
    os.execv(program, [program, *rest])  # noqa: S606  No shell is wanted.


if __name__ == "__main__":
    main(sys.argv[1:])
