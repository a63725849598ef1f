"""The key property of the simulator: cuts of one trial agree, and none knows its future."""

import os
from datetime import date, timedelta
from functools import cache

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import Effect, planned_cutoff, simulate
from tests.conftest import examples
from trials import load_trial

PROVE = os.environ.get("DSMB_PROVE") == "1"
Frames = dict[str, pl.DataFrame]

FIRST, LAST = date(2023, 1, 15), date(2024, 6, 30)
CUTOFFS = st.dates(FIRST, LAST)
FINDINGS = ("lb", "cp", "vs", "re", "eg", "rs", "qs")
# The key of a row, and where it says on which day it came to be, if it does.
KEYS = {
    "dm": (["USUBJID"], "RFICDTC"),
    "ds": (["USUBJID", "DSSEQ"], "DSSTDTC"),
    "ie": (["USUBJID", "IESEQ"], "IEDTC"),
    "sv": (["USUBJID", "VISITNUM"], "SVSTDTC"),
    "ex": (["USUBJID", "EXSEQ"], "EXSTDTC"),
    "ae": (["USUBJID", "AESEQ"], "AESTDTC"),
    "pr": (["USUBJID", "PRSEQ"], "PRSTDTC"),
    "suppdm": (["USUBJID", "QNAM"], ""),
    "dv": (["USUBJID", "DVSEQ"], "DVSTDTC"),
    "ho": (["USUBJID", "HOSEQ"], ""),
    "ss": (["USUBJID", "SSSEQ"], "SSDTC"),
    "dd": (["USUBJID", "DDSEQ"], "DDDTC"),
    "mh": (["USUBJID", "MHSEQ"], "MHDTC"),
    "cm": (["USUBJID", "CMSEQ"], ""),
    "ec": (["USUBJID", "ECSEQ"], "ECSTDTC"),
    "da": (["USUBJID", "DASEQ"], "DADTC"),
    "ce": (["USUBJID", "CESEQ"], "CEDTC"),
    **{name: (["USUBJID", f"{name.upper()}SEQ"], f"{name.upper()}DTC") for name in FINDINGS},
    "suppae": (["USUBJID", "IDVARVAL"], ""),
    "randomization": (["USUBJID"], "RANDDTC"),
}
# Dates that are filled in later than their row, and what is filled in with them.
FILLED_WITH: dict[str, dict[str, list[str]]] = {
    "dm": {
        "RFSTDTC": ["ACTARMCD", "ACTARM"],
        "RFENDTC": [],
        "RFXSTDTC": [],
        "DTHDTC": ["DTHFL"],
    },
    "ae": {},
    "pr": {"PRENDTC": []},
    "ho": {"HOENDTC": []},
    "cm": {"CMENDTC": []},
    "ce": {"CEENDTC": []},
}


@cache
def cut(cutoff: date, seed: int = 1) -> Frames:
    return simulate(load_trial("nct05689008"), participants=20, sites=2, seed=seed, cutoff=cutoff)


def known(column: str, cutoff: date) -> pl.Expr:
    """Whether a date, of whatever completeness, lies at or before the cut-off for certain."""
    text = pl.col(column)
    return (
        pl.when(text.str.len_chars() >= 10)
        .then(text.str.slice(0, 10) <= cutoff.isoformat())
        .otherwise(text < cutoff.isoformat()[:7])
    )


@settings(max_examples=60 if PROVE else 6, deadline=None)
@given(CUTOFFS, CUTOFFS, st.integers(0, 2))
def test_an_earlier_cut_is_the_later_one_as_it_stood(one: date, other: date, seed: int) -> None:
    early, late = min(one, other), max(one, other)
    earlier, later = cut(early, seed), cut(late, seed)
    assert earlier.keys() == later.keys()
    day_one = dict(later["randomization"].select("USUBJID", "RANDDTC").iter_rows())
    decided = dict(
        later["ds"]
        .filter(pl.col("DSDECOD").is_in(["RANDOMIZED", "SCREEN FAILURE"]))
        .select("USUBJID", "DSSTDTC")
        .iter_rows()
    )
    for name, (key, start) in KEYS.items():
        before, after = earlier[name], later[name]
        assert before.schema == after.schema
        assert before.select(key).is_unique().all()
        assert after.select(key).is_unique().all()

        # The rows are those that had begun; a partial date may hide on which side it lies.
        assert before.join(after, on=key, how="anti").is_empty(), name
        if start:
            had_begun = after.filter(known(start, early))
            assert had_begun.join(before, on=key, how="anti").is_empty(), name
            partial = pl.col(start).str.len_chars() < 10
            undecided = before.join(had_begun, on=key, how="anti")
            assert undecided.filter(~partial).is_empty(), name

        pairs = before.join(after, on=key, how="inner", suffix="_later")
        assert pairs.height == before.height
        rest = set(before.columns) - set(key)
        for column, companions in FILLED_WITH.get(name, {}).items():
            seen = known(f"{column}_later", early).fill_null(False)
            for filled in (column, *companions):
                rest.discard(filled)
                expected = pl.when(seen).then(pl.col(f"{filled}_later"))
                wrong = pairs.filter(~pl.col(filled).eq_missing(expected))
                assert wrong.is_empty(), (name, filled, wrong)
        if name == "dm":
            rest -= {"ARMCD", "ARM", "ARMNRS", "RFXENDTC"}
            for row in pairs.iter_rows(named=True):
                subject = row["USUBJID"]
                randomized = day_one.get(subject, "9999") <= early.isoformat()
                assert row["ARMCD"] == (row["ARMCD_later"] if randomized else None)
                assert row["ARM"] == (row["ARM_later"] if randomized else None)
                if row["ARMNRS_later"] == "SCREEN FAILURE":
                    failed = decided[subject] <= early.isoformat()
                    assert row["ARMNRS"] == ("SCREEN FAILURE" if failed else None)
                else:
                    assert row["ARMNRS"] in (None, row["ARMNRS_later"])
                assert row["RFXENDTC"] in (None, row["RFXENDTC_later"])
        if name == "cm":
            rest.discard("CMENRTPT")
            ongoing = pl.when(pl.col("CMENDTC").is_null()).then(pl.lit("ONGOING"))
            assert before.filter(~pl.col("CMENRTPT").eq_missing(ongoing)).is_empty()
        if name == "ae":
            rest -= {"AEENDTC", "AEOUT", "AESDTH", "AETOXGR", "AEACN"}
            for row in pairs.iter_rows(named=True):
                agree_on_event(row, early)
        if name in FINDINGS:
            flag = f"{name.upper()}BLFL"
            rest.discard(flag)
            randomized_by_then = [
                subject for subject, day in day_one.items() if day <= early.isoformat()
            ]
            expected = pl.when(pl.col("USUBJID").is_in(randomized_by_then)).then(
                pl.col(f"{flag}_later")
            )
            assert pairs.filter(~pl.col(flag).eq_missing(expected)).is_empty()
        for column in sorted(rest):
            differing = pairs.filter(~pl.col(column).eq_missing(pl.col(f"{column}_later")))
            assert differing.is_empty(), (name, column, differing)


def agree_on_event(row: dict[str, str | None], cutoff: date) -> None:
    """An event as it stood, against how it went on."""
    day, month = cutoff.isoformat(), cutoff.isoformat()[:7]
    end = row["AEENDTC_later"]
    if row["AEENDTC"] is not None:
        assert row["AEENDTC"] == end
        assert row["AEENDTC"][:10] <= day
        assert row["AEOUT"] == row["AEOUT_later"]
    else:
        assert end is None or end > day or end == month
        assert row["AEOUT"] in ("NOT RECOVERED/NOT RESOLVED", "RECOVERING/RESOLVING")
        assert row["AESDTH"] == "N"
    if row["AESDTH"] != row["AESDTH_later"]:
        assert row["AESDTH_later"] == "Y"
        assert end is not None
        assert end > day
    if row["AETOXGR"] != row["AETOXGR_later"]:
        assert row["AETOXGR_later"] == "5"
        assert row["AETOXGR"] in ("3", "4")
    assert (row["AETOXGR"] == "5") == (row["AESDTH"] == "Y")
    if row["AEACN"] != row["AEACN_later"]:
        assert (row["AEACN"], row["AEACN_later"]) == ("DOSE NOT CHANGED", "DRUG WITHDRAWN")


@settings(max_examples=examples(10), deadline=None)
@given(CUTOFFS, st.integers(0, 2))
def test_nothing_lies_after_the_cutoff(cutoff: date, seed: int) -> None:
    for name, frame in cut(cutoff, seed).items():
        for column in frame.columns:
            if column.endswith("DTC"):
                late = frame.filter(pl.col(column).str.slice(0, 10) > cutoff.isoformat())
                assert late.is_empty(), (name, column, late)


def test_those_in_screening_look_alike_whatever_becomes_of_them() -> None:
    trial = load_trial("nct05689008")
    # A month of quick recruitment, so that many are in screening on any day.
    quick = trial.model_copy(
        update={"accrual": trial.accrual.model_copy(update={"months": 1.0, "target": 200})}
    )
    final = simulate(quick, participants=200, seed=5, cutoff=LAST)
    future = dict(final["dm"].select("USUBJID", "ARMNRS").iter_rows())
    looks: dict[str, set[tuple[object, ...]]] = {"randomized": set(), "failed": set()}
    for day in (12, 18, 24):
        frames = simulate(quick, participants=200, seed=5, cutoff=FIRST + timedelta(days=day))
        events = frames["ds"].filter(pl.col("DSDECOD").is_in(["RANDOMIZED", "SCREEN FAILURE"]))
        pending = frames["dm"].join(events, on="USUBJID", how="anti")
        for row in pending.iter_rows(named=True):
            subject = row["USUBJID"]
            missing = tuple(column for column, value in row.items() if value is None)
            holding = tuple(
                name
                for name in KEYS
                # These depend on how ill they are by then, or not all have them.
                if name not in ("pr", "re", "qs", "cm")
                and not frames[name].filter(pl.col("USUBJID") == subject).is_empty()
            )
            flags = [
                frames[name].filter(pl.col("USUBJID") == subject)[f"{name.upper()}BLFL"].count()
                for name in FINDINGS
            ]
            assert not any(flags)
            outcome = "failed" if future[subject] == "SCREEN FAILURE" else "randomized"
            looks[outcome].add((missing, holding))
    assert len(looks["randomized"]) == 1
    assert looks["randomized"] == looks["failed"]


def test_an_ongoing_event_does_not_foretell_death() -> None:
    """Each term that ends in death while it may stand open also occurs in those who live."""
    final = simulate(load_trial("nct05689008"), participants=1500, seed=3, cutoff=date(2030, 1, 1))
    died = final["dm"].filter(pl.col("DTHFL") == "Y")
    fatal = final["ae"].filter(pl.col("AEOUT") == "FATAL")
    open_before = fatal.filter(pl.col("AESTDTC") < pl.col("AEENDTC"))["AEDECOD"].unique()
    survived = final["ae"].join(died, on="USUBJID", how="anti")
    assert len(open_before) >= 4
    assert set(open_before) <= set(survived["AEDECOD"])
    graded = survived.filter(pl.col("AEDECOD").is_in(open_before.implode()))
    assert {"3", "4"} <= set(graded["AETOXGR"])


def test_dosing_stands_as_unchanged_until_a_dose_is_not_given() -> None:
    trial = load_trial("nct05689008")
    effect = Effect(event_ratios={"allergic": 12.0})
    final = simulate(trial, participants=300, seed=3, cutoff=LAST, effect=effect)
    stopped = final["ae"].filter(pl.col("AEACN") == "DRUG WITHDRAWN").sort("AESTDTC")
    skipped = final["ex"].filter(pl.col("EXADJ") == "ADVERSE EVENT")
    assert set(stopped["USUBJID"]) == set(skipped["USUBJID"])
    subject, begun = stopped.select("USUBJID", "AESTDTC").row(0)
    missed = skipped.filter(pl.col("USUBJID") == subject)["EXSTDTC"].item()
    for cutoff, expected in ((begun[:10], "DOSE NOT CHANGED"), (missed, "DRUG WITHDRAWN")):
        frames = simulate(
            trial, participants=300, seed=3, cutoff=date.fromisoformat(cutoff), effect=effect
        )
        event = (pl.col("USUBJID") == subject) & (pl.col("AESTDTC") == begun)
        assert set(frames["ae"].filter(event)["AEACN"]) == {expected}


def test_the_day_before_a_death_nobody_knows_of_it() -> None:
    trial = load_trial("nct05689008")
    final = simulate(trial, participants=60, seed=3, cutoff=LAST)["ae"]
    fatal = final.filter((pl.col("AEOUT") == "FATAL") & (pl.col("AESTDTC") < pl.col("AEENDTC")))
    for subject, sequence, death in fatal.select("USUBJID", "AESEQ", "AEENDTC").rows()[:4]:
        eve = date.fromisoformat(death) - timedelta(days=1)
        frames = simulate(trial, participants=60, seed=3, cutoff=eve)
        event = frames["ae"].row(
            by_predicate=(pl.col("USUBJID") == subject) & (pl.col("AESEQ") == sequence), named=True
        )
        assert event["AETOXGR"] in ("3", "4")
        assert (event["AESDTH"], event["AESER"], event["AEENDTC"]) == ("N", "Y", None)
        assert "Y" in (event["AESLIFE"], event["AESHOSP"], event["AESMIE"], event["AESDISAB"])
        person = frames["dm"].row(by_predicate=pl.col("USUBJID") == subject, named=True)
        assert (person["DTHFL"], person["DTHDTC"], person["RFENDTC"]) == (None, None, None)
        assert frames["ds"].filter(pl.col("USUBJID") == subject)["DSDECOD"][-1] == "RANDOMIZED"


def test_the_default_cutoff_shows_a_trial_under_way() -> None:
    trial = load_trial("nct05689008")
    assert planned_cutoff(trial) == date(2023, 8, 22)
    frames = simulate(trial)
    assert 32 <= frames["randomization"].height <= 40
    assert frames["dm"].equals(simulate(trial, cutoff=date(2023, 8, 22))["dm"])
    followed = set(frames["ds"].filter(pl.col("DSDECOD") == "COMPLETED")["USUBJID"])
    assert 0 < len(followed) < frames["randomization"].height


def test_before_the_first_consent_the_datasets_are_empty_but_whole() -> None:
    frames = cut(FIRST)
    assert frames["dm"].is_empty()
    assert frames["lb"].schema == cut(LAST)["lb"].schema
    assert frames["simulation"].height == 1


@pytest.mark.parametrize("seed", [1, 2])
def test_an_effect_changes_nothing_before_the_first_randomization(seed: int) -> None:
    trial = load_trial("nct05689008")
    plain = simulate(trial, seed=seed, cutoff=LAST)
    treated = simulate(
        trial, seed=seed, cutoff=LAST, effect=Effect(mortality_ratio=0.5, recovery_ratio=2.0)
    )
    for name in ("randomization", "ie"):
        assert plain[name].equals(treated[name])
    entry = ["USUBJID", "RFICDTC", "AGE", "SEX", "RACE", "ARMCD", "ARMNRS"]
    assert plain["dm"].select(entry).equals(treated["dm"].select(entry))
