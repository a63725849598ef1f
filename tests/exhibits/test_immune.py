"""Immune markers against numbers counted from the extract without code of ours, and edge cases."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from statistics import mean, median
from typing import Any

import polars as pl
import pytest
from scipy import stats

from access import View
from exhibits import EXHIBITS, Exhibit, make
from exhibits.parts.words import unit
from queries import Board
from simulator import simulate
from tests.conftest import KeyPair, LoadedTrial, board_of, load_frames
from tests.exhibits.conftest import BoardByName
from tests.exhibits.oxygenation_extract import gases_of_days
from trials import load_trial

IMMUNE = [name for name, item in EXHIBITS.items() if item.topic == "immune"]
CUTOFF = date(2024, 6, 1)
CODES = {
    "CRP": "C-reactive protein",
    "INTLK6": "Interleukin-6",
    "FERRITIN": "Ferritin",
    "TNF": "TNF-α",
    "INTLK1B": "Interleukin-1 beta",
    "INTLK2": "Interleukin-2",
    "INTLK8": "Interleukin-8",
    "INTLK10": "Interleukin-10",
}
CELLS = {"CD3": "T cells (CD3+)", "CD4": "Helper T cells (CD4+)", "CD8": "Cytotoxic T cells (CD8+)"}
DAYS = {"SCREENING": -1, "BASELINE": 1} | {
    f"DAY {day}": day for day in (2, 3, 4, 5, 6, 7, 10, 14, 21, 28)
}
Values = dict[tuple[str, int], float]


def table(shown: Exhibit) -> pl.DataFrame:
    assert shown.missing == ""
    assert shown.table is not None
    return shown.table


class Markers:
    """Results of one dataset by test, as texts and numbers, looked up row by row."""

    def __init__(self, loaded: LoadedTrial, dataset: str) -> None:
        prefix = dataset.upper()
        allocated = loaded.dataset("randomization").select("USUBJID", "RANDDTC", "ARM").rows()
        self.arm = {who: arm for who, _, arm in allocated}
        day_one = {who: day for who, day, _ in allocated}
        lists: dict[str, dict[tuple[str, int], list[float]]] = {}
        before: dict[tuple[str, str], list[tuple[str, int, float]]] = {}
        self.limits: Counter[tuple[str, int]] = Counter()
        for row in loaded.dataset(dataset).iter_rows(named=True):
            who, code, text = row["USUBJID"], row[f"{prefix}TESTCD"], row[f"{prefix}ORRES"]
            if row["VISIT"] not in DAYS or who not in self.arm or not text:
                continue
            day, value = DAYS[row["VISIT"]], float(text.lstrip("<>"))
            lists.setdefault(code, {}).setdefault((who, day), []).append(value)
            self.limits[code, day] += text[0] in "<>"
            if row[f"{prefix}DTC"][:10] <= day_one[who]:
                taken = (row[f"{prefix}DTC"][:10], day, value)
                before.setdefault((code, who), []).append(taken)
        self.values: dict[str, Values] = {
            code: {key: mean(values) for key, values in of_code.items()}
            for code, of_code in lists.items()
        }
        self.baseline = {key: max(taken)[2] for key, taken in before.items()}


@pytest.fixture(scope="module")
def laboratory(demonstration_store: LoadedTrial) -> Markers:
    return Markers(demonstration_store, "lb")


def medians(values: Values, arm: dict[str, str]) -> dict[tuple[str, int], tuple[int, float]]:
    groups: dict[tuple[str, int], list[float]] = {}
    for (who, day), value in values.items():
        groups.setdefault((arm[who], day), []).append(value)
    return {key: (len(group), median(group)) for key, group in groups.items()}


def check_courses(shown: Exhibit, expected: dict[str, Values], arm: dict[str, str]) -> None:
    rows = table(shown)
    for label, values in expected.items():
        found = {
            (row["arm"], row["planned_day"]): (row["n"], row["median"])
            for row in rows.filter(pl.col("measure") == label).iter_rows(named=True)
        }
        of_extract = medians(values, arm)
        assert found.keys() == of_extract.keys()
        for key, (n, middle) in of_extract.items():
            assert found[key] == (n, pytest.approx(middle, abs=0.00051))


def test_markers_are_those_of_the_extract(board: BoardByName, laboratory: Markers) -> None:
    shown = make("immune_markers", board("two arms", View.UNBLINDED))
    expected = {label: laboratory.values[code] for code, label in CODES.items()}
    check_courses(shown, expected, laboratory.arm)
    limits = table(shown).group_by("measure", "planned_day").agg(pl.col("at_limit").sum())
    for measure, day, count in limits.rows():
        code = next(code for code, label in CODES.items() if label == measure)
        assert count == laboratory.limits[code, day]
    assert sum(limits["at_limit"]) > 0


def test_fold_changes_are_those_of_the_extract(board: BoardByName, laboratory: Markers) -> None:
    expected = {
        label: {
            (who, day): value / laboratory.baseline[code, who]
            for (who, day), value in laboratory.values[code].items()
            if day > 1 and (code, who) in laboratory.baseline
        }
        for code, label in CODES.items()
    }
    shown = make("immune_fold_change", board("two arms", View.UNBLINDED))
    check_courses(shown, expected, laboratory.arm)


def test_lymphocytes_are_those_of_the_extract(
    board: BoardByName, laboratory: Markers, demonstration_store: LoadedTrial
) -> None:
    cells = Markers(demonstration_store, "cp")
    expected = {label: cells.values[code] for code, label in CELLS.items()}
    shown = make("lymphocyte_subsets", board("two arms", View.UNBLINDED))
    check_courses(shown, expected | {"Lymphocytes": laboratory.values["LYM"]}, cells.arm)


def test_the_relation_is_that_of_the_extract(
    board: BoardByName, laboratory: Markers, demonstration_store: LoadedTrial
) -> None:
    """Ranks by scipy's own function; of day 7, on which nobody is dead who has a gas."""
    ratios = gases_of_days(demonstration_store.dataset("lb"), DAYS)
    before: dict[str, float] = {}
    for day in (-1, 1):
        before |= {who: value for (who, on), value in ratios.items() if on == day}
    shown = table(make("immune_and_oxygenation", board("two arms", View.UNBLINDED)))
    assert shown.height == 2 * (len(CODES) + len(CELLS) + 1)
    for code, label in CODES.items():
        for arm in set(laboratory.arm.values()):
            pairs = [
                (value / laboratory.baseline[code, who], ratios[who, 7] - before[who])
                for (who, day), value in laboratory.values[code].items()
                if day == 7
                and laboratory.arm[who] == arm
                and (who, 7) in ratios
                and who in before
                and (code, who) in laboratory.baseline
            ]
            row = shown.row(
                by_predicate=(pl.col("measure") == label) & (pl.col("arm") == arm), named=True
            )
            expected = stats.spearmanr(*zip(*pairs, strict=True)).statistic
            assert (row["n"], row["correlation"]) == (
                len(pairs),
                pytest.approx(expected, abs=0.00051),
            )


def test_symptoms_are_those_of_the_extract(
    board: BoardByName, demonstration_store: LoadedTrial
) -> None:
    died = dict(demonstration_store.dataset("dm").select("USUBJID", "DTHDTC").rows())
    first = dict(demonstration_store.dataset("randomization").select("USUBJID", "RANDDTC").rows())
    bands = ["None (0)"] + ["Mild (1–3)"] * 3 + ["Moderate (4–6)"] * 3 + ["Severe (7–10)"] * 4
    counts: Counter[tuple[str, int, str]] = Counter()
    for row in demonstration_store.dataset("qs").iter_rows(named=True):
        who, day = row["USUBJID"], DAYS.get(row["VISIT"], -1)
        if day < 1 or who not in first or not row["QSORRES"]:
            continue
        if died[who]:
            after = (date.fromisoformat(died[who]) - date.fromisoformat(first[who])).days + 1
            if after <= day:
                continue
        counts[row["QSTEST"], day, bands[int(row["QSORRES"])]] += 1
    rows = table(make("reported_symptoms", board("two arms", View.POOLED)))
    found = {
        (symptom, day, state): n
        for symptom, day, state, n in rows.filter(pl.col("state").is_in(bands))
        .select("measure", "planned_day", "state", "participants")
        .rows()
    }
    assert found == dict(counts)
    sums = rows.group_by("measure", "planned_day").agg(pl.col("participants").sum())
    assert set(sums["participants"]) == {len(first)}


def test_symptoms_asked_for_are_those_of_the_extract(
    board: BoardByName, demonstration_store: LoadedTrial
) -> None:
    first = dict(demonstration_store.dataset("randomization").select("USUBJID", "RANDDTC").rows())
    entry = demonstration_store.dataset("ce").filter(pl.col("CECAT") == "SYMPTOMS AT ENTRY")
    expected: Counter[tuple[str, str]] = Counter()
    for row in entry.filter(pl.col("USUBJID").is_in(list(first))).iter_rows(named=True):
        if (term := row["CETERM"].capitalize()) != "Chest tightness":  # nobody else is asked
            expected[term, row["CEOCCUR"]] += 1
    # The same in the view that has what was noted after an instillation.
    for view in (View.POOLED, View.UNBLINDED):
        rows = table(make("symptoms_asked_for", board("two arms", view)))
        total = rows.group_by("symptom").agg(pl.col("asked", "had").sum())
        found = {symptom: (asked, had) for symptom, asked, had in total.rows()}
        assert found == {
            term: (expected[term, "Y"] + expected[term, "N"], expected[term, "Y"])
            for term, _ in expected
        }


@pytest.mark.parametrize("view", [View.POOLED, View.CODED])
@pytest.mark.parametrize("name", IMMUNE)
def test_behind_a_row_are_as_many_participants_as_it_counts(
    board: BoardByName, name: str, view: View
) -> None:
    opened = board("two arms", view)
    shown = make(name, opened)
    if not shown.lists:
        assert name in {"immune_and_oxygenation", "symptoms_asked_for"}
        return
    rows = table(shown)
    counts = rows["n" if "n" in rows.columns else "participants"].to_list()
    for place, count in list(zip(shown.row_lists, counts, strict=True))[::7]:
        assert place is not None
        people = shown.lists[place]
        found = opened.ask(people.question, **dict(people.values))
        # With a value, but without a baseline, there is no ratio to it.
        assert found.height >= count if name == "immune_fold_change" else found.height == count
        assert found["why"].null_count() == 0


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("ug/L", "µg/L"),
        ("umol/L", "µmol/L"),
        ("10^9/L", "10⁹/L"),
        ("10^-3 uIU/mL", "10⁻³ µIU/mL"),
        ("mg/L FEU", "mg/L FEU"),
        ("beats/min", "beats/min"),
        ("U/L", "U/L"),
        ("mL/min/1.73m2", "mL/min/1.73m2"),
    ],
)
def test_a_unit_is_written_as_it_is_read(written: str, read: str) -> None:
    assert unit(written) == read


def test_units_and_numbers_are_written_as_they_are_read(board: BoardByName) -> None:
    opened = board("two arms", View.CODED)
    markers, cells = make("immune_markers", opened), make("lymphocyte_subsets", opened)
    assert {"µg/L", "mg/L"} <= set(table(markers)["unit"])
    assert set(table(cells)["unit"]) == {"10⁹/L", "10⁶/L"}
    assert "µg/L (day 28)" in markers.answer
    assert re.search(r"T cells \(CD3\+\) 1,\d{3}\.\d / ", cells.answer)
    assert " × 10⁶/L (day 28)" in cells.answer
    assert "10^" not in str(cells.figure)


def test_each_panel_says_that_its_axis_is_a_log_axis(board: BoardByName) -> None:
    for name in ("immune_markers", "immune_fold_change", "lymphocyte_subsets"):
        figure = make(name, board("two arms", View.POOLED)).figure
        assert figure is not None
        axes = list(figure.select_yaxes())
        assert len(axes) >= 4
        assert {axis.title.text for axis in axes} == {"log scale"}


def test_symptoms_are_told_by_arm(board: BoardByName) -> None:
    shown = make("reported_symptoms", board("two arms", View.CODED))
    of_day = table(shown).filter(
        (pl.col("planned_day") == 28) & pl.col("state").str.contains(r"\d")
    )
    for (measure,), rows in of_day.group_by("measure"):
        n = {
            arm: rows.filter(pl.col("arm") == arm)["participants"].sum()
            for arm in ("Arm A", "Arm B")
        }
        assert (
            f"{measure}: Arm A 0 of {n['Arm A']} (0.0 %), Arm B 0 of {n['Arm B']}" in shown.answer
        )
    pooled = make("reported_symptoms", board("two arms", View.POOLED)).answer
    assert "Arm" not in pooled


def test_the_strongest_correlation_is_told(board: BoardByName) -> None:
    shown = make("immune_and_oxygenation", board("two arms", View.POOLED))
    rows = table(shown).drop_nulls("correlation")
    most = rows.sort(pl.col("correlation").abs()).row(-1, named=True)
    assert shown.answer.startswith(f"Strongest correlation: {most['measure']}, ")


# Extracts with a known truth


Opened = Callable[[Callable[[dict[str, pl.DataFrame], list[str]], None]], Board]


@pytest.fixture
def changed(tmp_path: Path, key_pair: KeyPair) -> Iterator[Opened]:
    """A Board of a small simulated trial whose datasets were changed before its load."""
    boards: list[Board] = []

    def load(change: Callable[[dict[str, pl.DataFrame], list[str]], None]) -> Board:
        trial = load_trial("nct05689008")
        frames = dict(simulate(trial, participants=12, seed=5, cutoff=CUTOFF))
        change(frames, frames["randomization"]["USUBJID"].to_list())
        boards.append(board_of(load_frames(frames, trial, key_pair, tmp_path, CUTOFF), View.POOLED))
        return boards[-1]

    yield load
    for one in boards:
        one.close()


def test_a_detection_limit_is_a_value_and_marked(changed: Opened) -> None:
    """Everybody's CRP and ALT of day 7 are under 7.42: values of 7.42, open marks, no gap."""

    def change(frames: dict[str, pl.DataFrame], _: list[str]) -> None:
        at = pl.col("LBTESTCD").is_in(["CRP", "ALT"]) & (pl.col("VISIT") == "DAY 7")
        frames["lb"] = frames["lb"].with_columns(
            LBORRES=pl.when(at).then(pl.lit("<7.42")).otherwise("LBORRES")
        )

    board = changed(change)
    shown = make("immune_markers", board)
    for name, measure in (("laboratory_trends", "ALT"), ("immune_markers", "C-reactive protein")):
        row = table(make(name, board)).row(
            by_predicate=(pl.col("measure") == measure) & (pl.col("planned_day") == 7), named=True
        )
        assert row["n"] == row["at_limit"] > 0
        assert row["median"] == row["lower_quartile"] == row["upper_quartile"] == 7.42
    assert shown.figure is not None
    course: Any = next(trace for trace in shown.figure.data if trace.marker.symbol)
    place = list(course.x).index(7)
    assert course.marker.symbol[place].endswith("-open")
    assert "at a detection limit" in course.text[place]
    assert shown.figure.layout.yaxis.type == "log"


def test_a_planted_relation_is_found(changed: Opened) -> None:
    """The more CRP has risen, the more PaO2/FiO2 has fallen, for everybody and without a tie."""

    def change(frames: dict[str, pl.DataFrame], people: list[str]) -> None:
        place = {who: number for number, who in enumerate(people)}
        values = []
        for row in frames["lb"].iter_rows(named=True):
            number, text = place.get(row["USUBJID"]), row["LBORRES"]
            if number is not None and row["LBTESTCD"] in ("CRP", "PO2", "FIO2"):
                after = row["VISIT"] == "DAY 7"
                text = {
                    "CRP": 10 * (1 + number) if after else 10,
                    "PO2": 100 - 2 * number if after else 100,
                    "FIO2": 50,
                }[row["LBTESTCD"]]
            values.append(None if text is None else str(text))
        frames["lb"] = frames["lb"].with_columns(LBORRES=pl.Series(values))

    shown = table(make("immune_and_oxygenation", changed(change)))
    row = shown.row(by_predicate=pl.col("measure") == "C-reactive protein", named=True)
    assert row["n"] >= 5
    assert row["correlation"] == -1
    assert (row["correlation_low"], row["correlation_high"]) == (None, None)
    assert "oppose" in row["reason"]


def test_a_dataset_that_is_not_there_is_said(changed: Opened) -> None:
    def leave_out(frames: dict[str, pl.DataFrame], _: list[str]) -> None:
        for dataset in ("lb", "qs", "ce"):
            del frames[dataset]

    opened = changed(leave_out)
    for name, said in (
        ("immune_markers", "no laboratory results (LB)"),
        ("reported_symptoms", "no questionnaires (QS)"),
        ("symptoms_asked_for", "no clinical events (CE)"),
    ):
        assert said in make(name, opened).missing


def test_a_trial_that_names_no_markers_says_so(board: BoardByName) -> None:
    for name in IMMUNE:
        assert "[immune]" in make(name, board("three arms", View.POOLED)).missing
