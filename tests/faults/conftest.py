"""What the fault tests share: how long they run, and a site on which every comment waits for a person."""

from __future__ import annotations

import os

SECONDS = float(os.environ.get("WINNOW_FAULT_SECONDS", "10"))  # Of plain load; the full form is 60.
ROUNDS = int(os.environ.get("WINNOW_FAULT_ROUNDS", "5"))  # Kills in one test; the full form is 100.
POLICY = {"thresholds": {"spam": {"review": 0.0, "reject": None}}, "trust_after_approved": 0}
