"""Write the OpenAPI document as it is now to ``openapi-v1.json``, after something was added to version 1."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from moderation import bootstrap
from moderation.config import Settings
from moderation.web import create_app
from moderation.web.openapi import document


def main() -> None:
    """Write the file beside this one."""
    with tempfile.TemporaryDirectory() as directory:
        services = bootstrap.build(Settings(data_dir=Path(directory) / "data"), "unix:///nowhere")
        text = json.dumps(document(create_app(services)), indent=1, sort_keys=True)
    Path(__file__).with_name("openapi-v1.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
