"""Names on an axis: short, safe, no two alike, whatever an extract calls things."""

from hypothesis import example, given
from hypothesis import strategies as st

from exhibits.parts.theme import LONGEST_NAME, axis_names, figure, in_lines

texts = st.lists(st.one_of(st.text(max_size=120), st.just("Acute respiratory <b>distress</b>")))


@given(texts, st.integers(1, 3))
@example(["\n", "a\rb"], 1)
def test_names_are_short_safe_and_no_two_alike(names: list[str], lines: int) -> None:
    shown = axis_names(names, lines)
    assert len(shown) == len(set(shown)) == len(names)
    for name in shown:
        parts = name.split("<br>")
        assert len(parts) <= lines
        assert not any(mark in part for part in parts for mark in "<>")
        for part in parts:
            unescaped = part.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
            assert len(unescaped.partition(" (")[0]) <= LONGEST_NAME


@given(st.lists(st.text("abc", min_size=1, max_size=LONGEST_NAME), min_size=1), st.integers(8, 40))
@example(["Any", "grade:", "difference,", "%", "points"], 12)
def test_a_title_is_broken_between_words_only(words: list[str], longest: int) -> None:
    lines = in_lines(" ".join(words), longest).split("<br>")
    assert " ".join(lines).replace("\u00a0", " ").split() == words
    assert all(len(line) <= max(longest, LONGEST_NAME) for line in lines)


def test_a_percent_sign_begins_no_line_alone() -> None:
    assert in_lines("Participants, %", 13) == "Participants,\u00a0%"
    assert in_lines("Difference, % points", 12) == "Difference,<br>%\u00a0points"


def test_a_title_has_the_room_beside_numbers_or_names() -> None:
    title = "Shift of those without a gas"
    beside_numbers = figure(x_title=title, y_title="mmHg")
    beside_names = figure(x_title=title, y_title="")
    assert beside_numbers.layout.xaxis.title.text == title
    assert beside_names.layout.xaxis.title.text == "Shift of those<br>without a gas"


def test_over_two_lines_a_long_term_is_whole() -> None:
    assert axis_names(["Acute respiratory distress syndrome", "Rash"], lines=2) == [
        "Acute respiratory<br>distress syndrome",
        "Rash",
    ]
