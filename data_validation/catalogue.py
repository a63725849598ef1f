"""The catalogue: every rule, generated or written, in one place."""

from collections.abc import Mapping
from functools import cache
from itertools import chain
from types import MappingProxyType

import data_validation.checks  # noqa: F401 – importing it registers the functions
from data_validation import functional_unblinding
from data_validation.domains import DOMAINS
from data_validation.forms import form_rules
from data_validation.rules import CHECKS, Rule, column_rule, structural_rules
from data_validation.timing import timing_rules


@cache
def catalogue() -> Mapping[str, Rule]:
    """Every rule by id: generated ones by domain, functions, then of the open store."""
    rules: dict[str, Rule] = {}
    for domain in DOMAINS.values():
        generated = (structural_rules(domain), form_rules(domain), timing_rules(domain))
        for rule in (*chain.from_iterable(generated), column_rule(domain)):
            rules[rule.id] = rule
    for function in CHECKS.values():
        rules[function.rule.id] = function.rule
    for rule in functional_unblinding.RULES:
        rules[rule.id] = rule
    return MappingProxyType(rules)
