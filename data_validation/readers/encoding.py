"""Text in the encodings that senders use, for every format that does not fix its own.

In turn: UTF-8; the declared encoding; then by what the bytes say, GB18030 or Windows-1252. Nearly
every text in one of these two can be read as the other: the micro sign of µmol/L and the letter
after it are one Chinese character. Chinese text is made of the common characters of GB 2312, two
high bytes each; in Western text a high byte stands beside plain letters.
"""

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from data_validation.readers.limits import Limits
from data_validation.readers.problems import Refusal

_CHUNK = 4 * 1024**2
# A letter of UTF-8; one that lacks its end where the field ends; and any other high byte.
_UTF_8 = re.compile(
    rb"([\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})"
    rb"|((?:[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})(?=[\s\",;|]|$))"
    rb"|[\x80-\xff]"
)
# A common character of GB 2312, or a rarer one among no Latin letters; one that is cut; any other.
_GB = re.compile(
    rb"([\xa1-\xa3\xb0-\xd7][\xa1-\xfe]|(?<![A-Za-z])[\xd8-\xf7][\xa1-\xfe](?![A-Za-z]))"
    rb"|([\x81-\xfe](?=[\s\",;|]|$))"
    rb"|[\x81-\xfe](?:[\x30-\x39][\x81-\xfe][\x30-\x39]|[\x40-\xff])?|[\x80-\xff]"
)
_LOOKED_AT = 100_000  # letters, to tell Chinese from Western text
PLACES_SAID = 5


@dataclass(frozen=True)
class Encoding:
    """How a text is to be decoded.

    Attributes:
        note: what should be said of it, if anything.
        cut: where letters lack their end; they are read as U+FFFD.
    """

    name: str
    note: str | None = None
    cut: tuple[int, ...] = ()

    def decode(self, data: bytes) -> str:
        """The text, without a byte order mark."""
        return data.decode(self.name, "replace" if self.cut else "strict").removeprefix("\ufeff")


def as_utf8(data: bytes, limits: Limits) -> tuple[bytes, tuple[str, ...]]:
    """Return the text in UTF-8 without a byte order mark, and notes if it was not whole UTF-8.

    Raises Refusal where no encoding fits.
    """
    found = encoding_of(data, limits)
    if found == _WHOLE:
        return data.removeprefix(codecs.BOM_UTF8), ()
    notes = [found.note] if found.note else []
    if found.cut:
        lines = [data.count(b"\n", 0, place) + 1 for place in found.cut[:PLACES_SAID]]
        notes.append(cut_letters((f"line {line}" for line in lines), len(found.cut)))
    return found.decode(data).encode("utf-8"), tuple(notes)


def cut_letters(places: Iterable[str], count: int) -> str:
    """The note on letters that lack their end, the first few named by place."""
    more = f" and {count - PLACES_SAID} more" if count > PLACES_SAID else ""
    return (
        f"A value is cut within a letter, at {', '.join(places)}{more}; what is left of the letter "
        "is read as \ufffd. Export the column with more length."
    )


def encoding_of(data: bytes, limits: Limits, stated: str = "UTF-8") -> Encoding:
    """Return the first encoding that fits; raises Refusal where none does.

    Args:
        stated: what the encoding that the text should be in is called in a sentence.
    """
    read_as = f"It is not {stated} and was read as {{}}; if text in it looks wrong, declare its "
    read_as += "encoding and read it again."
    if _is_encoded(data, "utf-8"):
        return _WHOLE if stated == "UTF-8" else Encoding("utf-8", read_as.format("UTF-8"))
    declared = limits.declared_encoding
    if declared is not None and _is_encoded(data, declared):
        return Encoding(
            declared, f"It is not {stated} and was read in the declared encoding {declared}."
        )
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise Refusal("is UTF-16, not UTF-8; save it in UTF-8, or declare its encoding.")
    if cut := _cut(_UTF_8, data):
        return Encoding("utf-8", cut=cut)
    if _is_chinese(data):
        if _is_encoded(data, "gb18030"):
            return Encoding("gb18030", read_as.format("GB18030"))
        if cut := _cut(_GB, data):
            return Encoding("gb18030", read_as.format("GB18030"), cut)
    for name, called in (("cp1252", "Windows-1252"), ("gb18030", "GB18030")):
        if _is_encoded(data, name):
            return Encoding(name, read_as.format(called))
    tried = "" if declared is None else f" nor {declared}"
    raise Refusal(
        f"holds text that is neither {stated}{tried} nor GB18030 nor Windows-1252; save it in "
        "UTF-8, or declare its encoding."
    )


_WHOLE = Encoding("utf-8")


def _cut(letters: re.Pattern[bytes], data: bytes) -> tuple[int, ...]:
    """Where letters of a text lack their end; none unless most are whole and none is another's."""
    whole = 0
    cut = []
    for letter in letters.finditer(data):
        if letter[1]:
            whole += 1
        elif letter[2]:
            cut.append(letter.start())
        elif letters is _UTF_8:
            return ()
    return tuple(cut) if whole > len(cut) else ()


def _is_chinese(data: bytes) -> bool:
    common = others = 0
    for letter in islice(_GB.finditer(data), _LOOKED_AT):
        common += letter[1] is not None
        others += letter[1] is None
    return 0 < common >= others


def _is_encoded(data: bytes, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    view = memoryview(data)
    try:
        # In pieces, because the whole text as one str may take four times its size.
        for start in range(0, len(data), _CHUNK):
            decoder.decode(view[start : start + _CHUNK], final=start + _CHUNK >= len(data))
    except UnicodeError:
        return False
    return True
