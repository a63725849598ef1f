"""Results without an upper limit of normal are not judged, and counted: never taken for no sign.

Expected values are counted by hand from the rows of each test; limits are 50 U/L of ALT and AST, 20
of bilirubin and 100 of alkaline phosphatase.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import polars as pl
import pytest

from access import View
from exhibits import Exhibit, make
from queries import Board
from tests.conftest import KeyPair, LoadedTrial, board_of
from tests.made_up import TRIAL, Row, assessed, frames, loaded_from, subject
from trials import Trial

LIMITS = {"ALT": "50", "AST": "50", "BILI": "20", "ALP": "100"}
BEFORE = ("BASELINE", "2023-03-02")
PEAK = ("DAY 5", "2023-03-06")
AFTER = ("DAY 10", "2023-03-11")


def result(number: int, code: str, value: str, at: tuple[str, str], limit: str | None = "") -> Row:
    """A result with the limit of its test; with none, or another, where that is said."""
    visit, day = at
    return {
        "USUBJID": subject(number),
        "LBTESTCD": code,
        "LBORRES": value,
        "LBORRESU": "umol/L" if code == "BILI" else "U/L",
        "LBORNRHI": LIMITS[code] if limit == "" else limit,
        "LBSPEC": "SERUM",
        "VISIT": visit,
        "LBDTC": day,
    }


def healthy(*numbers: int, at: tuple[str, str] = BEFORE) -> list[Row]:
    values = {"ALT": "30", "BILI": "10", "ALP": "80"}
    return [result(number, code, value, at) for number in numbers for code, value in values.items()]


def peaks(number: int, alt: str, bilirubin: str, limit: str | None = "") -> list[Row]:
    return [result(number, "ALT", alt, PEAK, limit), result(number, "BILI", bilirubin, PEAK, limit)]


_loaded: dict[tuple[str, int], LoadedTrial] = {}


@contextmanager
def board(
    rows: list[Row], keys: KeyPair, folder: Path, view: View = View.POOLED, trial: Trial = TRIAL
) -> Iterator[Board]:
    # Loaded once for all views and tests of the same rows.
    if (key := (repr(rows), id(trial))) not in _loaded:
        _loaded[key] = loaded_from(frames(rows), keys, folder, trial=trial)
    loaded = _loaded[key]
    with closing(board_of(loaded, view)) as opened:
        yield opened


def boxes(shown: Exhibit) -> list[str]:
    assert shown.table is not None
    return shown.table["quadrant"].to_list()


# All ten with results at baseline and day 10; of five the peak has no limit, or one of 0.
WITHOUT = [
    *healthy(*range(1, 11)),
    *healthy(*range(1, 11), at=AFTER),
    *(row for number in (1, 2, 3) for row in peaks(number, "900", "90", None)),
    *(row for number in (4, 5) for row in peaks(number, "900", "90", "0")),
]


@pytest.mark.parametrize("view", list(View))
def test_who_has_no_limit_at_the_peak_is_not_judged(
    view: View, key_pair: KeyPair, tmp_path: Path
) -> None:
    with board(WITHOUT, key_pair, tmp_path, view) as opened:
        shown, signs = make("liver", opened), make("liver_injury_signs", opened)
        named = [row for item in shown.lists for row in _rows_of(opened, item)]
    assert sorted(boxes(shown)) == ["Neither"] * 5 + ["Not judged"] * 5
    sentence = "Not judged, for the highest value has no upper limit of normal: 5 of 10."
    assert sentence in shown.answer
    assert sentence in shown.attention
    assert sentence in signs.answer
    assert {who for who, why in named if "no upper limit of normal: ALT 900 U/L" in why} == {
        subject(number) for number in range(1, 6)
    }
    assert shown.table is not None
    unjudged = shown.table.filter(quadrant="Not judged")
    assert unjudged["aminotransferase"].null_count() == 5
    assert signs.table is not None
    of_all = signs.table.group_by("sign").agg(pl.col("participants", "of").sum())
    assert of_all.filter(sign="Not judged").row(0) == ("Not judged", 5, 10)
    assert of_all.filter(sign="Hy's law range by peaks").row(0)[1:] == (0, 5)


def _rows_of(opened: Board, item: object) -> list[tuple[str, str]]:
    question, values = item.question, dict(item.values)  # type: ignore[attr-defined]
    return opened.ask(question, **values).select("subject", "why").rows()


def test_who_is_in_the_range_by_results_with_limits_is_judged(
    key_pair: KeyPair, tmp_path: Path
) -> None:
    rows = [*peaks(1, "150", "40"), result(1, "ALT", "900", AFTER, None)]
    rows += [*peaks(2, "30", "10"), result(2, "ALT", "25", AFTER, None)]
    rows += [*peaks(3, "150", "10"), result(3, "BILI", "70", AFTER, None)]
    with board(rows, key_pair, tmp_path) as opened:
        shown = make("liver", opened)
    assert boxes(shown) == ["Hy's law range", "Neither", "Not judged"]


def test_at_least_three_and_two_times_the_limit_are_in_the_range(
    key_pair: KeyPair, tmp_path: Path
) -> None:
    """3.3 / 1.1 is below 3 in binary numbers."""
    rows = [*peaks(1, "150", "40"), *peaks(2, "149.9", "40"), *peaks(3, "150", "39.9")]
    rows += [result(4, "ALT", "33", PEAK, "11"), result(4, "BILI", "22", PEAK, "11")]
    rows += [result(5, "ALT", "3.3", PEAK, "1.1"), result(5, "BILI", "40", PEAK)]
    lower = tuple(
        item.model_copy(update={"lower": 0.1}) if item.name == "alt" else item
        for item in TRIAL.measures
    )
    trial = TRIAL.model_copy(update={"measures": lower})
    with board(rows, key_pair, tmp_path, trial=trial) as opened:
        shown = make("liver", opened)
    assert sorted(boxes(shown)) == ["Cholestasis", *["Hy's law range"] * 3, "Temple's corollary"]


def test_without_alkaline_phosphatase_cholestasis_cannot_be_excluded(
    key_pair: KeyPair, tmp_path: Path
) -> None:
    assert TRIAL.liver is not None
    liver = TRIAL.liver.model_copy(update={"alkaline_phosphatase": None})
    trial = TRIAL.model_copy(update={"liver": liver})
    with board(peaks(1, "150", "40"), key_pair, tmp_path, trial=trial) as opened:
        shown, signs = make("liver", opened), make("liver_injury_signs", opened)
    sentence = "Cholestasis cannot be excluded: alkaline phosphatase is not measured."
    assert boxes(shown) == ["Hy's law range"]
    assert sentence in shown.footnotes
    assert sentence in signs.answer
    assert signs.table is not None
    found = dict(signs.table.select("sign", "participants").rows())
    assert not any("alkaline phosphatase" in sign for sign in found)
    assert found["… and nothing recorded that could explain it"] == 1


def test_alkaline_phosphatase_without_a_limit_is_not_known_to_be_low(
    key_pair: KeyPair, tmp_path: Path
) -> None:
    rows = [row for number in (1, 2, 3) for row in peaks(number, "150", "40")]
    rows += [result(1, "ALP", "80", PEAK), result(2, "ALP", "800", PEAK, None)]
    rows += [result(3, "ALP", "250", PEAK)]
    with board(rows, key_pair, tmp_path) as opened:
        signs = make("liver_injury_signs", opened)
    assert "under 2 × ULN: 1, not known of 1." in signs.answer


def test_who_has_no_limit_at_the_peak_is_not_graded(key_pair: KeyPair, tmp_path: Path) -> None:
    with board(WITHOUT, key_pair, tmp_path) as opened:
        rose, shifts = make("emergent_grades", opened), make("shifts_from_baseline", opened)
    assert rose.table is not None
    graded = {
        name: rest for name, *rest in rose.table.select("name", "graded", "not_graded").rows()
    }
    assert graded == {
        "ALT": [5, 5],
        "Total bilirubin": [5, 5],
        "Alkaline phosphatase": [10, 0],
    }
    # Five of ALT and five of bilirubin.
    sentence = "Not graded, for a result has no limit of normal: 10 pairs"
    assert sentence in rose.answer
    assert sentence in shifts.answer


def test_a_grade_of_3_stands_beside_a_higher_result_without_a_limit(
    key_pair: KeyPair, tmp_path: Path
) -> None:
    rows = healthy(*range(1, 11))
    for number, value in ((1, "300"), (2, "100")):
        rows += [result(number, "ALT", value, PEAK), result(number, "ALT", "900", AFTER, None)]
    with board(rows, key_pair, tmp_path) as opened:
        rose = make("emergent_grades", opened)
    assert rose.table is not None
    (of_alt,) = rose.table.filter(name="ALT").select("graded", "rose", "rose_to_3").rows()
    assert of_alt == (1, 1, 1)


def test_a_limit_of_0_is_no_limit_of_normal(key_pair: KeyPair, tmp_path: Path) -> None:
    with board(WITHOUT, key_pair, tmp_path) as opened:
        limits = opened.ask("laboratory/limits_of_normal", measures=["alt"])
    assert limits.select("lowest_high", "highest_high").rows() == [(50, 50)]


def test_results_without_a_limit_are_one_finding_a_measure() -> None:
    found = assessed(frames(WITHOUT)).open_findings.filter(check="LB-116")
    assert found["severity"].to_list() == ["major", "major"]
    assert sorted(text.partition(" (")[0] for text in found["query"]) == [
        "ALT: 5 of 25 results have no upper limit of normal",
        "Total bilirubin: 5 of 25 results have no upper limit of normal",
    ]


def test_where_all_have_limits_or_the_extract_has_none_it_is_no_finding_of_a_measure() -> None:
    rows = healthy(*range(1, 11))
    without = [{name: text for name, text in row.items() if name != "LBORNRHI"} for row in rows]
    for extract in (rows, without):
        assert assessed(frames(extract)).open_findings.filter(check="LB-116").is_empty()
