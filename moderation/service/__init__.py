"""The use cases: what websites, moderators and operators can have Winnow do.

Each module is one subject and depends only on the store, the scorer and the core; times and ids come from the caller
of the class, so that nothing here reads a clock by itself.
"""
