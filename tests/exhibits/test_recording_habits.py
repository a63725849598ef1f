"""Other habits of recording: no zero, estimate or curve stands on what nobody recorded.

The same simulated trial, with what real extracts leave out or write otherwise, as every exhibit of
every view shows it. A few habits run each time, all of them in the long proof.
"""

import json
import re
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from access.view import View
from exhibits import EXHIBITS, Exhibit, make, offered
from exhibits.export import as_csv
from simulator import simulate
from simulator.habits import HABITS, Habit
from tests.conftest import PROVE, KeyPair, LoadedTrial, Workshop, board_of, load_frames
from trials import load_trial

CUTOFF = date(2023, 8, 31)
# The last planned day, and by how many days its visit may be later.
LAST_DAY, WINDOW = 28, 3
QUICK: tuple[Habit, ...] = ("no seriousness", "no ends")
CHOSEN = tuple(HABITS) if PROVE else QUICK
# Coded differs from unblinded by the names of arms alone.
VIEWS = tuple(View) if PROVE else (View.POOLED, View.UNBLINDED)
# Of demographics alone nothing says who is randomized: such a load is refused, see test_known.
SHOWN = [habit for habit in CHOSEN if habit != "DM only"]

SAY_THAT_NOBODY_JUDGED = {
    "trial_at_a_glance", "adverse_event_overview", "adverse_event_onset", "adverse_events_by_term",
    "serious_events", "all_events", "deaths", "since_the_cutoff", "special_interest_overview",
    "special_interest_cases",
}  # fmt: skip
ABOUT_GRAVITY = re.compile(r"serious|grade|fatal", re.IGNORECASE)


@pytest.fixture(scope="module")
def shown(workshop: Workshop, key_pair: KeyPair) -> Callable[[Habit], LoadedTrial]:
    """The trial with a habit, loaded once."""
    trial = load_trial("nct05689008")

    def loaded(habit: Habit) -> LoadedTrial:
        def load(folder: Path) -> LoadedTrial:
            frames = simulate(trial, participants=24, seed=1, cutoff=CUTOFF, habits=(habit,))
            return load_frames(frames, trial, key_pair, folder, CUTOFF, checked=True)

        return workshop.make(f"habit-{habit.replace(' ', '-')}", load)

    return loaded


MadeOf = Callable[[Habit, View], dict[str, Exhibit]]


@pytest.fixture(scope="module")
def every_exhibit(shown: Callable[[Habit], LoadedTrial]) -> MadeOf:
    """Each exhibit of a habit in a view by its name, made once."""

    @cache
    def made(habit: Habit, view: View) -> dict[str, Exhibit]:
        with closing(board_of(shown(habit), view)) as board:
            return {item.name: make(item.name, board) for item in offered(view)}

    return made


def cells(made: Exhibit) -> list[tuple[str, Any]]:
    """Every named cell of the table, and every number."""
    table = [] if made.table is None else made.table.to_dicts()
    of_table = [(name, value) for row in table for name, value in row.items()]
    return of_table + [
        (item.label, text) for item in made.numbers for text in (item.value, item.remark)
    ]


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.word)
@pytest.mark.parametrize("habit", SHOWN)
def test_every_exhibit_is_made_of_any_habit(
    every_exhibit: MadeOf, habit: Habit, view: View
) -> None:
    for name, made in every_exhibit(habit, view).items():
        assert made.answer or made.missing or made.denominator, name
        json.dumps(made.as_data(), default=str)
        as_csv(made)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.word)
def test_what_nobody_judged_is_never_a_zero(every_exhibit: MadeOf, view: View) -> None:
    """Adverse events as terms and dates alone: nothing reads as no harm."""
    said: set[str] = set()
    for name, made in every_exhibit("no seriousness", view).items():
        if EXHIBITS[name].page == "board-laboratory":
            continue  # its grades are those of laboratory results
        for label, value in cells(made):
            if ABOUT_GRAVITY.search(label):
                assert value != 0, (name, label)
                assert not str(value).startswith("0"), (name, label)
        text = " ".join((made.answer, made.attention, made.missing or ""))
        assert not re.search(r"(serious|severe|higher|fatal): 0\b", text), name
        assert not re.search(r"\bno (death, )?(serious|fatal)", f"{text} {cells(made)}", re.I), name
        if re.search("not recorded", f"{text} {cells(made)} {' '.join(made.footnotes)}", re.I):
            said.add(name)
    assert said >= SAY_THAT_NOBODY_JUDGED


@pytest.mark.parametrize("view", list(View), ids=lambda view: view.word)
def test_without_ends_nobody_left_and_nobody_stayed(
    shown: Callable[[Habit], LoadedTrial], view: View
) -> None:
    """Ends that are inferred are said to be, and observation is no longer than what is recorded."""
    loaded = shown("no ends")
    board = board_of(loaded, view)
    try:
        facts = dict(board.ask("intake/facts").select("fact", "known").rows())
        days = int(board.ask("safety/people")["observed_days"].sum())
        with_ends = board.ask("conduct/disposition").filter(
            pl.col("standing").is_in(["completed", "left_study"])
        )
        assert with_ends.height
        assert with_ends["participants"].sum() == 0
        # As recorded with every habit: who left is not heard of again, and nobody else is missed.
        frames = simulate(loaded.trial, participants=24, seed=1, cutoff=CUTOFF)
        left = dict(
            frames["ds"]
            .filter(pl.col("DSDECOD").is_in(["WITHDRAWAL BY SUBJECT", "LOST TO FOLLOW-UP"]))
            .select("USUBJID", pl.col("DSSTDTC").str.to_date())
            .rows()
        )
        assert facts["Observed up to the last contact"] == len(left) > 0
        died = dict(
            frames["dm"].select("USUBJID", pl.col("DTHDTC").str.to_date()).drop_nulls().rows()
        )
        visits = dict(
            frames["sv"].group_by("USUBJID").agg(pl.col("SVSTDTC").str.to_date().max()).rows()
        )
        least = most = 0
        for who, text in frames["randomization"].select("USUBJID", "RANDDTC").rows():
            day_one = date.fromisoformat(text)
            last_window = day_one + timedelta(days=LAST_DAY - 1 + WINDOW)
            seen = max(day_one, visits[who])
            least += (seen - day_one).days + 1
            most += (
                (died.get(who) or left.get(who) or min(CUTOFF, last_window)) - day_one
            ).days + 1
        assert least <= days <= most
    finally:
        board.close()


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [("AESHOSP", "Y", "serious"), ("AETOXGR", "5", "serious"), ("AETOXGR", "4", None)],
)
def test_what_is_serious_by_its_criteria_stands_since_the_cutoff(
    tmp_path: Path, key_pair: KeyPair, column: str, value: str, why: str | None
) -> None:
    """Without AESER, the criteria and the grade say what is serious, after the cut-off, too.

    A death by the cut-off is counted, and not listed as a later one, though DM dates it later.
    """
    trial = load_trial("nct05689008")
    frames = dict(simulate(trial, participants=12, seed=1, cutoff=CUTOFF))
    ae = frames["ae"].drop("AESER")
    nothing = ("AESDTH", "AESHOSP", "AESLIFE", "AESDISAB", "AESCONG", "AESMIE", "AEOUT", "AEENDTC")
    later = ae.head(1).with_columns(
        *(pl.lit(None, ae.schema[name]).alias(name) for name in nothing if name in ae.columns),
        USUBJID=pl.lit(frames["randomization"]["USUBJID"][0]),
        AEDECOD=pl.lit("Fall"),
        AESTDTC=pl.lit("2023-09-15"),
        AESEQ=pl.lit(90_000).cast(ae.schema["AESEQ"]),
        AETOXGR=pl.lit("2"),
    )
    later = later.with_columns(pl.lit(value).alias(column))
    frames["ae"] = pl.concat([ae, later])
    dm, (dead, dead_later) = frames["dm"], frames["randomization"]["USUBJID"][:2]
    is_either = pl.col("USUBJID").is_in([dead, dead_later])
    frames["dm"] = dm.with_columns(
        DTHDTC=pl.when(is_either).then(pl.lit("2024-08-20")).otherwise("DTHDTC"),
        DTHFL=pl.when(is_either).then(pl.lit("Y")).otherwise("DTHFL"),
    )
    death = {"USUBJID": dead, "DSDECOD": "DEATH", "DSSTDTC": "2023-08-20"}
    ds = frames["ds"].filter(~((pl.col("DSDECOD") == "DEATH") & is_either))
    frames["ds"] = pl.concat([ds, pl.DataFrame([death])], how="diagonal")
    board = board_of(load_frames(frames, trial, key_pair, tmp_path, CUTOFF), View.POOLED)
    try:
        rows = board.ask("safety/since_cutoff")
        fall = rows.filter(pl.col("what") == "Fall")
        assert fall["why"].to_list() == ([why] if why else [])
        assert rows.filter(pl.col("what") == "Death")["subject"].to_list() == [dead_later]
        assert dead in board.ask("safety/deaths")["subject"]
    finally:
        board.close()
