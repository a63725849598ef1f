"""Text files in the encodings that senders use, as UTF-8."""

import codecs

from data_validation.readers.limits import Limits
from data_validation.readers.problems import Refusal

_CHUNK = 4 * 1024**2


def as_utf8(data: bytes, limits: Limits) -> tuple[bytes, tuple[str, ...]]:
    """Return the text in UTF-8 without a byte order mark, and a note if it was not UTF-8.

    In turn: UTF-8, the declared encoding, GB18030. Raises Refusal where none of them fits.
    """
    if _is_encoded(data, "utf-8"):
        return data.removeprefix(codecs.BOM_UTF8), ()
    declared = limits.declared_encoding
    if declared is not None and _is_encoded(data, declared):
        text = data.decode(declared).removeprefix("\ufeff").encode("utf-8")
        return text, (f"It is not UTF-8 and was read in the declared encoding {declared}.",)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise Refusal("is UTF-16, not UTF-8; save it in UTF-8, or declare its encoding.")
    if _is_encoded(data, "gb18030"):
        note = (
            "It is not UTF-8 and was read as GB18030; if text in it looks wrong, "
            "declare its encoding and read it again."
        )
        return data.decode("gb18030").removeprefix("\ufeff").encode("utf-8"), (note,)
    tried = "UTF-8 nor GB18030" if declared is None else f"UTF-8 nor {declared} nor GB18030"
    raise Refusal(f"is text in neither {tried}; save it in UTF-8, or declare its encoding.")


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
