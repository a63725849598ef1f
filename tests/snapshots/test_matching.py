"""A record whose date or term was corrected is found again, once, and no other in its place."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from snapshots import pairs


def rows(*records: tuple[str, str, str | None, str | None]) -> pl.DataFrame:
    schema = dict.fromkeys(("subject", "term", "start", "grade"), pl.String)
    return pl.DataFrame(records, schema=schema, orient="row")


def paired(
    old: pl.DataFrame, new: pl.DataFrame, *, nearest_first: bool = True
) -> list[tuple[int, int]]:
    return pairs(
        old,
        new,
        within=("subject", "term"),
        date="start",
        compared=("grade",),
        least_equal=0.5,
        nearest_first=nearest_first,
    )


def test_the_nearest_date_is_the_record_and_each_is_in_one_pair() -> None:
    old = rows(("1", "Rash", "2023-03-10", "2"), ("1", "Rash", "2023-04-02", "2"))
    new = rows(("1", "Rash", "2023-04-01", "2"), ("1", "Rash", "2023-03-12T08:00", "2"))
    assert sorted(paired(old, new)) == [(0, 1), (1, 0)]
    assert paired(old, new[:1]) == [(1, 0)]


def test_more_in_common_comes_first_where_it_is_asked_for() -> None:
    old = rows(("1", "Rash", "2023-03-10", None))
    far = rows(("1", "Rash", "2023-03-11", "4"), ("1", "Rash", "2023-05-11", None))
    assert paired(old, far) == [(0, 1)]
    old = rows(("1", "Rash", "2023-03-10", "2"), ("1", "Rash", "2023-03-30", "3"))
    new = rows(("1", "Rash", "2023-03-28", "2"))
    assert paired(old, new, nearest_first=False) == [(0, 0)]


def test_of_another_participant_term_or_content_is_no_pair() -> None:
    old = rows(("1", "Rash", "2023-03-10", "2"))
    others = rows(
        ("2", "Rash", "2023-03-10", "2"),
        ("1", "Fever", "2023-03-10", "2"),
        ("1", "Rash", "2023-03-10", "4"),
    )
    assert paired(old, others) == []
    assert paired(rows(), old) == paired(old, rows()) == []


def test_a_date_that_is_not_complete_is_the_farthest() -> None:
    old = rows(("1", "Rash", "2023-03-10", "2"))
    new = rows(
        ("1", "Rash", "2023-03", "2"), ("1", "Rash", None, "2"), ("1", "Rash", "2024-01-01", "2")
    )
    assert paired(old, new) == [(0, 2)]
    assert paired(old, new[:2]) == [(0, 0)]


RECORDS = st.lists(
    st.tuples(
        st.sampled_from("12"),
        st.sampled_from("ab"),
        st.sampled_from(["2023-03-10", "2023-03-11", "2023", None]),
        st.sampled_from(["1", "2", None]),
    ),
    max_size=6,
)


@given(RECORDS, RECORDS)
def test_pairs_are_one_to_one_and_the_same_both_ways(
    old: list[tuple[str, str, str | None, str | None]],
    new: list[tuple[str, str, str | None, str | None]],
) -> None:
    found = paired(rows(*old), rows(*new))
    assert len({one for one, _ in found}) == len({other for _, other in found}) == len(found)
    assert len(paired(rows(*new), rows(*old))) == len(found)
    assert all(old[one][:2] == new[other][:2] for one, other in found)
