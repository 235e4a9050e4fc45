"""Backups of an embedded installation: one private file that holds all that is worth keeping.

``archive`` owns the format and trusts nothing it reads; ``snapshot`` gets the data out of and into a store. Neither
knows an outside Redis: its own snapshots are better.
"""
