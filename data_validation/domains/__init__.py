"""The facts of every domain that is read by name; all other datasets are kept sealed and listed.

A domain becomes known by standing here: rules, schema, sealing, documentation and the relation that
questions ask are made of its facts. A new test of a domain of measurements, as one of the
laboratory, is no fact: the trial names it, under `[[measures]]` in its `trial.toml`.
"""

from data_validation.domains.adverse_events import AE
from data_validation.domains.allocation import RANDOMIZATION
from data_validation.domains.demographics import DM
from data_validation.domains.follow_up import DD, HO, SS
from data_validation.domains.interventions import CM, DA, EC, EX, PR
from data_validation.domains.measurements import MEASUREMENTS
from data_validation.domains.participation import DS, DV, IE, SV
from data_validation.domains.reports import CE, FA, MH
from data_validation.domains.supplemental import SUPP
from data_validation.facts import Domain

DOMAINS: dict[str, Domain] = {
    domain.name: domain
    for domain in (
        *(DM, RANDOMIZATION, DS, IE, SV, DV, HO, SS, DD),
        *(EX, EC, DA, PR, CM, AE, MH, CE, FA),
        *MEASUREMENTS,
        SUPP,
    )
}

# Datasets that are sealed by the design, so that nobody need be told that they were: what a trial
# plans (its elements name the arms), comments, relations between records, devices and samples.
# fmt: off
SEALED_DATASETS = frozenset({
    "SE", "TA", "TE", "TV", "TI", "TS", "TD", "TM", "TX", "CO", "RELREC", "RELSPEC", "RELSUB", "OI",
    "DI", "DO", "SIMULATION",
})
# fmt: on

__all__ = ["DOMAINS", "SEALED_DATASETS"]
