"""Plain addresses take a short way through validation; it must say what the library says."""

from __future__ import annotations

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from moderation.core.identity import IdentityKey, InvalidAddress, Keyring, identify

KEYRING = Keyring([IdentityKey(1, b"k" * 32)])
LOCAL = st.text("abzAZ09.!#$%&'*+/=?^_`{|}~-@\" (\\ö", max_size=70)
DOMAIN = st.one_of(
    st.text("abzAZ09.-_[]:xnö", max_size=30),
    st.sampled_from(
        ["example.org", "EXAMPLE.org", "mail.test", "localhost", "a.b", "xn--bcher-kva.example", "a..b", "1.2"]
    ),
    st.lists(st.text("ab1-", min_size=1, max_size=70), min_size=1, max_size=5).map(".".join),
)


@given(LOCAL, DOMAIN)
@example("a" * 64, "example.org")
@example("a" * 65, "example.org")
@example("a.b", "example.org")
@example("a..b", "example.org")
@example(".a", "example.org")
@example("Postmaster", "example.org")
@example("a", "b" * 64 + ".org")
@example("a", ".".join(["b" * 60] * 4) + ".org")
@example("a" * 64, ".".join(["b" * 60] * 3) + ".org")
@example("a", "example.org.")
@example("a\n", "example.org")
def test_short_way_agrees_with_the_library(local: str, domain: str) -> None:
    typed = f"{local}@{domain}".strip()
    try:
        expected = validate_email(typed, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        with pytest.raises(InvalidAddress):
            identify(typed, site="site-a", keyring=KEYRING, is_disposable=lambda _: False)
        return

    found = identify(typed, site="site-a", keyring=KEYRING, is_disposable=lambda _: False)

    assert found.identity.facts.domain == expected.ascii_domain.lower()
    assert found.identity.facts.dots_in_local_part == expected.local_part.count(".")
    again = identify(expected.normalized, site="site-a", keyring=KEYRING, is_disposable=lambda _: False)
    assert found.identity.id == again.identity.id
    assert expected.normalized not in found.forget_in(f"write to {expected.normalized} now")
