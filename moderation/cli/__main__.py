"""``python -m moderation.cli`` is ``winnow``."""

from moderation.cli import main

main(prog_name="winnow")
