"""The datasets of one simulated trial tell the same story."""

from datetime import date

import polars as pl
import pytest

from simulator import Effect, simulate
from trials import load_trial

Frames = dict[str, pl.DataFrame]
TRIAL = load_trial("nct05689008")


@pytest.fixture(scope="module")
def frames() -> Frames:
    return simulate(TRIAL, participants=800, sites=3, seed=9, cutoff=date(2040, 1, 1))


def test_a_death_is_the_same_everywhere(frames: Frames) -> None:
    deaths = dict(frames["dm"].drop_nulls("DTHDTC").select("USUBJID", "DTHDTC").iter_rows())
    told = {
        "ds": frames["ds"].filter(pl.col("DSDECOD") == "DEATH").select("USUBJID", "DSSTDTC"),
        "ae": frames["ae"].filter(pl.col("AEOUT") == "FATAL").select("USUBJID", "AEENDTC"),
        "dd": frames["dd"].select("USUBJID", "DDDTC"),
        "ss": frames["ss"].filter(pl.col("SSSTRESC") == "DEAD").select("USUBJID", "SSDTC"),
    }
    assert len(deaths) > 200
    for name, dates in told.items():
        assert dates.height == len(deaths), name
        assert dict(dates.iter_rows()) == deaths, name
    causes = frames["dd"].join(frames["ae"].filter(pl.col("AEOUT") == "FATAL"), on="USUBJID")
    assert (causes["DDORRES"] == causes["AEDECOD"]).all()
    # Most die in hospital, and then the stay ends with death.
    stays = frames["ho"].filter(pl.col("HODECOD") == "HOSPITAL").drop_nulls("HOENDTC")
    ends = dict(stays.select("USUBJID", "HOENDTC").iter_rows())
    assert all(ends[subject] <= day for subject, day in deaths.items())
    assert sum(ends[subject] == day for subject, day in deaths.items()) > 0.9 * len(deaths)


def test_the_scale_says_seven_and_more_while_ventilated(frames: Frames) -> None:
    invasive = {
        term
        for item in TRIAL.open.procedure_classes
        if item.support is not None and item.support >= 3
        for term in item.terms
    }
    episodes = (
        frames["pr"]
        .filter(pl.col("PRDECOD").is_in(invasive))
        .select(
            "USUBJID",
            start=pl.col("PRSTDTC").str.slice(0, 10),
            end=pl.col("PRENDTC").str.slice(0, 10).fill_null("9999"),
        )
    )
    rated = frames["rs"].select("USUBJID", "RSSTRESN", day=pl.col("RSDTC").str.slice(0, 10))
    both = rated.join(episodes, on="USUBJID")
    during = both.filter((pl.col("start") < pl.col("day")) & (pl.col("day") < pl.col("end")))
    assert during.height > 500
    assert during["RSSTRESN"].is_between(7, 9).all()
    touched = both.filter(pl.col("day").is_between(pl.col("start"), pl.col("end")))
    apart = rated.join(touched, on=["USUBJID", "day"], how="anti")
    assert apart.height > 500
    assert (apart["RSSTRESN"] < 7).all()
    assert set(rated["RSSTRESN"]) == {1, 2, 4, 5, 6, 8, 9}


def test_ventilation_is_in_intensive_care_and_that_in_hospital(frames: Frames) -> None:
    stays = frames["ho"].with_columns(pl.col("HOENDTC").fill_null("9999"))
    intensive, hospital = (
        stays.filter(pl.col("HODECOD") == place).select("USUBJID", "HOSTDTC", "HOENDTC")
        for place in ("ICU", "HOSPITAL")
    )
    nested = intensive.join(hospital, on="USUBJID", suffix="_of_stay")
    assert nested.height == intensive.height
    assert (nested["HOSTDTC"] >= nested["HOSTDTC_of_stay"]).all()
    assert (nested["HOENDTC"] <= nested["HOENDTC_of_stay"]).all()
    ventilated = frames["pr"].filter(pl.col("PRDECOD").str.contains("INVASIVE MECH"))
    within = ventilated.join(intensive, on="USUBJID", how="left")
    randomized = within.join(frames["randomization"], on="USUBJID", how="semi")
    assert (randomized["PRSTDTC"].str.slice(0, 10) >= randomized["HOSTDTC"]).all()


def test_settings_are_those_of_the_device(frames: Frames) -> None:
    rated = frames["rs"].select("USUBJID", "VISITNUM", "RSSTRESN")
    settings = frames["re"].join(rated, on=["USUBJID", "VISITNUM"])
    scores = {code: set(part["RSSTRESN"]) for (code,), part in settings.group_by("RETESTCD")}
    assert scores["PEEP"] <= {7, 8, 9}
    assert scores["O2FLOW"] <= {5, 6}
    assert scores["FIO2"] <= {6, 7, 8, 9}
    assert not set(frames["qs"].join(rated, on=["USUBJID", "VISITNUM"])["RSSTRESN"]) & {7, 8, 9}


def test_nobody_is_seen_after_leaving_hospital_in_it(frames: Frames) -> None:
    left = (
        frames["ho"]
        .filter(pl.col("HODECOD") == "HOSPITAL")
        .drop_nulls("HOENDTC")
        .select("USUBJID", "HOENDTC")
    )
    for name in ("re", "pr"):
        column = "REDTC" if name == "re" else "PRSTDTC"
        after = (
            frames[name]
            .join(left, on="USUBJID")
            .filter(pl.col(column).str.slice(0, 10) > pl.col("HOENDTC"))
        )
        assert after.is_empty(), name


def test_filtration_falls_as_creatinine_and_age_rise(frames: Frames) -> None:
    """Inker et al. 2021: a man of 50 with 0.9 mg/dL has 142 * 0.9938**50 = 104."""
    wide = (
        frames["lb"]
        .filter(pl.col("LBTESTCD").is_in(["CREAT", "GFRE"]))
        .pivot(on="LBTESTCD", index=["USUBJID", "LBDTC"], values="LBSTRESN")
        .drop_nulls()
        .join(frames["dm"], on="USUBJID")
    )
    men = wide.filter((pl.col("SEX") == "M") & pl.col("CREAT").is_between(79, 80))
    assert men.height > 20
    expected = 142 * 0.9938 ** men["AGE"]
    assert ((men["GFRE"] - expected).abs() < 3).all()


def test_what_an_administration_brings_only_the_treated_have(frames: Frames) -> None:
    def arms(name: str, where: pl.Expr) -> set[str]:
        rows = frames[name].filter(where).join(frames["randomization"], on="USUBJID", how="left")
        assert rows.height > 20, name
        return set(rows["ARMCD"].fill_null("none"))

    brought = {
        "ec": pl.lit(value=True),
        "da": pl.lit(value=True),
        "dv": pl.col("DVCAT") == "STUDY TREATMENT",
        "cm": pl.col("CMINDC").is_in(["PREMEDICATION", "SEDATION"]),
        "ce": pl.col("CECAT") == "SYMPTOMS AFTER INSTILLATION",
    }
    for name, where in brought.items():
        assert arms(name, where) == {"UCMSC"}, name
    assert arms("cm", pl.col("CMDECOD") == "CHLORPHENAMINE") == {"UCMSC", "CONTROL"}
    bare = simulate(
        TRIAL, participants=100, seed=9, cutoff=date(2040, 1, 1), effect=Effect(procedural=False)
    )
    for name in ("dv", "cm", "ce"):
        assert bare[name].filter(brought[name]).is_empty()


def test_exposure_as_collected_and_the_product_agree_with_exposure(frames: Frames) -> None:
    ex, ec = frames["ex"], frames["ec"]
    assert (ex["EXSTDTC"] == ec["ECSTDTC"]).all()
    assert ((ex["EXDOSE"] > 0) == (ec["ECOCCUR"] == "Y")).all()
    counted = frames["da"].pivot(on="DATESTCD", index=["USUBJID", "VISIT"], values="DAORRES")
    given = ex.filter(pl.col("EXDOSE") > 0).join(counted, on=["USUBJID", "VISIT"])
    assert given.height == counted.height
    left_over = given["DISPAMT"].cast(pl.Float64) - given["RETAMT"].cast(pl.Float64)
    assert (left_over == given["EXDOSE"]).all()
