"""The facts of every domain that is read by name; all other datasets are kept sealed and listed."""

from data_validation.domains.adverse_events import AE
from data_validation.domains.allocation import RANDOMIZATION
from data_validation.domains.demographics import DM
from data_validation.domains.interventions import EX, PR
from data_validation.domains.measurements import LB, VS
from data_validation.domains.participation import DS, IE, SV
from data_validation.facts import Domain

DOMAINS: dict[str, Domain] = {
    domain.name: domain for domain in (DM, RANDOMIZATION, DS, IE, SV, EX, AE, LB, VS, PR)
}

__all__ = ["DOMAINS"]
