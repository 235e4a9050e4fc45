"""The only code that knows Redis: keys, scripts, and what is kept where (docs/storage.md)."""
