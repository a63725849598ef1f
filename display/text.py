"""Text that may come from an extract, drawn letter by letter and never read as markup."""

import re

from exhibits.parts.words import readable

# Where Streamlit turns text into more after it has read the Markdown, so that no escape helps:
# addresses into links, names between colons into icons, signs into arrows and dashes. An invisible
# word joiner in the place keeps the text what it is.
JOINER = "\u2060"

_BECOMES_MORE = re.compile(
    r"(?<=:)(?=//|material/|[-+\w]+:)"
    r"|(?<=www)(?=\.)"
    r"|(?<=@)(?=[-\w]+\.)"
    r"|(?<=[<>~-])(?=[-=>](?!\S))",
    re.IGNORECASE,
)


def kept_together(text: str) -> str:
    """Plain text of which no line begins with a `%`; a browser copies a plain space."""
    return re.sub(r"(?<=\d) (?=%)", "\u00a0", plain(text))


def plain(text: str) -> str:
    """Text as Streamlit shows it letter by letter: Markdown, HTML and icons lose their meaning."""
    one_line = re.sub(r"[\t\n\r ]+", " ", readable(text)).removeprefix(" ")
    guarded = _BECOMES_MORE.sub(JOINER, one_line)
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~$:&=])", r"\\\1", guarded)
