"""The review pages: where moderators read, decide and take back.

Owns HTTP and HTML for people; one module a subject. Every action is a form that works without JavaScript and answers
with a redirect; the ES modules in ``static/review`` only make the same forms faster. Refuses inline code and anything
from another host.
"""

from moderation.web.review import account, actions, author, comment, history, live, numbers, queue, settings, verdicts
from moderation.web.review.gate import bp

__all__ = [
    "account",
    "actions",
    "author",
    "bp",
    "comment",
    "history",
    "live",
    "numbers",
    "queue",
    "settings",
    "verdicts",
]
