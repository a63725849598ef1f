"""Laboratory against numbers counted from the extract without code of ours, and its edge cases."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from math import floor
from statistics import median
from typing import Any

import polars as pl
import pytest

from access import View
from exhibits import EXHIBITS, Exhibit, make
from exhibits.exhibit import People
from queries import Board
from queries.filters import Filters
from simulator import simulate
from tests.conftest import KeyPair, LoadedTrial, board_of, load_frames
from tests.exhibits.conftest import STORES, BoardByName
from trials import Trial, load_trial

PROVE = os.environ.get("DSMB_PROVE") == "1"
LABORATORY = [name for name, item in EXHIBITS.items() if item.topic == "laboratory"]

# When everybody of a small trial is followed to the end.
CUTOFF = date(2024, 6, 1)

# CTCAE 5.0, typed from the publication (NCI 2017): multiples of the upper limit of normal, of an
# abnormal baseline, or values in the unit of the measure. Grade 1 of low ones is under normal.
HIGH: dict[str, tuple[list[float], list[float]]] = {
    "ALT": ([1, 3, 5, 20], [1.5, 3, 5, 20]),
    "AST": ([1, 3, 5, 20], [1.5, 3, 5, 20]),
    "ALP": ([1, 2.5, 5, 20], [2, 2.5, 5, 20]),
    "BILI": ([1, 1.5, 3, 10], [1, 1.5, 3, 10]),
}
CREATININE: tuple[list[float], dict[int, float]] = ([1, 1.5, 3, 6], {2: 1.5, 3: 3})
LOW: dict[str, list[float]] = {
    "HGB": [100, 80],
    "PLAT": [75, 50, 25],
    "WBC": [3, 2, 1],
    "LYM": [0.8, 0.5, 0.2],
}
REACHED = {"ALT", "AST", "ALP"}  # the first multiple of the baseline is enough where it is reached
LABELS = {
    "ALT": "ALT",
    "AST": "AST",
    "ALP": "Alkaline phosphatase",
    "BILI": "Total bilirubin",
    "CREAT": "Creatinine",
    "HGB": "Hemoglobin",
    "PLAT": "Platelets",
    "WBC": "Leukocytes",
    "LYM": "Lymphocytes",
}


def ctcae(code: str, value: float, low: float, high: float, baseline: float | None) -> int:
    """The grade of one result; without a baseline by the limits of normal only."""
    if code in LOW:
        return max(
            [0, *([1] if value < low else [])]
            + [grade for grade, limit in enumerate(LOW[code], 2) if value < limit]
        )
    if code == "CREAT":
        limits, of_baseline = CREATININE
        met = [grade for grade, limit in enumerate(limits, 1) if value / high > limit]
        if baseline is not None:
            met += [grade for grade, limit in of_baseline.items() if value > limit * baseline]
        return max([0, *met])
    limits, multiples = HIGH[code]
    if baseline is not None and baseline / high > 1:
        met = [grade for grade, limit in enumerate(multiples, 1) if value > limit * baseline]
        if code in REACHED and value == multiples[0] * baseline:
            met.append(1)
        return max([0, *met])
    return max([0, *(grade for grade, limit in enumerate(limits, 1) if value / high > limit)])


Results = dict[tuple[str, str], list[tuple[int, float, float, float, float]]]


def results_of(loaded: LoadedTrial) -> Results:
    """By participant and test: day, visit number, value, and limits of normal, as recorded."""
    if loaded.trial.id == "cdiscpilot01":
        of_visit = loaded.dataset("sv").filter(pl.col("VISIT") == "BASELINE")
        day_one = dict(of_visit.select("USUBJID", "SVSTDTC").rows())
        rows = loaded.dataset("lbch")
    else:
        day_one = dict(loaded.dataset("randomization").select("USUBJID", "RANDDTC").rows())
        rows = loaded.dataset("lb")
    scheduled = {visit.visit: visit.number for visit in loaded.trial.schedule}
    randomized = set(
        loaded.dataset("dm")
        .filter(pl.col("ARMCD").is_in(["Scrnfail", "NOTASSGN", "SCRNFAIL"]).not_())["USUBJID"]
        .to_list()
        if loaded.trial.id == "cdiscpilot01"
        else day_one
    )
    found: Results = {}
    for row in rows.iter_rows(named=True):
        key = (row["USUBJID"], row["LBTESTCD"])
        if row["VISIT"] not in scheduled or key[0] not in randomized or not row["LBORRES"]:
            continue
        if key[1] not in LABELS or not row["LBDTC"]:
            continue
        between = (
            date.fromisoformat(row["LBDTC"][:10]) - date.fromisoformat(day_one[key[0]][:10])
        ).days
        value = float(str(row["LBORRES"]).lstrip("<>"))
        limits = float(row["LBORNRLO"]), float(row["LBORNRHI"])
        day = between + 1 if between >= 0 else between
        found.setdefault(key, []).append((day, scheduled[row["VISIT"]], value, *limits))
    return found


def shifts_of(results: Results) -> Counter[tuple[str, int, int, bool]]:
    """Participants by test, grade at baseline, highest after it, and whether it rose."""
    counts: Counter[tuple[str, int, int, bool]] = Counter()
    for (_, code), rows in results.items():
        before = [row for row in rows if row[0] <= 1]
        after = [row for row in rows if row[0] > 1]
        if not before or not after:
            continue
        _, _, baseline, low, high = max(before, key=lambda row: row[:2])
        first = ctcae(code, baseline, low, high, None)
        worst = max(ctcae(code, row[2], row[3], row[4], baseline) for row in after)
        is_against_baseline = code in HIGH and baseline / high > 1
        counts[LABELS[code], first, worst, worst > (0 if is_against_baseline else first)] += 1
    return counts


def table(shown: Exhibit) -> pl.DataFrame:
    assert shown.missing == ""
    assert shown.table is not None
    return shown.table


def members(board: Board, people: People) -> pl.DataFrame:
    return board.ask(people.question, **dict(people.values))


@pytest.mark.parametrize("store", ["two arms", "three arms"])
def test_shifts_are_those_of_the_extract(
    board: BoardByName, store: str, request: pytest.FixtureRequest
) -> None:
    loaded: LoadedTrial = request.getfixturevalue(STORES[store])
    expected = shifts_of(results_of(loaded))
    shown = make("shifts_from_baseline", board(store, View.POOLED))
    columns = ["name", "baseline_grade", "worst_grade", "rise"]
    found = {
        (name, first, worst, rise == "yes"): n
        for name, first, worst, rise, n in table(shown).select(*columns, "participants").rows()
    }
    assert found == dict(expected)
    assert any(rose for *_, rose in expected)


@pytest.mark.parametrize("store", ["two arms", "three arms"])
def test_rises_by_arm_add_up_to_those_of_the_shifts(board: BoardByName, store: str) -> None:
    coded = board(store, View.UNBLINDED)
    shifts = table(make("shifts_from_baseline", coded))
    rises = table(make("emergent_grades", coded))
    for row in rises.iter_rows(named=True):
        part = shifts.filter((pl.col("name") == row["name"]) & (pl.col("arm") == row["arm"]))
        risen = part.filter(pl.col("rise") == "yes")
        assert row["graded"] == part["participants"].sum()
        assert row["rose"] == risen["participants"].sum()
        severe = risen.filter(pl.col("worst_grade") >= 3)
        assert row["rose_to_3"] == severe["participants"].sum()


@pytest.mark.parametrize("view", list(View))
@pytest.mark.parametrize("name", ["shifts_from_baseline", "emergent_grades", "liver_injury_signs"])
def test_behind_a_row_are_as_many_participants_as_it_counts(
    board: BoardByName, name: str, view: View
) -> None:
    opened = board("two arms", view)
    shown = make(name, opened)
    rows = table(shown)
    counts = rows["rose" if name == "emergent_grades" else "participants"]
    assert len(shown.row_lists) == rows.height
    # Of many rows about twenty are followed; each of them in the long proof.
    step = 1 if PROVE else 1 + rows.height // 20
    for count, place in list(zip(counts, shown.row_lists, strict=True))[::step]:
        if place is not None:
            assert members(opened, shown.lists[place]).height == count


@pytest.mark.parametrize("name", LABORATORY)
def test_a_mark_leads_to_as_many_participants_as_it_stands_for(
    board: BoardByName, name: str
) -> None:
    """Of bars the share and of medians the n is in the text that a mark shows."""
    opened = board("two arms", View.CODED)
    shown = make(name, opened)
    places = {
        place
        for trace in (shown.figure.data if shown.figure else ())
        for place in (trace.customdata if trace.customdata is not None else ())
    }
    assert all(0 <= place < len(shown.lists) for place in places)
    if name == "shifts_from_baseline":
        for trace in shown.figure.data if shown.figure else ():
            for place, text in zip(trace.customdata or (), trace.text or (), strict=True):
                count = int(text.rpartition(": ")[2].split(" ")[0])
                assert members(opened, shown.lists[place]).height == count
    if name == "liver":
        found = Counter(shown.row_lists)
        for place, count in found.items():
            assert place is not None
            assert members(opened, shown.lists[place]).height == count


# Liver


def test_the_one_candidate_of_the_pilot_has_a_high_alkaline_phosphatase(
    board: BoardByName, pilot_store: LoadedTrial
) -> None:
    """Recounted from LB; none is left once alkaline phosphatase has to be under 2 × ULN."""
    by_test = results_of(pilot_store)
    candidates = set()
    for (subject, code), rows in by_test.items():
        rises = [day for day, _, value, _, high in rows if day > 1 and value / high > 3]
        if code not in {"ALT", "AST"} or not rises:
            continue
        for day, _, value, _, high in by_test[subject, "BILI"]:
            if value / high >= 2 and any(0 <= day - rise <= 30 for rise in rises):
                candidates.add(subject)
    assert candidates == {"01-705-1186"}
    pooled = board("three arms", View.POOLED)
    shown = make("liver_injury_signs", pooled)
    assert table(shown)["participants"].to_list()[:4] == [1, 1, 0, 0]
    assert members(pooled, shown.lists[1])["subject"].to_list() == ["01-705-1186"]
    assert "1 of 246" in shown.answer
    assert "under 2 × ULN: 0." in shown.answer


def test_peaks_are_those_of_the_extract(board: BoardByName, pilot_store: LoadedTrial) -> None:
    by_test = results_of(pilot_store)

    def peak(subject: str, *codes: str) -> float | None:
        times = [
            value / high
            for code in codes
            for day, _, value, _, high in by_test.get((subject, code), [])
            if day > 1
        ]
        return max(times) if times else None

    subjects = {subject for subject, _ in by_test}
    both = [(peak(subject, "ALT", "AST"), peak(subject, "BILI")) for subject in subjects]
    # Half away from zero; a tie such as 0.825 may be a little less in binary.
    expected = sorted(
        tuple(floor(100 * value + 0.5 + 1e-9) / 100 for value in (x, y)) for x, y in both if x and y
    )
    shown = make("liver", board("three arms", View.POOLED))
    found = table(shown).select("aminotransferase", "bilirubin").rows()
    assert sorted(found) == expected
    assert shown.figure is not None
    assert sum(len(trace.x) for trace in shown.figure.data) == len(expected)


# Extracts with a known truth

Change = Callable[[dict[str, pl.DataFrame]], None]
AFTER = pl.col("VISITNUM").cast(pl.Float64) > 2


def given(
    frames: dict[str, pl.DataFrame], name: str, rows: pl.Expr, column: str, value: object
) -> None:
    frame = frames[name]
    changed = pl.when(rows).then(pl.lit(value)).otherwise(pl.col(column))
    frames[name] = frame.with_columns(changed.cast(frame.schema[column]).alias(column))


def rows_of_code(code: str, subject: str | None = None) -> pl.Expr:
    rows = pl.col("LBTESTCD") == code
    return rows if subject is None else rows & (pl.col("USUBJID") == subject)


# What laboratory exhibits ask for; every further dataset takes time to load.
ASKED_FOR = ("simulation", "dm", "randomization", "ds", "sv", "lb", "vs", "eg")


@pytest.fixture(scope="module")
def opened_with(
    tmp_path_factory: pytest.TempPathFactory, key_pair: KeyPair
) -> Iterator[Callable[..., Board]]:
    """A Board of a small simulated trial after a change of its datasets."""
    boards: list[Board] = []

    def changed(
        change: Callable[[dict[str, pl.DataFrame], list[str]], None],
        *,
        view: View = View.POOLED,
        trial: Trial | None = None,
        participants: int = 20,
    ) -> Board:
        known = trial or load_trial("nct05689008")
        every = simulate(known, participants=participants, seed=5, cutoff=CUTOFF)
        frames = {name: frame for name, frame in every.items() if name in ASKED_FOR}
        change(frames, frames["randomization"]["USUBJID"].to_list())
        folder = tmp_path_factory.mktemp("changed")
        loaded = load_frames(frames, known, key_pair, folder, CUTOFF)
        boards.append(board_of(loaded, view))
        return boards[-1]

    yield changed
    for one in boards:
        one.close()


def grade_of(board: Board, term: str) -> dict[str, tuple[int, int]]:
    """Each participant's grade at baseline and the highest after it."""
    shown = make("shifts_from_baseline", board)
    found = {}
    for row, place in zip(table(shown).iter_rows(named=True), shown.row_lists, strict=True):
        if row["term"] == term and place is not None:
            for subject in members(board, shown.lists[place])["subject"]:
                found[subject] = (row["baseline_grade"], row["worst_grade"])
    return found


# ALT before and after, and the grades, with an upper limit of 50: by it after a normal baseline, by
# the baseline after a raised one.
BEYOND_A_LIMIT = [
    (40, 50, (0, 0)),
    (40, 51, (0, 1)),
    (40, 150, (0, 1)),
    (40, 151, (0, 2)),
    (40, 251, (0, 3)),
    (40, 1001, (0, 4)),
    (100, 149, (1, 0)),
    (100, 150, (1, 1)),
    (100, 301, (1, 2)),
]


@pytest.fixture(scope="module")
def graded(opened_with: Callable[..., Board]) -> tuple[Board, list[str]]:
    """Results whose grades are known, of one participant a case; and who these are."""
    who: list[str] = []

    def plant(frames: dict[str, pl.DataFrame], subjects: list[str]) -> None:
        who.extend(subjects[: len(BEYOND_A_LIMIT)])
        for subject, (before, after, _) in zip(who, BEYOND_A_LIMIT, strict=True):
            given(frames, "lb", rows_of_code("ALT", subject), "LBORNRHI", 50)
            for rows, value in ((~AFTER, before), (AFTER, after)):
                given(frames, "lb", rows_of_code("ALT", subject) & rows, "LBORRES", str(value))
        for code, before, after in (("PLAT", 75, 24), ("CREAT", 50, 80)):
            for rows, value in ((~AFTER, before), (AFTER, after)):
                given(frames, "lb", rows_of_code(code, who[0]) & rows, "LBORRES", str(value))
        given(frames, "lb", rows_of_code("PLAT", who[1]) & AFTER, "LBORNRLO", None)
        given(frames, "lb", rows_of_code("PLAT", who[1]) & AFTER, "LBORRES", "110")
        given(frames, "lb", rows_of_code("PLAT", who[2]) & AFTER, "LBORNRLO", None)
        given(frames, "lb", rows_of_code("PLAT", who[2]) & AFTER, "LBORRES", "60")

    return opened_with(plant), who


def test_grades_change_beyond_a_limit_and_not_on_it(graded: tuple[Board, list[str]]) -> None:
    board, who = graded
    found = grade_of(board, "Alanine aminotransferase increased")
    assert [found[subject] for subject in who] == [expected for *_, expected in BEYOND_A_LIMIT]


def test_low_grades_and_creatinine_against_its_baseline(graded: tuple[Board, list[str]]) -> None:
    board, who = graded
    platelets = grade_of(board, "Platelet count decreased")
    assert platelets[who[0]] == (1, 4)
    assert who[1] not in platelets, "without a limit of normal 110 may be grade 1 or none"
    assert platelets[who[2]][1] == 2, "60 is grade 2 whatever the limit of normal is"
    # 80 is within normal and 1.6 times the baseline.
    assert grade_of(board, "Creatinine increased")[who[0]] == (0, 2)


def hys_law(frames: dict[str, pl.DataFrame], subjects: list[str]) -> None:
    """The first has all of it, the second in shock, the third with cholestasis, the fourth late."""
    for code, value in (("ALT", 30), ("AST", 30), ("BILI", 10), ("ALP", 80)):
        given(frames, "lb", rows_of_code(code), "LBORRES", str(value))
    day_7, day_28 = pl.col("VISIT") == "DAY 7", pl.col("VISIT") == "DAY 28"
    for subject in subjects[:4]:
        given(frames, "lb", rows_of_code("ALT", subject) & day_7, "LBORRES", "400")
        given(frames, "lb", rows_of_code("PO2", subject), "LBORRES", "95")
        given(frames, "lb", rows_of_code("FIO2", subject), "LBORRES", "40")
        given(frames, "lb", rows_of_code("FIO2", subject), "LBORRESU", "%")
        is_pressure = (pl.col("USUBJID") == subject) & (pl.col("VSTESTCD") == "SYSBP")
        low = is_pressure & (pl.col("VISIT") == "DAY 6") & (subject == subjects[1])
        given(frames, "vs", is_pressure, "VSORRES", "120")
        given(frames, "vs", low, "VSORRES", "80")
    for subject in subjects[:3]:
        given(frames, "lb", rows_of_code("BILI", subject) & day_7, "LBORRES", "60")
    given(frames, "lb", rows_of_code("ALP", subjects[2]) & day_7, "LBORRES", "400")
    given(frames, "lb", rows_of_code("BILI", subjects[3]) & day_28, "LBORRES", "60")


@pytest.fixture(scope="module")
def planted(opened_with: Callable[..., Board]) -> Board:
    def plant(frames: dict[str, pl.DataFrame], subjects: list[str]) -> None:
        lb = frames["lb"]
        complete = [
            subject
            for subject in subjects
            if all(
                lb.filter(rows_of_code(code, subject) & (pl.col("VISIT") == visit)).height == 1
                for code in ("ALT", "BILI", "ALP")
                for visit in ("DAY 7", "DAY 28")
            )
            and frames["vs"]
            .filter(
                (pl.col("USUBJID") == subject)
                & (pl.col("VISIT") == "DAY 6")
                & (pl.col("VSTESTCD") == "SYSBP")
            )
            .height
        ]
        hys_law(frames, complete)

    return opened_with(plant, participants=40)


def test_hys_law_asks_for_window_phosphatase_and_other_causes(planted: Board) -> None:
    shown = make("liver_injury_signs", planted)
    # Bilirubin on day 28 follows the rise of day 7 within thirty days.
    assert table(shown)["participants"].to_list() == [4, 4, 3, 2, 0, 0]
    whys = members(planted, shown.lists[2])["why"].to_list()
    assert sum("systolic pressure under 90 mmHg" in why for why in whys) == 1
    assert sum("bilirubin 21 days later" in why for why in whys) == 1
    assert shown.numbers[0].people is not None
    marks = make("liver", planted)
    assert marks.figure is not None
    assert [size for trace in marks.figure.data for size in trace.marker.size].count(15) == 3
    course = table(marks).filter(pl.col("days_after") == 0)
    assert course["r_ratio"].to_list().count(round(8 / (80 / 125), 2)) == 2


def test_days_outside_the_filters_do_not_count(planted: Board) -> None:
    planted.choose(Filters(last_day=6))
    shown = make("liver_injury_signs", planted)
    assert table(shown)["participants"].sum() == 0
    assert "up to study day 6" in shown.population
    planted.choose(Filters(sites=("no such site",)))
    for name in LABORATORY:
        assert make(name, planted).missing == "The filters leave nobody. Choose fewer of them."
    planted.choose(Filters())


def test_without_limits_of_normal_nothing_is_graded_by_them(
    opened_with: Callable[..., Board],
) -> None:
    def plant(frames: dict[str, pl.DataFrame], _: list[str]) -> None:
        for column in ("LBORNRHI", "LBORNRLO"):
            given(frames, "lb", pl.lit(value=True), column, None)

    board = opened_with(plant)
    assert make("liver", board).missing.startswith("Nobody has both ALT or AST and bilirubin")
    assert make("liver_injury_signs", board).missing.startswith("Nobody has both")
    shifts = make("shifts_from_baseline", board)
    # What is under an absolute limit has its grade without one.
    if not shifts.missing:
        assert set(table(shifts)["name"]) <= {
            "Hemoglobin",
            "Platelets",
            "Leukocytes",
            "Lymphocytes",
        }
    course = make("laboratory_trends", board)
    assert table(course)["high"].null_count() == table(course).height
    assert not any("limits of normal" in note for note in course.footnotes)


def test_without_a_baseline_nobody_is_graded(opened_with: Callable[..., Board]) -> None:
    def plant(frames: dict[str, pl.DataFrame], _: list[str]) -> None:
        frames["lb"] = frames["lb"].filter(AFTER)

    board = opened_with(plant)
    for name in ("shifts_from_baseline", "emergent_grades"):
        assert make(name, board).missing.startswith("Nobody has a result with a grade at baseline")
    assert not make("liver", board).missing


def test_a_dataset_that_is_not_there_is_said(opened_with: Callable[..., Board]) -> None:
    def plant(frames: dict[str, pl.DataFrame], _: list[str]) -> None:
        for dataset in ("lb", "vs", "eg"):
            del frames[dataset]

    board = opened_with(plant)
    for name in ("shifts_from_baseline", "emergent_grades", "liver", "laboratory_trends"):
        assert "no laboratory results (LB)" in make(name, board).missing
    assert "no vital signs (VS)" in make("vital_sign_trends", board).missing
    assert "no electrocardiograms (EG)" in make("ecg_trends", board).missing


def test_a_trial_that_defines_neither_grades_nor_liver_says_so(
    demonstration_store: LoadedTrial,
) -> None:
    board = board_of(demonstration_store, View.POOLED)
    board.trial = board.trial.model_copy(update={"grades": (), "liver": None})
    assert "Add [[grades]]" in make("emergent_grades", board).missing
    assert "Add [[grades]]" in make("shifts_from_baseline", board).missing
    assert "Add [liver]" in make("liver", board).missing
    assert "Add [liver]" in make("liver_injury_signs", board).missing
    board.close()


def test_nobody_randomized_is_said(board: BoardByName) -> None:
    for view in View:
        for name in LABORATORY:
            missing = make(name, board("nobody randomized", view)).missing
            assert missing.startswith(("Nobody is randomized yet", "The extract has no"))


def test_small_arms_are_counted_and_not_compared(opened_with: Callable[..., Board]) -> None:
    board = opened_with(lambda *_: None, view=View.CODED, participants=8)
    shown = make("emergent_grades", board)
    assert "difference" not in table(shown).columns
    assert any(
        "fewer than 5" in note and "counts and no estimate" in note for note in shown.footnotes
    )


def test_one_arm_is_compared_with_none(board: BoardByName) -> None:
    shown = make("emergent_grades", board("one arm", View.UNBLINDED))
    assert "difference" not in table(shown).columns
    assert not any("counts and no estimate" in note for note in shown.footnotes)


# Trends


def test_medians_are_those_of_the_extract(
    board: BoardByName, demonstration_store: LoadedTrial
) -> None:
    randomized = set(demonstration_store.dataset("randomization")["USUBJID"])
    values: dict[int, list[float]] = {}
    days = {visit.visit: visit.day for visit in demonstration_store.trial.schedule}
    rows = demonstration_store.dataset("lb").filter(pl.col("LBTESTCD") == "ALT")
    for row in rows.iter_rows(named=True):
        if row["USUBJID"] in randomized and row["VISIT"] in days and row["LBORRES"]:
            values.setdefault(days[row["VISIT"]], []).append(float(row["LBORRES"]))
    shown = make("laboratory_trends", board("two arms", View.POOLED))
    found = table(shown).filter(pl.col("measure") == "ALT").select("planned_day", "n", "median")
    assert found.rows() == [(day, len(x), median(x)) for day, x in sorted(values.items())]
    assert shown.figure is not None
    assert shown.figure.layout.xaxis.title.text == "Study day"


def test_several_values_of_a_visit_count_as_their_mean(
    board: BoardByName, pilot_store: LoadedTrial
) -> None:
    """The pilot takes blood pressure in three positions at every visit."""
    known: dict[str, list[float]] = {}
    randomized = set(
        pilot_store.dataset("dm").filter(pl.col("ARMCD") != "Scrnfail")["USUBJID"].to_list()
    )
    rows = pilot_store.dataset("vs").filter(
        (pl.col("VSTESTCD") == "SYSBP") & (pl.col("VISIT") == "WEEK 8")
    )
    for row in rows.iter_rows(named=True):
        if row["USUBJID"] in randomized and row["VSORRES"] and row["VSORRESU"]:
            known.setdefault(row["USUBJID"], []).append(float(row["VSORRES"]))
    means = [sum(values) / len(values) for values in known.values()]
    shown = table(make("vital_sign_trends", board("three arms", View.POOLED)))
    (found,) = (
        shown.filter(
            (pl.col("measure") == "Systolic blood pressure") & (pl.col("planned_day") == 56)
        )
        .select("n", "median")
        .rows()
    )
    assert found == (len(means), pytest.approx(median(means), abs=1e-3))


@pytest.mark.parametrize("name", [name for name in LABORATORY if name.endswith("_trends")])
def test_a_figure_has_no_more_measures_than_can_be_read(board: BoardByName, name: str) -> None:
    for store in ("two arms", "three arms"):
        shown = make(name, board(store, View.CODED))
        axes: set[Any] = {trace.yaxis for trace in (shown.figure.data if shown.figure else ())}
        assert len(axes) <= 6
        if shown.figure:
            assert shown.row_lists == tuple(range(table(shown).height))
            # Every median has its mark; an arm with fewer than the minimum has no median.
            marks = [mark for trace in shown.figure.data for mark in trace.customdata or ()]
            medians = zip(shown.row_lists, table(shown)["median"], strict=True)
            assert sorted(marks) == [place for place, value in medians if value is not None]


# In words


def test_a_grade_that_rises_where_the_value_falls_says_low(board: BoardByName) -> None:
    opened = board("two arms", View.CODED)
    shown = make("emergent_grades", opened)
    rows = table(shown)
    most = (
        rows.group_by("name", maintain_order=True)
        .agg(pl.col("rose").sum())
        .sort("rose", descending=True, maintain_order=True)
        .item(0, "name")
    )
    assert most == "Lymphocytes", "this data shows too little"
    counts = ", ".join(
        f"{rose} of {graded} in {arm}"
        for arm, rose, graded in rows.filter(pl.col("name") == most)
        .select("arm", "rose", "graded")
        .rows()
    )
    assert shown.answer.startswith("Low lymphocytes worsened most often: ")
    assert f"%), {counts}. To grade 3 or 4: " in shown.answer
    assert make("shifts_from_baseline", opened).answer.startswith("Low lymphocytes worsened")


@pytest.mark.parametrize("store", ["two arms", "three arms", "one arm"])
@pytest.mark.parametrize("view", list(View))
def test_what_is_apart_is_said_with_how_much_was_looked_at(
    board: BoardByName, store: str, view: View
) -> None:
    shown = make("emergent_grades", board(store, view))
    rows = table(shown)
    apart = [
        row
        for row in (rows.to_dicts() if "difference_low" in rows.columns else [])
        for name in ("difference", "difference_3")
        if row[f"{name}_low"] is not None and (row[f"{name}_low"] > 0 or row[f"{name}_high"] < 0)
    ]
    assert shown.answer.count(" worsened, ") == len(apart)
    looked_at = f"Looked at: {rows['name'].n_unique()} measure"
    assert (looked_at in shown.answer) == bool(apart)


def test_liver_names_the_arms_where_there_are_several(board: BoardByName) -> None:
    coded, pooled = (make("liver", board("two arms", view)) for view in (View.CODED, View.POOLED))
    rows = table(coded)
    of_quadrant = dict(rows.group_by("quadrant").len().rows())
    for quadrant in ("Hy's law range", "Temple's corollary"):
        for arm in ("Arm A", "Arm B"):
            of_arm = rows.filter(pl.col("arm") == arm)
            count = of_arm.filter(pl.col("quadrant") == quadrant).height
            # Of what nobody has, no arm needs to be named.
            named = f"{count} of {of_arm.height} in {arm}" in coded.answer
            assert named or quadrant not in of_quadrant
    assert {"Hy's law range", "Temple's corollary"} & set(of_quadrant)
    assert " in Arm " not in pooled.answer
