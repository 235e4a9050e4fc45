"""Telling websites what became of their comments: signing, sending, trying again.

``courier`` is the use case; ``transport`` the one place that opens connections to addresses other people chose;
``schedule`` and ``traffic`` decide when, and are pure. What waits is kept by ``moderation.store.outbox``.
"""
