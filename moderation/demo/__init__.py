"""The demonstration: a service, a small website beside it, and comments sent through the real API.

Owns what ``winnow demo`` plays. The website is ``examples/form`` in a process of its own; it knows an address and keys,
nothing else.
"""
