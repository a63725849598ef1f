"""Oxygenation against numbers counted from the extract without code of ours, and its edge cases."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl
import pytest

from access import View
from exhibits import EXHIBITS, Exhibit, make
from exhibits.parts.words import signed
from queries import Board
from queries.filters import Filters
from simulator import simulate
from tests.conftest import PROVE, KeyPair, LoadedTrial, board_of, load_frames
from tests.exhibits.conftest import BoardByName
from tests.exhibits.oxygenation_extract import DAYS, OF_RANK, Extract, table
from trials import Trial, load_trial

OXYGENATION = [name for name, item in EXHIBITS.items() if item.topic == "oxygenation"]
# Of gases around a dose, of changes, of differences, and of days: no row is of participants.
NOT_OF_PARTICIPANTS = {
    "oxygenation_around_doses", "oxygenation_change", "oxygenation_adjusted", "oxygenation_delta",
    "ventilator_free", "higher_support_free",
}  # fmt: skip
STACKED = ["oxygenation_bands", "respiratory_support", "who_scale"]
CUTOFF = date(2024, 6, 1)


@pytest.fixture(scope="module")
def extract(demonstration_store: LoadedTrial) -> Extract:
    return Extract(demonstration_store)


def stacked(shown: Exhibit) -> dict[tuple[str, int, str], int]:
    rows = table(shown).select("arm", "planned_day", "state", "participants").rows()
    return {(arm, day, state): count for arm, day, state, count in rows}


def expected_states(
    extract: Extract, named: Callable[[str, int], str | None], discharged: str
) -> dict[tuple[str, int, str], int]:
    """Participants by arm, day and state: a band if `named` has one, else what became of them."""
    counts: Counter[tuple[str, int, str]] = Counter()
    for who in extract.day_one:
        for day in DAYS.values():
            fate = extract.fate(who, day)
            state = named(who, day)
            if state is None:
                state = "Missing" if fate in ("in hospital", "not known") else fate
                state = discharged if fate == "Discharged" else state
            counts[extract.arm[who], day, state] += 1
    return dict(counts)


def band_of(value: float) -> str:
    if value > 300:
        return "Over 300 mmHg"
    if value > 200:
        return "Over 200 to 300 mmHg"
    return "Over 100 to 200 mmHg" if value > 100 else "At most 100 mmHg"


def test_bands_are_those_of_the_extract(board: BoardByName, extract: Extract) -> None:
    ratios = extract.ratios()
    expected = expected_states(
        extract,
        lambda who, day: band_of(ratios[who, day]) if (who, day) in ratios else None,
        "Discharged, no gas",
    )
    assert stacked(make("oxygenation_bands", board("two arms", View.UNBLINDED))) == expected
    assert {state for *_, state in expected} >= {
        "Died",
        "Discharged, no gas",
        "Missing",
        "Day not reached",
    }


def test_support_is_that_of_the_extract(board: BoardByName, extract: Extract) -> None:
    def named(who: str, day: int) -> str | None:
        fate = extract.fate(who, day)
        if fate not in ("in hospital", "Discharged", "not known"):
            return None
        support = extract.support(who, day)
        if support is None:
            return OF_RANK[0] if fate == "in hospital" else None
        return OF_RANK[support]

    discharged = "Discharged, no support on record"
    expected = expected_states(extract, named, discharged)
    assert stacked(make("respiratory_support", board("two arms", View.UNBLINDED))) == expected
    assert {state for *_, state in expected} >= {*OF_RANK.values(), "Died", discharged}


def test_the_who_scale_is_that_of_the_extract(board: BoardByName, extract: Extract) -> None:
    scores = extract.values("rs", "WHOCPS")
    names = ["0–3 not in hospital"] * 4 + ["4 no oxygen", "5 mask or prongs"]
    names += ["6 high flow or non-invasive", *["7–9 intubated"] * 3]

    def named(who: str, day: int) -> str | None:
        if (who, day) not in scores or extract.fate(who, day) == "Died":
            return None
        return names[int(scores[who, day])]

    assert stacked(make("who_scale", board("two arms", View.UNBLINDED))) == expected_states(
        extract, named, "Discharged, no score"
    )


def test_the_sentence_of_the_scale_counts_its_best_band(board: BoardByName) -> None:
    shown = make("who_scale", board("two arms", View.CODED))
    of_day = table(shown).filter(pl.col("planned_day") == 14)
    for arm in ("Arm A", "Arm B"):
        counts = dict(of_day.filter(pl.col("arm") == arm).select("state", "participants").rows())
        assert f"({counts['0–3 not in hospital']} of them 0–3 not in hospital)" in shown.answer
    assert any("Test that one odds ratio fits every cut" in note for note in shown.footnotes)


@pytest.mark.parametrize("name", STACKED)
def test_the_dead_whose_day_is_not_reached_are_said_to_be_left_out(
    board: BoardByName, name: str
) -> None:
    said = " ".join(make(name, board("two arms", View.POOLED)).footnotes)
    assert "Each day has those whose day was reached by the cut-off; of them, who died" in said
    assert "cut-off, dead or not; of these deaths would count, but not lives" in said


def test_the_composite_says_of_how_many_it_tells(board: BoardByName, extract: Extract) -> None:
    shown = make("oxygenation_composite", board("two arms", View.CODED))
    ratios, unranked = extract.ratios(), ("Left the study", "Day not reached", "Missing")
    n = sum(
        rung_of(extract, who, 14, ratios.get((who, 14))) not in unranked for who in extract.day_one
    )
    assert f"By day 14, of {n} whose day 14 is reached and who can be ranked: Arm A" in shown.answer
    assert shown.denominator.startswith(f"n = {n} ranked")
    assert not any("whenever it was" in note for note in shown.footnotes)


@pytest.mark.parametrize("name", ["oxygenation_ratio", "saturation_ratio", "oxygenation_change"])
def test_a_sentence_tells_no_median_that_is_not_drawn(
    demonstration_store: LoadedTrial, name: str
) -> None:
    """Of few participants, on whom most days have fewer than five values."""
    opened = board_of(demonstration_store, View.CODED)
    opened.choose(Filters(sexes=("F",)))
    shown = make(name, opened)
    rows = table(shown)
    assert rows.filter(pl.col("n") < 5).height > 0
    told = [int(n) for n in re.findall(r"\(n = (\d+)\)", shown.answer)]
    assert all(n >= 5 for n in told)
    assert told or "fewer than 5" in shown.answer
    opened.close()


def test_the_sentence_of_changes_tells_the_median_that_is_drawn(board: BoardByName) -> None:
    shown = make("oxygenation_change", board("two arms", View.POOLED))
    (row,) = table(shown).filter(pl.col("planned_day") == 14).to_dicts()
    assert shown.answer.startswith(f"Median change by day 14: {signed(row['median'], 0)} mmHg (n")


def test_a_legend_says_what_line_band_and_thin_lines_are(board: BoardByName) -> None:
    for name, thin in (("oxygenation_ratio", ["Participant"]), ("oxygenation_change", [])):
        for view in View:
            figure = make(name, board("two arms", view)).figure
            assert figure is not None
            entries = [trace.name for trace in figure.data if trace.showlegend is not False]
            assert entries[-2 - len(thin) :] == ["Median", "Quartiles", *thin]


def test_medians_n_and_support_are_those_of_the_extract(
    board: BoardByName, extract: Extract
) -> None:
    ratios = extract.ratios()
    for row in table(make("oxygenation_ratio", board("two arms", View.UNBLINDED))).iter_rows(
        named=True
    ):
        day = row["planned_day"]
        people = [w for (w, d) in ratios if d == day and extract.arm[w] == row["arm"]]
        assert row["n"] == len(people)
        expected = median(ratios[w, day] for w in people) if len(people) >= 5 else None
        assert row["median"] == pytest.approx(expected, abs=0.051)
        ranks = Counter(extract.support(w, day) for w in people)
        assert row["on_invasive"] == ranks[3] + ranks[4]
        assert (row["on_high_flow"], row["on_oxygen"], row["on_none"]) == (
            ranks[2],
            ranks[1],
            ranks[None],
        )


def test_saturation_over_fio2_is_that_of_the_extract(board: BoardByName, extract: Extract) -> None:
    saturations, fractions = extract.values("vs", "OXYSAT"), extract.values("re", "FIO2", 0.01)
    ratios = {
        key: saturations[key] / fractions[key]
        for key in set(saturations) & set(fractions)
        if saturations[key] <= 97 and extract.fate(*key) != "Died"
    }
    assert any(value > 97 for key, value in saturations.items() if key in fractions)
    rows = table(make("saturation_ratio", board("two arms", View.POOLED)))
    found = {
        day: (n, middle) for day, n, middle in rows.select("planned_day", "n", "median").rows()
    }
    for day in {day for _, day in ratios}:
        of_day = [value for (_, on), value in ratios.items() if on == day]
        expected = median(of_day) if len(of_day) >= 5 else None
        assert found[day] == (len(of_day), pytest.approx(expected, abs=0.051))
    assert len(found) == len({day for _, day in ratios})


def rung_of(extract: Extract, who: str, day: int, ratio: float | None) -> str:
    fate, support = extract.fate(who, day), extract.support(who, day)
    if fate in ("Died", "Left the study", "Day not reached"):
        return fate
    if support is not None and support >= 2:
        return OF_RANK[support]
    if fate == "Discharged" and support is None:
        return "Discharged without oxygen"
    return "By PaO2/FiO2" if ratio is not None else "Missing"


def test_the_composite_is_that_of_the_extract(board: BoardByName, extract: Extract) -> None:
    ratios = extract.ratios()
    expected = Counter(
        (extract.arm[who], rung_of(extract, who, 14, ratios.get((who, 14))))
        for who in extract.day_one
    )
    rows = table(make("oxygenation_composite", board("two arms", View.UNBLINDED)))
    found = {
        (arm, state): n for arm, state, n in rows.select("arm", "state", "participants").rows()
    }
    assert found == dict(expected)
    assert {state for _, state in found} >= {"Died", "By PaO2/FiO2", "Discharged without oxygen"}


@pytest.mark.parametrize("view", list(View))
@pytest.mark.parametrize("name", STACKED)
def test_each_day_adds_up_to_everybody(
    board: BoardByName, extract: Extract, name: str, view: View
) -> None:
    rows = table(make(name, board("two arms", view)))
    sums = rows.group_by("planned_day").agg(pl.col("participants").sum())
    assert set(sums["participants"]) == {len(extract.day_one)}
    shares = rows.group_by("planned_day", "arm").agg(pl.col("percent").sum())
    assert shares["percent"].to_list() == pytest.approx([100] * shares.height, abs=0.5)


@pytest.mark.parametrize("view", list(View))
@pytest.mark.parametrize("name", OXYGENATION)
def test_behind_a_row_are_as_many_participants_as_it_counts(
    board: BoardByName, name: str, view: View
) -> None:
    if name in NOT_OF_PARTICIPANTS:
        return
    opened = board("two arms", view)
    shown = make(name, opened)
    rows = table(shown)
    counts = rows["n" if "n" in rows.columns else "participants"].to_list()
    assert len(shown.row_lists) == len(counts) > 0
    for place, count in list(zip(shown.row_lists, counts, strict=True))[:: 5 if PROVE else 15]:
        if place is None:
            assert count == 0
            continue
        people = shown.lists[place]
        found = opened.ask(people.question, **dict(people.values))
        assert found.height == count == found["subject"].n_unique()
        assert found["why"].null_count() == 0


def test_filters_leave_a_part_of_everybody(demonstration_store: LoadedTrial) -> None:
    opened = board_of(demonstration_store, View.POOLED)
    opened.choose(Filters(sexes=("F",)))
    women = demonstration_store.dataset("dm").filter(
        (pl.col("SEX") == "F")
        & pl.col("USUBJID").is_in(demonstration_store.dataset("randomization")["USUBJID"].implode())
    )
    for name in STACKED:
        rows = table(make(name, opened))
        sums = rows.group_by("planned_day").agg(pl.col("participants").sum())
        assert set(sums["participants"]) == {women.height}
    opened.close()


def test_changes_and_why_there_are_none_are_those_of_the_extract(
    board: BoardByName, extract: Extract
) -> None:
    ratios = extract.ratios()
    scheduled = extract.ratios(DAYS | {"SCREENING": -1})
    baseline = {who: value for (who, day), value in scheduled.items() if day == -1}
    baseline |= {who: value for (who, day), value in scheduled.items() if day == 1}
    rows = table(make("oxygenation_change", board("two arms", View.UNBLINDED)))
    assert rows.height == 2 * (len(DAYS) - 1)
    for row in rows.iter_rows(named=True):
        day, arm = row["planned_day"], row["arm"]
        people = [who for who in extract.day_one if extract.arm[who] == arm]
        changes = [
            ratios[who, day] - baseline[who]
            for who in people
            if (who, day) in ratios and who in baseline
        ]
        assert row["n"] == len(changes)
        if len(changes) < 5:
            assert row["mean"] is row["median"] is None
        else:
            assert row["mean"] == pytest.approx(sum(changes) / len(changes), abs=0.051)
        fates = Counter(extract.fate(who, day) for who in people if (who, day) not in ratios)
        missing = fates["in hospital"] + fates["not known"]
        assert (row["discharged"], row["died"], row["missing"]) == (
            fates["Discharged"],
            fates["Died"],
            missing,
        )


# Around doses


def test_around_a_dose_are_the_gases_of_the_extract(board: BoardByName, extract: Extract) -> None:
    """By the clock, hour for hour: both have their minute in this extract."""
    gases: dict[str, list[tuple[str, float]]] = {}
    pressures = extract.loaded.dataset("lb").filter(pl.col("LBTESTCD") == "PO2")
    fractions = {
        (who, visit, when): float(value)
        for who, visit, when, value in extract.loaded.dataset("lb")
        .filter((pl.col("LBTESTCD") == "FIO2") & pl.col("LBORRES").is_not_null())
        .select("USUBJID", "VISIT", "LBDTC", "LBORRES")
        .rows()
    }
    for row in pressures.iter_rows(named=True):
        key = (row["USUBJID"], row["VISIT"], row["LBDTC"])
        value = 100 * float(row["LBORRES"] or 0) / fractions.get(key, 1e9)
        if 20 <= value <= 700:
            gases.setdefault(row["USUBJID"], []).append((row["LBDTC"], value))
    given: dict[str, list[str]] = {}
    doses = extract.loaded.dataset("ex").filter(pl.col("EXDOSE") > 0).sort("EXSTDTC")
    for who, when in doses.select("USUBJID", "EXSTDTC").rows():
        given.setdefault(who, []).append(when)
    counts: Counter[tuple[int, int]] = Counter()
    for who, times in given.items():
        for number, when in enumerate(times, start=1):
            hours = [
                (pl.Series([at]).str.to_datetime("%Y-%m-%dT%H:%M")
                - pl.Series([when]).str.to_datetime("%Y-%m-%dT%H:%M")).item().total_seconds() / 3600
                for at, _ in gases.get(who, [])
            ]  # fmt: skip
            counts.update((number, day) for day in {int(h // 24) for h in hours if abs(h) < 72})
    shown = make("oxygenation_around_doses", board("two arms", View.UNBLINDED))
    found = {(dose, day): n for dose, day, n in table(shown).select("dose", "day", "n").rows()}
    assert found == dict(counts)


# Edge cases


Changed = Callable[..., Board]


@pytest.fixture
def changed(tmp_path: Path, key_pair: KeyPair) -> Iterator[Changed]:
    """A Board of a small simulated trial whose datasets were changed before its load."""
    boards: list[Board] = []

    def load(
        change: Callable[[dict[str, pl.DataFrame], list[str]], None],
        view: View = View.POOLED,
        trial: Trial | None = None,
    ) -> Board:
        known = trial or load_trial("nct05689008")
        frames = dict(simulate(known, participants=12, seed=5, cutoff=CUTOFF))
        change(frames, frames["randomization"]["USUBJID"].to_list())
        loaded = load_frames(frames, known, key_pair, tmp_path, CUTOFF)
        boards.append(board_of(loaded, view))
        return boards[-1]

    yield load
    for one in boards:
        one.close()


def test_berlin_names_are_for_those_with_peep_only(changed: Changed) -> None:
    """At most 100 mmHg without PEEP, with 4, and with 5 cmH2O."""

    def change(frames: dict[str, pl.DataFrame], people: list[str]) -> None:
        at = pl.col("USUBJID").is_in(people[:3]) & (pl.col("VISIT") == "BASELINE")
        lb = frames["lb"]
        keep = ~(at & pl.col("LBTESTCD").is_in(["PO2", "FIO2"]))
        template = lb.filter((pl.col("LBTESTCD") == "PO2") & (pl.col("VISIT") == "BASELINE"))
        gases: list[pl.DataFrame] = []
        for who in people[:3]:
            when = frames["randomization"].filter(pl.col("USUBJID") == who)["RANDDTC"][0]
            for code, value, unit in (("PO2", "60", "mmHg"), ("FIO2", "80", "%")):
                gases.append(
                    template.head(1).with_columns(
                        USUBJID=pl.lit(who),
                        LBTESTCD=pl.lit(code),
                        LBORRES=pl.lit(value),
                        LBORRESU=pl.lit(unit),
                        LBDTC=pl.lit(f"{when}T08:00"),
                        LBSEQ=pl.lit(90_000 + len(gases)).cast(lb.schema["LBSEQ"]),
                    )
                )
        frames["lb"] = pl.concat([lb.filter(keep), *gases])
        re = frames["re"]
        peep = re.filter(pl.col("RETESTCD") == "PEEP").head(1)
        added = [
            peep.with_columns(
                USUBJID=pl.lit(who),
                VISIT=pl.lit("BASELINE"),
                REORRES=pl.lit(value),
                RESEQ=pl.lit(90_000 + place).cast(re.schema["RESEQ"]),
            )
            for place, (who, value) in enumerate(zip(people[1:3], ("4", "5"), strict=True))
        ]
        frames["re"] = pl.concat(
            [re.filter(~((pl.col("RETESTCD") == "PEEP") & (pl.col("VISIT") == "BASELINE"))), *added]
        )

    opened = changed(change)
    rows = table(make("oxygenation_bands", opened)).filter(pl.col("planned_day") == 1)
    severe = rows.row(by_predicate=pl.col("state") == "At most 100 mmHg", named=True)
    assert (severe["with_peep"], severe["berlin"]) == (1, "Severe")
    assert severe["participants"] >= 3
    for row in rows.filter(pl.col("state") != "At most 100 mmHg").iter_rows(named=True):
        assert row["with_peep"] in (0, None)


def test_a_dataset_that_is_not_there_is_said(changed: Changed) -> None:
    def leave_out(frames: dict[str, pl.DataFrame], _: list[str]) -> None:
        for dataset in ("lb", "pr", "rs"):
            del frames[dataset]

    opened = changed(leave_out)
    for name, said in (
        ("oxygenation_bands", "no laboratory results (LB)"),
        ("respiratory_support", "no procedures (PR)"),
        ("who_scale", "no clinical scales (RS)"),
    ):
        assert said in make(name, opened).missing


def test_without_stays_nobody_is_called_discharged(changed: Changed) -> None:
    opened = changed(lambda frames, _: frames.__delitem__("ho"))
    for name in STACKED:
        shown = make(name, opened)
        assert not any(state.startswith("Discharged") for state in table(shown)["state"])
        assert any("no hospital stays (HO)" in note for note in shown.footnotes)


def test_a_death_without_a_date_is_not_alive(changed: Changed) -> None:
    """Who died on a day that no source knows is dead from the earliest that it can have been.

    As in survival: before, they were missing, and an arm whose deaths have no date did better.
    """
    who: list[str] = []

    def change(frames: dict[str, pl.DataFrame], people: list[str]) -> None:
        who.append(people[0])
        dm = frames["dm"]
        frames["dm"] = dm.with_columns(
            DTHFL=pl.when(pl.col("USUBJID") == people[0]).then(pl.lit("Y")).otherwise("DTHFL"),
            DTHDTC=pl.when(pl.col("USUBJID") != people[0]).then("DTHDTC"),
        )
        for name in ("lb", "rs", "pr"):
            frames[name] = frames[name].filter(pl.col("USUBJID") != people[0])
        frames["ds"] = frames["ds"].filter(
            (pl.col("USUBJID") != people[0])
            | ~pl.col("DSDECOD").is_in(["COMPLETED", "DEATH", "LOST TO FOLLOW-UP"])
        )
        is_fatal = (pl.col("USUBJID") == people[0]) & (pl.col("AEOUT") == "FATAL")
        frames["ae"] = frames["ae"].with_columns(AEENDTC=pl.when(~is_fatal).then("AEENDTC"))

    opened = changed(change)
    lived = opened.ask("survival/observed").filter("is_earliest")
    (died_on,) = lived["day"].to_list()
    states = {}
    for people in make("who_scale", opened).lists:
        found = opened.ask(people.question, **dict(people.values))
        if who[0] in found["subject"].to_list():
            states[int(str(dict(people.values)["planned_day"]))] = dict(people.values)["state"]
    assert (
        {day for day, state in states.items() if state == "died"}
        == {day for day in states if day >= died_on}
        != set()
    )
    composite = make("oxygenation_composite", opened)
    dead = opened.ask("oxygenation/composite", planned_day=14).filter(pl.col("state") == "died")
    assert (
        dead.height
        == opened.ask("survival/observed").filter(pl.col("is_dead") & (pl.col("day") <= 14)).height
    )
    assert composite.table is not None
    # Wherever a day of death is used, it is said that one is not known.
    for name in USE_DAYS_OF_DEATH:
        shown = make(name, opened)
        said = any(note.startswith("1 death not dated to the day") for note in shown.footnotes)
        assert said or shown.missing, name
    # The curves of events have everybody, and the death as what came in their way.
    first = opened.ask("safety/first_events").filter(kind="any")
    assert not first["outcome"].has_nulls()
    everybody = opened.ask("safety/people")["participants"].sum()
    assert opened.ask("safety/recurrences")["person"].n_unique() == everybody
    ended = opened.ask("safety/recurrences").filter(kind=2, stop=died_on)
    assert ended.height == 1


USE_DAYS_OF_DEATH = (
    "survival_curve", "mortality", "vital_status", "discharge", "follow_up_maturity",
    "oxygenation_composite", "oxygenation_bands",
    "respiratory_support", "who_scale", "ventilator_free", "higher_support_free",
    "invasive_ventilation", "adverse_event_overview", "adverse_event_onset", "event_incidence",
    "mean_event_count", "special_interest_overview", "special_interest_incidence",
)  # fmt: skip


def test_a_trial_that_says_nothing_of_oxygenation_says_so(board: BoardByName) -> None:
    for name in OXYGENATION:
        view = EXHIBITS[name].least_view
        shown: Any = make(name, board("three arms", view))
        assert "[oxygenation]" in shown.missing
