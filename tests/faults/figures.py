"""What a fault test measured, as a line of JSON for docs/promises.md.

Owns the file that ``WINNOW_FAULT_REPORT`` names; without that variable nothing is written.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.faults.load import Kind, Load


def note(what: str, load: Load, **figures: object) -> None:
    """Append one line about a load that has ended: what was acknowledged, what was refused, and the slowest answer."""
    name = os.environ.get("WINNOW_FAULT_REPORT")
    if not name:
        return
    acknowledged = [operation for operation in load.operations if operation.is_acknowledged]
    line = {
        "what": what,
        **{kind.value: sum(one.kind is kind for one in acknowledged) for kind in Kind},
        "acknowledged": len(acknowledged),
        "statuses": {str(status): count for status, count in sorted(load.statuses().items())},
        **figures,
    }
    with Path(name).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
