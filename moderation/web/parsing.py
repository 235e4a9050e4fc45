"""From bytes to values: the body of a request, checked whole, with every fault named at once.

Owns ``parse_submission``: the plain e-mail address is read here, handed to ``identify``, and gone when it returns.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from disposable_email_domains import blocklist
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from moderation.core.comment import ANONYMOUS, Idempotency, Submission
from moderation.core.errors import Fault, InvalidInput, MalformedBody
from moderation.core.identity import Identified, InvalidAddress, Keyring, check_ip, examine, identify, public_name
from moderation.core.site import Site
from moderation.web.schemas import CheckIn, SubmissionIn

IDEMPOTENCY_KEY_MAX = 255
FIELD_NAME_SHOWN = 64  # Characters of an unknown field's name that an error repeats.
MAX_FAULTS = 50
_CODES = {
    "missing": "required",
    "extra_forbidden": "unknown-field",
    "string_pattern_mismatch": "invalid-format",
    "string_too_short": "too-short",
    "string_too_long": "too-long",
    "too_short": "too-few",
    "too_long": "too-many",
    "literal_error": "not-a-choice",
}
_DETAILS = {
    "required": "This field is required.",
    "unknown-field": "There is no such field.",
    "too-short": "This is empty or too short.",
}
_FORMATS = {
    "content": "The text must have a visible character and no NUL.",
    "author": "A name is one line with a visible character and no NUL.",
    "moderator": "A name is one line with a visible character and no NUL.",
    "permalink": "This must be an absolute http or https URL.",
    "author_url": "This must be an absolute http or https URL.",
    "webhook_url": "This must be an absolute http or https URL.",
    "rate_limit": "A limit is a number and a unit, such as 60/minute, or off.",
}

M = TypeVar("M", bound=BaseModel)
Identify = Callable[[str], Identified]
Network = Callable[[str], str | None]


def is_disposable(domain: str) -> bool:
    """Return whether a domain, or one above it, belongs to a throw-away provider."""
    return domain in blocklist or domain.partition(".")[2] in blocklist


def parse_body(model: type[M], body: bytes) -> M:
    """Return the body as ``model``.

    Raises:
        MalformedBody: If it is not JSON.
        InvalidInput: If fields are wrong; names all of them.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise _invalid(error) from None


def _invalid(error: ValidationError) -> InvalidInput:
    found = error.errors(include_input=False, include_url=False, include_context=False)
    if found[0]["type"] == "json_invalid":
        return MalformedBody("The body is not valid JSON in UTF-8, or it is nested too deeply.")
    return InvalidInput("The request has invalid fields.", [_fault(one) for one in found[:MAX_FAULTS]])


def _fault(found: Mapping[str, Any]) -> Fault:
    location: Sequence[str | int] = found["loc"]
    pointer = "".join("/" + _escaped(part) for part in location)
    code = _CODES.get(found["type"], "invalid-type" if found["type"].endswith("_type") else "invalid-value")
    name = next((str(part) for part in reversed(location) if isinstance(part, str)), "")
    if code == "invalid-format":
        return Fault(pointer, code, _FORMATS.get(name, "This has characters or a form that the field does not take."))
    return Fault(pointer, code, _DETAILS.get(code) or found["msg"].rstrip(".") + ".")


def _escaped(part: str | int) -> str:
    shown = public_name(str(part))[:FIELD_NAME_SHOWN]
    return shown.replace("~", "~0").replace("/", "~1").encode("utf-8", "replace").decode()


def parse_submission(body: bytes, *, site: Site, keyring: Keyring) -> Submission:
    """Return the submission in a body, its address already turned into a pseudonym.

    Raises:
        MalformedBody, InvalidInput: With every fault that the body has.
    """
    try:
        given = SubmissionIn.model_validate_json(body)
    except ValidationError as error:
        invalid = _invalid(error)
        if isinstance(invalid, MalformedBody):
            raise invalid from None
        raise InvalidInput(str(invalid), [*invalid.faults, *_raw_faults(body, site)]) from None
    return submission_of(given, site=site, keyring=keyring)


def _raw_faults(body: bytes, site: Site) -> list[Fault]:
    """Return what is wrong with address and network in a body that has other faults too."""
    faults: list[Fault] = []
    try:
        given = from_json(body)
    except (ValueError, RecursionError):  # A number too long for Python, say; its own fault is named already.
        return faults
    if isinstance(given, dict):
        address, ip = given.get("author_email"), given.get("user_ip")
        if address is None or isinstance(address, str):
            _identified(address, site, _examined, faults)
        _network_id(ip if isinstance(ip, str) else None, _checked_ip, faults)
    return faults


def parse_batch(body: bytes, *, site: Site) -> list[Submission]:
    """Return the submissions of a batch, without pseudonyms: nothing of them is stored.

    Raises:
        MalformedBody, InvalidInput: As ``parse_submission``, with pointers into the batch.
    """
    submissions, faults = [], []
    for index, given in enumerate(parse_body(CheckIn, body).comments):
        try:
            submissions.append(_submission(given, site, _examined, _checked_ip))
        except InvalidInput as error:
            faults += [Fault(f"/comments/{index}{one.pointer}", one.code, one.detail) for one in error.faults]
    if faults:
        raise InvalidInput("The request has invalid fields.", faults[:MAX_FAULTS])
    return submissions


def submission_of(given: SubmissionIn, *, site: Site, keyring: Keyring) -> Submission:
    """Return a validated body as a submission: the address becomes a pseudonym and is masked wherever else it stands.

    Raises:
        InvalidInput: If the address or the network is malformed, or the address is missing.
    """
    return _submission(given, site, *_naming(site, keyring))


def _submission(given: SubmissionIn, site: Site, identified_by: Identify, network_by: Network) -> Submission:
    faults: list[Fault] = []
    identified = _identified(given.author_email, site, identified_by, faults)
    ip_id = _network_id(given.user_ip, network_by, faults)
    if faults:
        raise InvalidInput("The request has invalid fields.", faults)
    forget = identified.forget_in if identified else str
    return Submission(
        content=forget(given.content),
        permalink=forget(given.permalink),
        author_name=public_name(forget(given.author.strip())),
        author=identified.identity if identified else ANONYMOUS,
        author_url=forget(given.author_url) if given.author_url else None,
        content_type=given.content_type,
        parent_id=forget(given.parent_id) if given.parent_id else None,
        external_id=forget(given.external_id) if given.external_id else None,
        language=given.language,
        type=given.type,
        honeypot=given.honeypot,
        form_seconds=given.form_seconds,
        author_is_trusted=given.author_is_trusted,
        ip_id=ip_id,
    )


def _naming(site: Site, keyring: Keyring) -> tuple[Identify, Network]:
    """Return what turns addresses of people and of networks into a site's pseudonyms."""
    return (
        lambda address: identify(address, site=site.name, keyring=keyring, is_disposable=is_disposable),
        lambda ip: keyring.network_id(ip, site=site.name),
    )


def _examined(address: str) -> Identified:
    return examine(address, is_disposable=is_disposable)


def _checked_ip(ip: str) -> None:
    check_ip(ip)


def _identified(address: str | None, site: Site, named_by: Identify, faults: list[Fault]) -> Identified | None:
    """Return what is left of an address, or add what is wrong with it to ``faults``."""
    if not address or not address.strip():
        if site.policy.email_required:
            faults.append(Fault("/author_email", "required", "This field is required; the address is never published."))
        return None
    try:
        return named_by(address)
    except InvalidAddress as error:
        faults.append(error.fault)
        return None


def _network_id(ip: str | None, named_by: Network, faults: list[Fault]) -> str | None:
    """Return the pseudonym of a network, or add what is wrong with the address to ``faults``."""
    if not ip:
        return None
    try:
        return named_by(ip)
    except ValueError:
        faults.append(Fault("/user_ip", "invalid-ip", "This is neither an IPv4 nor an IPv6 address."))
        return None


def author_ids(address: str, *, site: Site, keyring: Keyring) -> tuple[str, ...]:
    """Return the pseudonyms of an address under every active key.

    Raises:
        InvalidInput: If it is malformed.
    """
    try:
        return identify(address, site=site.name, keyring=keyring, is_disposable=is_disposable).identity.ids
    except InvalidAddress as error:
        raise InvalidInput("The request has invalid fields.", [error.fault]) from None


def parse_idempotency(header: str | None, *, route: str, body: bytes, key: bytes) -> Idempotency | None:
    """Return the Idempotency-Key of a request, hashed under a key of ours, or None where there is none.

    Args:
        header: As it came; quoted (RFC 8941) or not.
        route: Method and path, which are part of the key's scope.
        body: For the fingerprint.
        key: Secret; a client may have put an address into its key.

    Raises:
        InvalidInput: If the key is empty, too long, or not visible ASCII.

    Source: draft-ietf-httpapi-idempotency-key-header-07.
    """
    if header is None:
        return None
    value = header.strip()
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1]
    if not 1 <= len(value) <= IDEMPOTENCY_KEY_MAX or not value.isascii() or not value.isprintable():
        detail = f"An Idempotency-Key is 1 to {IDEMPOTENCY_KEY_MAX} visible ASCII characters."
        raise InvalidInput(detail, [Fault("", "invalid-idempotency-key", detail)])
    return Idempotency(digest=_digest(key, f"{route}\0{value}".encode()), fingerprint=_digest(key, body))


def _digest(key: bytes, message: bytes) -> str:
    return hmac.digest(key, message, hashlib.sha256)[:16].hex()
