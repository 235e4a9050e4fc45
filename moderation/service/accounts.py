"""Moderators' accounts: adding them, signing in, sessions, and slowing down those who guess.

Owns the rules for passwords (OWASP ASVS 5.0, chapters 6 and 7). There are no default accounts. A session is a random id
of 256 bits that only the browser knows; the store has its SHA-256.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property

import argon2
import structlog

from moderation.core.errors import Fault, Forbidden, InvalidInput, NotFound, RateLimited, Unauthenticated
from moderation.core.identity import Keyring
from moderation.service.passwords import password_faults
from moderation.service.submissions import Clock
from moderation.store.accounts import Account, AccountStore, Role, Session

HASHES_AT_ONCE = 2  # Argon2 takes 64 MiB each; more would let sign-ins exhaust the memory of a small machine.
SESSION_BYTES = 32  # 256 bits; ASVS 7.2.3 asks for 128.
IDLE_SECONDS = 8 * 3600  # A working day: tea does not sign anybody out, a night does.
ABSOLUTE = timedelta(days=7)
TOUCH_SECONDS = 60  # A session's last use is written at most this often.
WINDOW_SECONDS = 15 * 60
PAIR_ATTEMPTS = 5  # For one name from one network.
NETWORK_ATTEMPTS = 30  # For all names from one network: an office behind one address still gets in.
NAME_ATTEMPTS = 60  # For one name from all networks: a distributed guess is slowed, the owner seldom locked out.
MAX_SESSIONS = 20  # For each account; the one unused for longest ends.
_NAME = re.compile(r"[\w](?:[\w .'-]{0,62}[\w.])?")
_REFUSED = "The name or the password is not right."
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, repr=False)
class SignedIn:
    """A browser's session and whose it is.

    Attributes:
        token: The secret id; nobody else may see it.
    """

    account: Account
    session: Session
    token: str

    @property
    def csrf(self) -> str:
        """Return what every form of this session must send back."""
        return hashlib.sha256(b"csrf\0" + self.token.encode()).hexdigest()

    @property
    def is_admin(self) -> bool:
        """Return whether the settings are open to them."""
        return self.account.role is Role.ADMIN

    def may_see(self, site: str) -> bool:
        """Return whether the account works on a site."""
        return self.is_admin or site in self.account.sites


class Accounts:
    """Knows who may moderate; safe for threads.

    Args:
        hasher: With other costs than argon2-cffi's (RFC 9106, low memory); older hashes are renewed at sign-in.
    """

    def __init__(
        self, store: AccountStore, keyring: Keyring, *, now: Clock, hasher: argon2.PasswordHasher | None = None
    ) -> None:
        self._store = store
        self._now = now
        self._throttle_key = keyring.newest.derive("sign-in")
        self._hasher = hasher or argon2.PasswordHasher()
        self._slots = threading.BoundedSemaphore(HASHES_AT_ONCE)

    @cached_property
    def _dummy(self) -> str:
        """Return a hash to check against where there is no account, so that both take the same time."""
        return self._hash(secrets.token_hex(16))

    def _hash(self, password: str) -> str:
        with self._slots:
            return self._hasher.hash(_bytes(password))

    def _is_right(self, stored: str, password: str) -> bool:
        with self._slots:
            try:
                return self._hasher.verify(stored, _bytes(password))
            except argon2.exceptions.VerificationError:
                return False

    def add(self, name: str, password: str, *, sites: tuple[str, ...] = (), role: Role = Role.MODERATOR) -> Account:
        """Open an account.

        Raises:
            InvalidInput: If name or password are not acceptable, the name is taken, or a moderator has no site.
        """
        faults = [*_name_faults(name), *password_faults(password, name)]
        if role is Role.MODERATOR and not sites:
            faults.append(Fault("/sites", "no-site", "A moderator works on at least one site."))
        if faults:
            raise _invalid("The moderator cannot be added", faults)
        now = self._now()
        account = Account(
            name=name, role=role, sites=sites, password=self._hash(password), created_at=now, valid_from=now
        )
        if not self._store.add(account):
            raise InvalidInput(
                f"There is a moderator {name!r} already.", [Fault("/name", "taken", "Choose another name.")]
            )
        return account

    def get(self, name: str) -> Account:
        """Return one account.

        Raises:
            NotFound: If there is none of that name.
        """
        return self._store.get(name)

    def all(self) -> list[Account]:
        """Return every account, sorted by name."""
        return self._store.all()

    def disable(self, name: str) -> Account:
        """Close an account; its sessions end at once."""
        now = self._now()
        account = replace(self._store.get(name), disabled_at=now, valid_from=now)
        self._store.replace(account)
        self._end_all(name)
        return account

    def set_password(self, name: str, password: str) -> Account:
        """Replace a password and end every session of the account; a closed account is open again.

        Raises:
            NotFound: If there is none of that name.
            InvalidInput: If the password is not acceptable.
        """
        account = self._store.get(name)
        faults = password_faults(password, name)
        if faults:
            raise _invalid("The password cannot be used", faults)
        account = replace(account, password=self._hash(password), valid_from=self._now(), disabled_at=None)
        self._store.replace(account)
        self._end_all(name)
        return account

    def change_password(self, signed_in: SignedIn, *, current: str, new: str, network: str) -> SignedIn:
        """Let somebody replace their own password; every other session of theirs ends, and this one gets a new id.

        Raises:
            InvalidInput: If the current password is wrong or the new one not acceptable.
            RateLimited: If the current one was wrong too often.
        """
        name = signed_in.account.name
        subjects = self._check_attempts(name, network)
        if not self._is_right(signed_in.account.password, current):
            raise InvalidInput("Nothing was changed.", [Fault("/current", "wrong", "This is not your password.")])
        self._store.forgive(subjects[:1])
        account = self.set_password(name, new)
        return self._start(account, signed_in.session.device)

    def sign_in(self, name: str, password: str, *, network: str, device: str) -> SignedIn:
        """Check a password and begin a session.

        Args:
            name: As typed.
            password: As typed; nothing is cut off.
            network: Any text that is equal for attempts from one network.
            device: What the session list shows.

        Raises:
            Unauthenticated: If name or password are wrong, or the account is closed; the three look alike.
            RateLimited: If there were too many attempts.
        """
        subjects = self._check_attempts(name, network)
        account = self._find(name)
        is_right = self._is_right(account.password if account else self._dummy, password)
        if account is None or not is_right or account.disabled_at is not None:
            _log.warning("sign-in-refused")
            raise Unauthenticated(_REFUSED)
        self._store.forgive(subjects[:1])
        _log.info("signed-in", moderator=account.name)
        return self._start(self._rehashed(account, password), device)

    def _find(self, name: str) -> Account | None:
        if not _NAME.fullmatch(name):
            return None
        try:
            return self._store.get(name)
        except NotFound:
            return None

    def _rehashed(self, account: Account, password: str) -> Account:
        if not self._hasher.check_needs_rehash(account.password):
            return account
        account = replace(account, password=self._hash(password))
        self._store.replace(account)
        return account

    def _check_attempts(self, name: str, network: str) -> tuple[str, str, str]:
        """Count an attempt before it is looked at, so that many at once cannot slip through."""
        subjects = (
            self._subject("pair", name, network),
            self._subject("network", network),
            self._subject("name", name),
        )
        limits = (PAIR_ATTEMPTS, NETWORK_ATTEMPTS, NAME_ATTEMPTS)
        for subject, limit in zip(subjects, limits, strict=True):
            count, left = self._store.count_attempt(subject, window_seconds=WINDOW_SECONDS)
            if count > limit:
                _log.warning("sign-in-throttled")
                raise RateLimited(quota=limit, window_seconds=WINDOW_SECONDS, retry_after_seconds=max(1, left))
        return subjects

    def _subject(self, *parts: str) -> str:
        message = _bytes("\0".join(parts))
        return hmac.new(self._throttle_key, message, hashlib.sha256).hexdigest()[:32]

    def _start(self, account: Account, device: str) -> SignedIn:
        token = secrets.token_urlsafe(SESSION_BYTES)
        now = self._now()
        session = Session(digest=_digest(token), name=account.name, device=device, created_at=now, seen_at=now)
        self._store.start_session(session, idle_seconds=IDLE_SECONDS)
        surplus = self._store.sessions(account.name)[MAX_SESSIONS:]
        self._store.end_sessions(account.name, [one.digest for one in surplus])
        return SignedIn(account, session, token)

    def resume(self, token: str) -> SignedIn:
        """Return whose session an id is, and note that it was used.

        Raises:
            Unauthenticated: If it is unknown, ended, too old, or the account was closed.
        """
        found, now = self.look_up(token), self._now()
        if (now - found.session.seen_at).total_seconds() >= TOUCH_SECONDS:
            self._store.touch_session(found.session.digest, now=now, idle_seconds=IDLE_SECONDS)
        return found

    def look_up(self, token: str) -> SignedIn:
        """Return whose session an id is, for what a page does by itself: a forgotten one ends all the same.

        Raises:
            Unauthenticated: As ``resume`` does.
        """
        session = self._store.session(_digest(token))
        if session is None:
            raise Unauthenticated("Please sign in.")
        account = self._find(session.name)
        now = self._now()
        is_over = account is None or session.created_at < account.valid_from or session.created_at + ABSOLUTE < now
        if account is None or is_over or account.disabled_at is not None:
            self._store.end_sessions(session.name, [session.digest])
            raise Unauthenticated("Your session has ended. Please sign in again.")
        return SignedIn(account, session, token)

    def sessions(self, name: str) -> list[Session]:
        """Return where an account is signed in, latest use first."""
        return self._store.sessions(name)

    def end_session(self, name: str, digest: str) -> None:
        """End one session of an account.

        Raises:
            Forbidden: If it is not the account's own.
        """
        session = self._store.session(digest)
        if session is None:
            return
        if session.name != name:
            raise Forbidden("This session is not yours.")
        self._store.end_sessions(name, [digest])

    def _end_all(self, name: str) -> None:
        self._store.end_sessions(name, [session.digest for session in self._store.sessions(name)])


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _digest(token: str) -> str:
    return hashlib.sha256(_bytes(token)).hexdigest()


def _invalid(what: str, faults: list[Fault]) -> InvalidInput:
    """Return the error with its details in the sentence, since a command line shows no more than that."""
    return InvalidInput(f"{what}: {' '.join(fault.detail for fault in faults)}", faults)


def _name_faults(name: str) -> list[Fault]:
    if _NAME.fullmatch(name):
        return []
    detail = "A name has 1 to 64 letters, digits, spaces, dots, hyphens or underscores, the first a letter or digit."
    return [Fault("/name", "invalid-name", detail)]
