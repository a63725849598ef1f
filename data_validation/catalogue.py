"""The catalogue: every rule, generated or written, in one place."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import data_validation.checks  # noqa: F401 – importing it registers the functions
from data_validation import (
    coverage,
    functional_unblinding,
    listed_texts,
    named_arms,
    time_points,
)
from data_validation.domains import DOMAINS
from data_validation.generated import generated_rules
from data_validation.rules import CHECKS, Rule


@cache
def catalogue() -> Mapping[str, Rule]:
    """Every rule by id: generated ones by domain, functions, then of the open store."""
    rules = (
        *(rule for domain in DOMAINS.values() for rule in generated_rules(domain)),
        *(function.rule for function in CHECKS.values()),
        *functional_unblinding.RULES,
        *time_points.RULES,
        *named_arms.RULES,
        *listed_texts.RULES,
        *coverage.RULES,
    )
    return MappingProxyType({rule.id: rule for rule in rules})
