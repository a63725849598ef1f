"""Names on an axis: short, safe, no two alike, whatever an extract calls things."""

from hypothesis import example, given
from hypothesis import strategies as st

from exhibits.theme import LONGEST_NAME, axis_names

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


def test_over_two_lines_a_long_term_is_whole() -> None:
    assert axis_names(["Acute respiratory distress syndrome", "Rash"], lines=2) == [
        "Acute respiratory<br>distress syndrome",
        "Rash",
    ]
