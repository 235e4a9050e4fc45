"""Running ``winnow`` commands against the tests' store."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from click.testing import CliRunner, Result

from moderation.cli import main
from moderation.config import Settings
from moderation.keyring_file import load_keyring


@dataclass(frozen=True)
class Commands:
    """Runs commands on one data directory and one store."""

    settings: Settings
    redis_url: str

    def run(self, *arguments: str, stdin: str | bytes | None = None) -> Result:
        """Run one command; an exception that is not an exit code is the test's failure."""
        load_keyring(self.settings)
        shared = ["--data-dir", str(self.settings.data_dir), "--redis-url", self.redis_url]
        result = CliRunner().invoke(main, [*shared, *arguments], input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
        assert "Traceback" not in result.stderr
        return result

    def json(self, *arguments: str, stdin: str | bytes | None = None) -> Any:
        """Run a command that must succeed and return its JSON."""
        result = self.run(*arguments, "--json", stdin=stdin)
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    def refused(self, *arguments: str, code: int = 2, stdin: str | bytes | None = None) -> str:
        """Run a command that must be refused with a sentence, and return the sentence."""
        result = self.run(*arguments, stdin=stdin)
        assert result.exit_code == code, (result.stdout, result.stderr)
        assert result.stderr.strip()
        return result.stderr
