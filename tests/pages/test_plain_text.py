"""Text that may come from an extract is shown letter by letter, whatever Markdown would make of it.

Streamlit reads CommonMark with GitHub's tables and strikethrough; markdown-it does the same here.
Then it turns what is left as text into more: the patterns are those of its frontend (1.67).
"""

import re
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from display.tables import columns_of, decimals
from display.text import kept_together, plain

READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
JOINER = "\u2060"

# What the frontend replaces in text after the Markdown is read, where no escape is left.
MADE_INTO_MORE = (
    r"(?i)(https?://|www(?=\.))([-.\w]+)",
    r"(?<!\w)([-.\w+]+)@([-\w]+(?:\.[-\w]+)+)",
    r":material[/_]\w+:",
    r":streamlit:",
    r":\+1:|:-1:|:[\w-]+:",
    r"(^|\s)(<->|->|<-|--|>=|<=|~=)(\s|$)",
)

PIECES = (
    *"\\`*_{}[]()#+-.!|<>~$:&=^\"'/@ \t\n\r",
    *("a", "b1", "  ", "\n\n", "    ", "---", "***", "```", "1.", "1)", "- ", "> ", "# ", "<b>"),
    *("</b>", "<!--", "-->", "&lt;", "&#60;", "&copy;", "](", "http://", "https://", "www.", ".x"),
    *("x.invalid", "a@b.invalid", ":material/", "science:", ":streamlit:", ":red[", ":smile:"),
    *(
        "->",
        "<-",
        "--",
        ">=",
        "~=",
        "$$",
        "| a |",
        "|--|",
        "[^1]",
        "[^1]:",
        "~~",
        "\u2028",
        "é",
        "汉",
    ),
)
hostile = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
    st.text(st.characters(exclude_categories=("C", "Z")), max_size=20),
)


def read(markdown: str) -> tuple[str, set[str]]:
    """The text that is left of Markdown, and the kinds of markup in it."""
    kinds: set[str] = set()

    def text_of(tokens: list[Token]) -> str:
        parts = []
        for token in tokens:
            if token.type == "inline":
                parts.append(text_of(token.children or []))
            elif token.type == "text":
                parts.append(token.content)
            elif token.type not in {"paragraph_open", "paragraph_close"}:
                kinds.add(token.type)
        return "".join(parts)

    return text_of(READER.parse(markdown)), kinds


def one_line(text: str) -> str:
    return re.sub(r"[\t\n\r ]+", " ", text).strip()


@given(hostile)
@example("a\r===")
@example("    code")
@example("\tcode")
@example("===")
@example("| a |\n|--|")
def test_markdown_leaves_the_text_as_it_is(text: str) -> None:
    shown, kinds = read(plain(text))
    assert kinds == set()
    assert shown.replace(JOINER, "").strip() == one_line(text).strip()


@given(hostile)
def test_nothing_is_made_of_the_text_that_is_left(text: str) -> None:
    shown, _ = read(plain(text))
    for pattern in MADE_INTO_MORE:
        assert not re.search(pattern, shown), pattern


@given(hostile, hostile)
def test_lines_that_are_set_below_each_other_stay_lines(first: str, second: str) -> None:
    """As footnotes are: the second line must not make a heading or a list of the first."""
    shown, kinds = read(f"{plain(first)}  \n{plain(second)}")
    assert kinds <= {"hardbreak"}
    assert re.sub(rf"[\s{JOINER}]", "", shown) == re.sub(r"\s", "", first + second)


@pytest.mark.parametrize(
    "text",
    ["37 of 60 (62 %)", "31 Aug 2023", "PaO2/FiO2", "NCT05689008-010001", "14:30"],
)
def test_what_is_usual_is_copied_as_it_is(text: str) -> None:
    """Nothing invisible gets into what people copy from a page."""
    assert read(plain(text)) == (text, set())


def formats(table: pl.DataFrame) -> list[str]:
    columns: Any = columns_of(table)
    return [column["type_config"]["format"] for column in columns.values()]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([10.0, None, 0.0], 0),
        ([61.5, 100.0], 1),
        ([61.54, 100.0], 2),
        ([100 / 3], 2),
        ([0.0003, 1.0], 4),
        ([1 / 3], 4),
        ([-0.25, 0.5], 2),
        ([12.5, 0.0003], 2),
        ([None], 0),
        ([float("nan"), 3.0], 2),
    ],
)
def test_a_column_has_the_decimals_that_it_needs(values: list[float | None], expected: int) -> None:
    column = pl.Series("", values, pl.Float64)
    assert decimals(column) == expected
    assert formats(column.to_frame()) == [f"%,.{expected}f"]


def test_a_small_p_is_not_written_as_zero() -> None:
    """Nor is what a sum of floats leaves of zero taken for one."""
    assert formats(pl.DataFrame({"p": [0.00002, 0.4], "zero": [1e-17, 0.4]})) == ["%.2g", "%,.1f"]


def test_what_a_row_is_about_stays_in_sight_and_headings_are_whole() -> None:
    heading = "A heading that is longer than everything in its column"
    columns: Any = columns_of(pl.DataFrame({"Term": ["Rash", "x" * 500], heading: [1, 2]}))
    assert [column["pinned"] for column in columns.values()] == [True, False]
    term, count = (column["width"] for column in columns.values())
    assert 6 * 40 < term < 400
    assert count > 6 * len(heading)


def test_no_line_begins_with_a_percent_sign() -> None:
    words, _ = read(kept_together("37 of 60 (62 %), % of all; 5 %"))
    assert words == "37 of 60 (62\u00a0%), % of all; 5\u00a0%"
