"""Laboratory, gases and vital signs: units, specimens, plausible values."""

import polars as pl

from data_validation.checks.common import after_cutoff, after_death
from data_validation.facts import Severity
from data_validation.relations import PLAUSIBLE_RATIO, measured, paired_gases
from data_validation.rules import Evidence, RuleKind, check

_UNIT_QUERY = (
    "The result {{{0}ORRES}} of {{{0}TESTCD}} has the unit {{{0}ORRESU}}. Which unit was it?"
)
_RANGE_QUERY = (
    "The result of {{{0}TESTCD}} is {{{0}ORRES}} {{{0}ORRESU}}. Please check value and unit."
)


def _unusable_unit(evidence: Evidence, domain: str) -> pl.DataFrame:
    return measured(evidence[domain], domain, evidence.trial).filter(
        pl.col("measure").is_not_null(),
        pl.col("result").is_not_null(),
        pl.col("converted").is_null(),
    )


def _implausible(evidence: Evidence, domain: str) -> pl.DataFrame:
    return measured(evidence[domain], domain, evidence.trial).filter(~pl.col("is_plausible"))


@check(
    id="LB-101",
    domain="LB",
    field="LBORRESU",
    severity=Severity.MAJOR,
    sentence="The unit is missing or not one of the measure's; the value is not used.",
    why="A value without its unit can be wrong by a factor of seven (mmHg and kPa).",
    query=_UNIT_QUERY.format("LB"),
)
def laboratory_unit(evidence: Evidence) -> pl.DataFrame:
    """A number whose unit the measure does not know."""
    return _unusable_unit(evidence, "LB")


@check(
    id="VS-101",
    domain="VS",
    field="VSORRESU",
    severity=Severity.MAJOR,
    sentence="The unit is missing or not one of the measure's; the value is not used.",
    why="A value without its unit can be wrong by a factor (cm and in, kg and lb).",
    query=_UNIT_QUERY.format("VS"),
)
def vital_sign_unit(evidence: Evidence) -> pl.DataFrame:
    """A number whose unit the measure does not know."""
    return _unusable_unit(evidence, "VS")


@check(
    id="LB-102",
    domain="LB",
    field="LBORRES",
    severity=Severity.MAJOR,
    sentence="The value is not plausible in the recorded unit; it is not used.",
    why="Physiology; usually a wrong unit or a slipped decimal.",
    query=_RANGE_QUERY.format("LB"),
)
def laboratory_range(evidence: Evidence) -> pl.DataFrame:
    """A converted value outside the measure's plausible range."""
    return _implausible(evidence, "LB")


@check(
    id="VS-102",
    domain="VS",
    field="VSORRES",
    severity=Severity.MAJOR,
    sentence="The value is not plausible in the recorded unit; it is not used.",
    why="Physiology; usually a wrong unit or a slipped decimal.",
    query=_RANGE_QUERY.format("VS"),
)
def vital_sign_range(evidence: Evidence) -> pl.DataFrame:
    """A converted value outside the measure's plausible range."""
    return _implausible(evidence, "VS")


@check(
    id="LB-103",
    domain="LB",
    field="LBSPEC",
    severity=Severity.MAJOR,
    sentence="The specimen of the blood gas is not recorded as arterial; the value is not used.",
    why="A venous PO2 taken for an arterial one would show a lung far worse than it is.",
    query="The specimen of {LBTESTCD} is {LBSPEC}. Was it arterial blood?",
)
def gas_not_arterial(evidence: Evidence) -> pl.DataFrame:
    """A result of a measure with a list of specimens, from none of them."""
    return measured(evidence["LB"], "LB", evidence.trial).filter(
        pl.col("measure").is_not_null(),
        pl.col("result").is_not_null(),
        ~pl.col("specimen_counts"),
    )


@check(
    id="LB-104",
    domain="LB",
    field="LBORRES",
    severity=Severity.MAJOR,
    sentence="PaO2/FiO2 of this sample is outside 20 to 700 mmHg; the ratio is not used.",
    why="No patient lives outside; usually a unit of PaO2 or a percent FiO2.",
    query="PaO2 is {LBORRES} {LBORRESU}; with FiO2 of the same sample the ratio is impossible.",
)
def impossible_ratio(evidence: Evidence) -> pl.DataFrame:
    """PO2 rows whose ratio with the FIO2 of the same subject, visit and date is impossible."""
    impossible = paired_gases(evidence.relations["laboratory"]).filter(
        ~pl.col("pao2_fio2").is_between(*PLAUSIBLE_RATIO)
    )
    return evidence["LB"].filter(pl.col("record_key").is_in(impossible["record_key"].implode()))


