"""A habit changes how the trial is recorded, and nothing of what happened."""

from datetime import date
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data_validation.__main__ import main
from simulator import HABITS, Habit, simulate, simulate_blocks, write_simulated
from trials import load_trial

TRIAL = load_trial("nct05689008")
CUTOFF = date(2023, 9, 30)
GASES = ("PO2", "FIO2", "PCO2", "PH", "LACTICAC")
# The datasets that a habit may change.
TOUCHED: dict[Habit, set[str]] = {
    "no list": {"randomization"},
    "DS only": {"randomization", "dm"},
    "DM only": {"randomization", "ds", "sv"},
    "reasons not opened": {"ds"},
    "no ends": {"ds"},
    "several gases": {"lb"},
    "no VISIT": {"lb", "cp", "vs", "re", "eg", "rs", "qs"},
    "month-only dates": {"ae", "ce", "mh", "cm", "pr", "ho", "ds", "randomization"},
    "no seriousness": {"ae"},
    "no limits": {"lb"},
}


@cache
def extract(*habits: Habit) -> dict[str, pl.DataFrame]:
    return simulate(TRIAL, cutoff=CUTOFF, habits=habits)


@pytest.mark.parametrize("habit", HABITS)
def test_other_datasets_are_as_they_were(habit: Habit) -> None:
    changed, usual = extract(habit), extract()
    assert {
        name for name in usual if name not in changed or not usual[name].equals(changed[name])
    } <= TOUCHED[habit]
    assert any(name not in changed or not usual[name].equals(changed[name]) for name in usual)


def test_who_is_randomized_stands_elsewhere() -> None:
    usual = extract()
    randomized = set(usual["randomization"]["USUBJID"])
    for habit in ("no list", "DS only"):
        ds = extract(habit)["ds"]
        assert set(ds.filter(pl.col("DSDECOD") == "RANDOMIZED")["USUBJID"]) == randomized
    assert set(extract("DS only")["dm"].columns) == set(usual["dm"].columns) - {"RFSTDTC"}
    alone = extract("DM only")
    assert set(usual) - set(alone) == {"randomization", "ds", "sv"}
    assert set(alone["dm"].drop_nulls("ARMCD")["USUBJID"]) == randomized


def test_reasons_and_ends() -> None:
    left = ["WITHDRAWAL BY SUBJECT", "LOST TO FOLLOW-UP"]
    usual, reasons, none = (extract(*h)["ds"] for h in ((), ("reasons not opened",), ("no ends",)))
    leaving = usual["DSDECOD"].is_in(left)
    assert leaving.any()
    assert not set(reasons.filter(leaving)["DSDECOD"]) & set(TRIAL.open.dispositions)
    assert_frame_equal(reasons.filter(~leaving), usual.filter(~leaving))
    gone = {*left, "COMPLETED", "DEATH"}
    assert set(usual["DSDECOD"]) - set(none["DSDECOD"]) <= gone
    assert not set(none["DSDECOD"]) & gone
    kept = usual.filter(~pl.col("DSDECOD").is_in(list(gone)))
    assert_frame_equal(none, kept)


def test_three_gases_a_day_and_those_that_were_as_they_were() -> None:
    usual, several = extract()["lb"], extract("several gases")["lb"]
    gas, day = pl.col("LBTESTCD").is_in(GASES), pl.col("LBDTC").str.slice(0, 10)
    tests = several.filter(gas).group_by("USUBJID", day.alias("day"), "LBTESTCD")
    assert min(tests.agg(pl.col("LBDTC").n_unique())["LBDTC"]) == 3
    samples = several.filter(gas).group_by("USUBJID", "LBREFID")
    assert set(samples.agg(pl.col("LBDTC").n_unique())["LBDTC"]) == {1}
    assert set(samples.agg(pl.col("LBTESTCD").n_unique())["LBTESTCD"]) == {len(GASES)}
    assert several.filter(~gas)["LBREFID"].null_count() == several.filter(~gas).height
    key = ["USUBJID", "LBDTC", "LBTESTCD", "LBSPEC"]
    assert not several.select(key).is_duplicated().any()
    of_before = several.join(usual, on=key, how="semi", nulls_equal=True)
    assert_frame_equal(
        of_before.select(usual.columns).drop("LBSEQ"),
        usual.sort("USUBJID", "LBDTC", maintain_order=True).drop("LBSEQ"),
        check_row_order=False,
    )
    assert several.height - of_before.height == 2 * tests.len().height
    for number in several.group_by("USUBJID").agg("LBSEQ")["LBSEQ"].to_list():
        assert number == list(range(1, len(number) + 1))


def test_about_one_date_in_ten_is_known_to_the_month_in_every_cut() -> None:
    usual, partial = extract(), extract("month-only dates")
    cut = date(2023, 6, 30)
    earlier = simulate(TRIAL, cutoff=cut, habits=["month-only dates"])
    whole = usual["ae"]["AESTDTC"].str.slice(0, 7)
    short = partial["ae"]["AESTDTC"].str.len_chars() == 7
    assert 0.03 < short.mean() < 0.2  # type: ignore[operator]
    assert partial["ae"]["AESTDTC"].filter(short).equals(whole.filter(short))
    assert partial["ae"]["AESTDTC"].filter(~short).equals(usual["ae"]["AESTDTC"].filter(~short))
    keys = ["USUBJID", "AESEQ", "AESTDTC"]
    assert earlier["ae"].join(partial["ae"], on=keys, how="anti").is_empty()
    listed = partial["randomization"].select("USUBJID", day="RANDDTC")
    milestone = partial["ds"].filter(DSDECOD="RANDOMIZED").select("USUBJID", day="DSSTDTC")
    assert_frame_equal(listed, milestone, check_row_order=False)


@pytest.mark.parametrize(
    ("habit", "dataset", "gone"),
    [
        (
            "no seriousness",
            "ae",
            {"AESER", "AESCONG", "AESDISAB", "AESDTH", "AESHOSP", "AESLIFE", "AESMIE"}
            | {"AESEV", "AETOXGR", "AEOUT"},
        ),
        ("no limits", "lb", {"LBORNRLO", "LBORNRHI", "LBSTNRLO", "LBSTNRHI", "LBNRIND"}),
        ("no VISIT", "vs", {"VISIT", "VISITNUM"}),
    ],
)
def test_columns_are_gone_and_the_others_as_they_were(
    habit: Habit, dataset: str, gone: set[str]
) -> None:
    assert_frame_equal(extract(habit)[dataset], extract()[dataset].drop(gone))


def test_habits_go_together_and_blocks_agree() -> None:
    habits = HABITS[3:]
    whole = simulate(TRIAL, participants=24, sites=12, cutoff=CUTOFF, habits=habits)
    blocks = simulate_blocks(
        TRIAL, participants=24, sites=12, seed=7, cutoff=CUTOFF, habits=habits, block=11
    )
    parts = list(blocks)
    assert len(parts) > 1
    for name, frame in whole.items():
        assert_frame_equal(pl.concat([part[name] for part in parts]), frame)


def test_without_a_habit_the_bytes_are_the_same(tmp_path: Path) -> None:
    usual = write_simulated(TRIAL, tmp_path / "usual", cutoff=CUTOFF)
    for path in write_simulated(TRIAL, tmp_path / "none", cutoff=CUTOFF, habits=()):
        assert path.read_bytes() == (tmp_path / "usual" / path.name).read_bytes()
    assert len(usual) == len(extract())


def test_what_cannot_be_recorded_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["simulate", "--out", str(tmp_path / "e"), "--cutoff", "2023-09-30"]
    assert main([*arguments, "--habit", "no pens"]) == 1
    assert "'no pens' is no habit of recording; choose among no list" in capsys.readouterr().err
    assert main([*arguments, "--habit", "no list", "--defects", "typical"]) == 1
    assert "ask for one of them" in capsys.readouterr().err
    assert not (tmp_path / "e").exists()
    assert main([*arguments, "--habit", "no list", "--habit", "no VISIT"]) == 0
    assert not (tmp_path / "e" / "randomization.csv").exists()
