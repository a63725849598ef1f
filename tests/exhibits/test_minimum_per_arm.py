"""The minimum has one meaning: fewer than it in an arm have counts, and no estimate.

Two arms are compared where both have the minimum; the other arms of a trial with three are not
affected. Who counts are those in the denominator of that very estimate. Pooled, everybody is one
arm. A new exhibit is held by being registered: `minimum_per_arm.py` tells estimates by their names.

Each exhibit is made twice, with the minimum and with a minimum of one, which hides nothing. What
the first lacks may be estimates of too few only: counts stay, and the others' estimates stand.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from access import View
from exhibits import EXHIBITS, Exhibit, make, offered
from queries import Board
from simulator import simulate
from tests.conftest import (
    CUTOFFS,
    DEMONSTRATION_TRIAL,
    PILOT_CUTOFF,
    PILOT_DATASETS,
    PILOT_FOLDER,
    PILOT_TRIAL,
    PROVE,
    KeyPair,
    LoadedTrial,
    Workshop,
    board_of,
    load_frames,
)
from tests.exhibits.minimum_per_arm import (
    OF_PAIRS,
    Few,
    arm_of_row,
    by_arm,
    by_participant,
    columns_of,
    estimates_of_too_few,
    is_too_few,
    unknown_columns,
)
from trials import load_trial

SMALL = 3
OF_MANY = 20
# Letters or names of arms make no difference here: each is one store's, in the long proof both.
BOTH = (View.CODED, View.UNBLINDED)
LETTERS, NAMES = (BOTH, BOTH) if PROVE else (BOTH[:1], BOTH[1:])
CASES = [
    pytest.param(item.name, store, view, id=f"{item.name}-{store}-{view.word}")
    for store, views in {
        "two arms": LETTERS,
        "three arms": NAMES,
        "four in all": (View.POOLED,),
    }.items()
    for view in views
    for item in offered(view)
]
Frames = Mapping[str, pl.DataFrame]


def without(frames: Frames, left_out: set[str]) -> Frames:
    """The datasets without the records of some participants."""
    return {
        name: frame.filter(~pl.col("USUBJID").is_in(list(left_out)))
        if "USUBJID" in frame.columns
        else frame
        for name, frame in frames.items()
    }


def with_arms_of(frames: Frames, kept: Mapping[str, int]) -> Frames:
    """The datasets with so many participants of each arm, by its code: those with most records.

    The last who are randomized have no days yet.
    """
    listed = frames.get("randomization", frames["dm"]).filter(pl.col("ARMCD").is_in(list(kept)))
    records = pl.concat([frames["ae"]["USUBJID"], frames["sv"]["USUBJID"]])
    counts = dict(records.value_counts().iter_rows())
    gone: set[str] = set()
    for code, count in kept.items():
        people = listed.filter(pl.col("ARMCD") == code)["USUBJID"].to_list()
        gone |= set(sorted(people, key=lambda who: (-counts.get(who, 0), who))[count:])
    return without(frames, gone)


@pytest.fixture(scope="module")
def stores(workshop: Workshop, key_pair: KeyPair) -> dict[str, LoadedTrial]:
    """Two arms, one of three; three arms, one of three; two arms, four participants in all."""
    trial, pilot = load_trial(DEMONSTRATION_TRIAL), load_trial(PILOT_TRIAL)
    simulated = cache(lambda cutoff: simulate(trial, seed=11, cutoff=cutoff))

    def two_arms(folder: Path, *counts: int) -> LoadedTrial:
        kept = dict(zip(sorted(trial.arm_codes), counts, strict=True))
        last = with_arms_of(simulated(CUTOFFS[1]), kept)
        stay = set(last["randomization"]["USUBJID"])
        for cutoff in CUTOFFS:
            frames = simulated(cutoff)
            gone = set(frames["randomization"]["USUBJID"]) - stay
            left = without(frames, gone)
            is_last = cutoff == CUTOFFS[-1]
            loaded = load_frames(left, trial, key_pair, folder, cutoff, checked=is_last)
        return loaded

    def three_arms(folder: Path) -> LoadedTrial:
        frames = {
            name: pl.read_parquet(PILOT_FOLDER / f"{name}.parquet") for name in PILOT_DATASETS
        }
        *large, small = sorted(pilot.arms.list, key=lambda arm: not arm.control)
        kept = {arm.code: OF_MANY for arm in large} | {small.code: SMALL}
        few = with_arms_of(frames, kept)
        return load_frames(few, pilot, key_pair, folder, PILOT_CUTOFF, checked=True)

    return {
        "two arms": workshop.make("few-two-arms", lambda folder: two_arms(folder, SMALL, OF_MANY)),
        "three arms": workshop.make("few-three-arms", three_arms),
        "four in all": workshop.make("few-in-all", lambda folder: two_arms(folder, 2, 2)),
    }


BoardOf = Callable[[str, View, int | None], Board]


@pytest.fixture(scope="module")
def board(stores: dict[str, LoadedTrial]) -> Iterator[BoardOf]:
    """A Board of a store in a view, with another minimum where one is given."""
    opened: list[Board] = []

    @cache
    def one(store: str, view: View, least: int | None) -> Board:
        found = board_of(stores[store], view)
        opened.append(found)
        if least is not None:
            groups = found.trial.subgroups.model_copy(update={"minimum_per_arm": least})
            found.trial = found.trial.model_copy(update={"subgroups": groups})
        found.subject = found.ask("people/all", arm=None)["subject"][0]
        return found

    yield one
    for found in opened:
        found.close()


def few_of(board: Board) -> Few:
    """The arm of a Board that has too few; there is one."""
    least = board.trial.subgroups.minimum_per_arm
    counts = dict(
        board.ask("people/all", arm=None).group_by("arm").len().rows()
        if len(board.arms) > 1
        else [(board.arms[0], board.ask("people/all", arm=None).height)]
    )
    (small,) = [arm for arm in board.arms if counts.get(arm, 0) < least]
    assert all(count >= 3 * least for arm, count in counts.items() if arm != small)
    return Few(board.arms, small, board.reference_arm, least)


@pytest.mark.parametrize(("name", "store", "view"), CASES)
def test_fewer_than_the_minimum_have_counts_and_no_estimate(
    board: BoardOf, name: str, store: str, view: View
) -> None:
    few = few_of(board(store, view, None))
    shown, whole = make(name, board(store, view, None)), make(name, board(store, view, 1))
    wrong = estimates_of_too_few(shown, few)
    wrong += lost(shown, whole, few)
    if by_arm(whole, few):
        wrong += [f"told by no rule: {column}" for column in unknown_columns(whole, few)]
    assert not wrong, "\n".join([f"{name}, {few.small} has too few:", *wrong[:30]])


def lost(shown: Exhibit, whole: Exhibit, few: Few) -> list[str]:
    """What the minimum took away that is no estimate of too few."""
    if whole.table is None:
        return [] if shown.table is None else ["there is more than with a minimum of one"]
    if by_participant(whole) or not by_arm(whole, few):
        return []
    if shown.table is None:
        # A comparison of two arms, and nothing else, has nothing left.
        return [] if _only_compares(whole, few) else [f"all is gone: {shown.missing}"]
    columns = {column.name: column for column in columns_of(whole, few)}
    gone = [
        name for name, column in columns.items()
        if name not in shown.table.columns and not _may_go(column, few)
    ]  # fmt: skip
    wrong = [f"column {name} is gone" for name in gone]
    if whole.table.height != shown.table.height:
        return [*wrong, f"{whole.table.height} rows are {shown.table.height}"]
    shared = [
        name for name in whole.table.columns
        if name in shown.table.columns and name not in OF_PAIRS
    ]  # fmt: skip
    keys = [name for name in shared if columns[name].kind == "text" and columns[name].arm is None]
    left = dict(_by_key(shown.table, keys))
    for key, row in _by_key(whole.table, keys):
        # Which terms are listed first, and so at all, may depend on their differences.
        if key not in left:
            continue
        for name in shared:
            column, before, after = columns[name], row[name], left[key][name]
            may_go = column.kind != "count" and is_too_few(row, column, few, whole.table.columns)
            if before != after and not may_go:
                wrong.append(f"lost: {name} {before!r} → {after!r} of {arm_of_row(row, few)}")
    return wrong


def _by_key(table: pl.DataFrame, keys: list[str]) -> Iterator[tuple[object, dict[str, Any]]]:
    """Each row with what its texts say, and which one of those that say the same it is."""
    turns: Counter[object] = Counter()
    for row in table.iter_rows(named=True):
        key = tuple("" if _is_reason(row[name]) else row[name] for name in keys)
        turns[key] += 1
        yield (key, turns[key]), row


def _is_reason(text: object) -> bool:
    """Why there is no estimate."""
    return not text or "fewer than" in str(text)


def _may_go(column: object, few: Few) -> bool:
    """Columns of the small arm's estimates, and of what it is compared in."""
    kind, arm, contrast = (getattr(column, part) for part in ("kind", "arm", "contrast"))
    is_of_small = len(few.arms) == 2 or few.reference == few.small
    return kind != "count" and (arm == few.small or (contrast and is_of_small))


def _only_compares(whole: Exhibit, few: Few) -> bool:
    return len(few.arms) == 2 and EXHIBITS[whole.name].least_view > View.POOLED


# How estimates are told, held by exhibits with a fault each

FEW = Few(("Arm A", "Arm B"), "Arm A", "Arm B", 5)
RIGHT = {"arm": ["Arm A", "Arm B"], "n": [3, 20], "percent": [None, 40.0]}
LABELS = {"arm": "Arm", "n": "n", "percent": "%"}


def by_hand(answer: str = "", note: str = "", **columns: list[object]) -> Exhibit:
    """An exhibit of two arms, of which the first has three."""
    table = pl.DataFrame(RIGHT | columns)
    labels = {name: name.capitalize() for name in table.columns} | LABELS
    return Exhibit(
        "Made by hand",
        "Randomized participants, as randomized",
        answer=answer,
        table=table,
        labels=labels,
        footnotes=(note,) if note else (),
    )


@pytest.mark.parametrize(
    "right",
    [
        by_hand(),
        by_hand("2 of 3 in Arm A, 8 of 20 (40 %) in Arm B."),
        by_hand("Median on day 14: Arm A fewer than 5; Arm B 20 mmHg (n = 20)."),
        by_hand("Medians on day 28 (Arm A / Arm B): ALT fewer than 5 / 20 U/L."),
        by_hand(note="Arm A (n = 3) and Arm B (n = 20): no rank test."),
        by_hand(median=[None, 3.5], events=[4, 7], recorded_percent=[None, None]),
    ],
)
def test_counts_are_no_estimates(right: Exhibit) -> None:
    assert estimates_of_too_few(right, FEW) == []


@pytest.mark.parametrize(
    "wrong",
    [
        by_hand(percent=[66.7, 40.0]),
        by_hand(median=[3, 4]),
        by_hand(rate=[3.5, 4.5]),
        by_hand(difference=[None, 4.5], p_value=[None, 0.04], n=[3, 4]),
        by_hand(words=["2 (67 %)", "8 (40 %)"]),
        by_hand("2 of 3 (67 %) in Arm A, 8 of 20 (40 %) in Arm B."),
        by_hand("Median on day 14: Arm A 12 mmHg; Arm B 20 mmHg (n = 20)."),
        by_hand("Medians on day 28 (Arm A / Arm B): ALT 12 / 20 U/L."),
        by_hand("Arm A minus Arm B +12.3 percentage points (95 % −3.0 to 20.1)."),
        by_hand("First week: 9 events, 42.9 per 100 patient-days, Arm A."),
        by_hand(note="Arm A (n = 3) and Arm B (n = 20): Wilcoxon's rank test, exact, p = 0.04."),
    ],
)
def test_an_estimate_of_too_few_is_found(wrong: Exhibit) -> None:
    assert estimates_of_too_few(wrong, FEW) != []


def test_what_is_taken_from_others_is_found() -> None:
    whole = by_hand(percent=[66.7, 40.0])
    assert lost(by_hand(), whole, FEW) == []
    assert lost(by_hand(percent=[None, None]), whole, FEW) != []
    assert lost(by_hand(n=[None, 20]), whole, FEW) != []
