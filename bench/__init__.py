"""Speed in figures: each bench prints a table and one JSON line, and ends by itself."""
