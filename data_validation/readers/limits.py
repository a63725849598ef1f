"""How much of an extract a reader takes in before it refuses."""

import codecs
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The bounds within which an extract is read.

    ``total_bytes``: all dataset files together, uncompressed. ``field_bytes``: one value, in
    UTF-8. ``declared_encoding``: the encoding that the sender names for text that is not UTF-8, as
    Python names it (``gbk``, ``cp1252``). Raises ValueError for a bound below one byte and for an
    encoding that Python does not know.
    """

    total_bytes: int = 4 * 1024**3
    field_bytes: int = 1024**2
    declared_encoding: str | None = None

    def __post_init__(self) -> None:
        if self.total_bytes < 1 or self.field_bytes < 1:
            raise ValueError("The limits of an extract must be at least one byte.")
        if self.declared_encoding is not None:
            try:
                "".encode(self.declared_encoding)
                codecs.getincrementaldecoder(self.declared_encoding)
            except (LookupError, ValueError):
                raise ValueError(
                    f"The declared encoding {self.declared_encoding!r} is not a text encoding "
                    "that Python knows; write it as utf-8, gb18030, gbk or cp1252, for example."
                ) from None
