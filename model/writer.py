"""Writes one comment from the phrasebook: fills its slots, signs it and gives it an address.

A writer knows its language and, for spam, its trade, so that anchor, host and author name of one comment sell the same
thing. It decides no labels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from model import invented, spintax
from model.phrasebook import Language, Phrasebook
from model.spintax import Sequence, Slot

DEFAULT_TRADE: Final = "flattery"
SIGNED: Final = 0.55
"""Share of rows with an author; the same for spam and ham, so that a missing name says nothing."""
SHORTENED: Final = 0.04
KEYWORD_NAMES: Final = 0.45
"""Share of spam that is signed with what it sells, where a name is given."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes one comment.

    Attributes:
        trade: What the comment sells; ``None`` for an honest one.
    """

    book: Phrasebook
    language: Language
    rng: Random
    trade: str | None

    def write(self, pattern: Sequence, depth: int = 0) -> str:
        """Return the pattern with every slot filled."""
        return spintax.write(pattern, self.rng, self._fill, depth)

    def author(self) -> str | None:
        """Return the name below the comment, often a keyword for spam; ``None`` where it is left out."""
        if self.rng.random() > SIGNED:
            return None
        if self.trade and self.rng.random() < KEYWORD_NAMES:
            keyword = self._anchor(0)
            return self.rng.choice((keyword, keyword.title(), keyword.lower(), self._brand()))
        return self.rng.choice((self._name, self._name, self._full_name, self._full_name, self._handle))()

    def author_url(self, share: float) -> str | None:
        """Return the address that the author left in the form, commercial for spam and personal for others."""
        if self.rng.random() > share:
            return None
        return self._commercial_url() if self.trade else self._personal_url()

    def _fill(self, slot: Slot, depth: int) -> str:
        built_in = BUILT_IN.get(slot.name)
        if built_in:
            return built_in(self, slot.argument, depth)
        for slots in (self.language.slots, self.book.common, self.book.fallback):
            if slot.name in slots:
                return self.write(self.rng.choice(slots[slot.name]), depth)
        raise spintax.PatternError(f"nobody fills {{{slot.name}}}")

    def _selling(self) -> str:
        return self.trade or DEFAULT_TRADE

    def _anchor(self, depth: int) -> str:
        return self._fill(Slot(f"key_{self._selling()}", ""), depth + 1)

    def _link(self, depth: int) -> str:
        return self._formatted("spam", self._anchor(depth), self._commercial_url())

    def _honest_link(self, depth: int) -> str:
        anchor = self.rng.choice((self._anchor_of_reader(depth), "here", "link", self._word()))
        return self._formatted("ham", anchor, self._fill(Slot("honest_url", ""), depth + 1))

    def _anchor_of_reader(self, depth: int) -> str:
        return self._fill(Slot("project", ""), depth)

    def _formatted(self, manner: str, anchor: str, target: str) -> str:
        values = {"anchor": anchor, "target": target}
        return spintax.write(self.rng.choice(self.book.formats[manner]), self.rng, lambda slot, _: values[slot.name])

    def _commercial_url(self) -> str:
        if self.rng.random() < SHORTENED:
            return f"https://{self.rng.choice(self.book.materials.parts['short'])}/{invented.video(self.rng)[:7]}"
        bare = self.rng.random() < 0.12
        path = self.write(self.rng.choice(self.book.paths))
        return f"{'' if bare else invented.scheme(self.rng)}{self._host()}{path}"

    def _personal_url(self) -> str:
        return f"{invented.scheme(self.rng)}{self._personal_host()}{self.rng.choice(('', '/', '/'))}"

    def _host(self) -> str:
        return invented.sales_host(self.rng, self.book.materials, self._selling())

    def _personal_host(self) -> str:
        return invented.personal_host(self.rng, self.book.materials)

    def _brand(self) -> str:
        return invented.brand(self.rng, self.book.materials, self._selling())

    def _name(self) -> str:
        return invented.given_name(self.rng, self.book.materials, self.language.code)

    def _full_name(self) -> str:
        return invented.full_name(self.rng, self.book.materials, self.language.code)

    def _handle(self) -> str:
        return invented.handle(self.rng, self.book.materials)

    def _sales_handle(self) -> str:
        return invented.sales_handle(self.rng, self.book.materials, self._selling())

    def _word(self) -> str:
        return invented.word(self.rng, self.book.materials)

    def _slug(self, joint: str) -> str:
        return invented.slug(self.rng, self.book.materials, joint)


BUILT_IN: Final[dict[str, Callable[[Writer, str, int], str]]] = {
    "number": lambda writer, span, _: invented.number(writer.rng, span),
    "digits": lambda writer, length, _: invented.text_of(writer.rng, "0123456789", int(length)),
    "hex": lambda writer, length, _: invented.text_of(writer.rng, "0123456789abcdef", int(length)),
    "upper": lambda writer, length, _: invented.capitals(writer.rng, int(length)),
    "phone": lambda writer, _, __: invented.phone(writer.rng),
    "video_id": lambda writer, _, __: invented.video(writer.rng),
    "slug": lambda writer, _, __: writer._slug("-"),
    "slug_under": lambda writer, _, __: writer._slug("_"),
    "handle": lambda writer, _, __: writer._handle(),
    "spam_handle": lambda writer, _, __: writer._sales_handle(),
    "name": lambda writer, _, __: writer._name(),
    "fullname": lambda writer, _, __: writer._full_name(),
    "invented": lambda writer, _, __: writer._word().capitalize(),
    "brandname": lambda writer, _, __: writer._brand(),
    "host": lambda writer, _, __: writer._host(),
    "url": lambda writer, _, __: writer._commercial_url(),
    "link": lambda writer, _, depth: writer._link(depth),
    "key": lambda writer, _, depth: writer._anchor(depth),
    "honest_link": lambda writer, _, depth: writer._honest_link(depth),
    "personal_host": lambda writer, _, __: writer._personal_host(),
    "personal_url": lambda writer, _, __: writer._personal_url(),
    "wiki_language": lambda writer, _, __: writer.language.code,
}
"""Slots that code fills, by name; each gets the writer, the slot's argument and the depth of nesting."""
