"""The HTTP API's app, keys and clients, as its own tests have them."""

from __future__ import annotations

from tests.web.conftest import api, api_b, app, client, key, new_process, services, site

__all__ = ["api", "api_b", "app", "client", "key", "new_process", "services", "site"]
