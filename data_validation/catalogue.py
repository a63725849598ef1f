"""The catalogue: every rule, generated or written, in one place."""

import data_validation.checks  # noqa: F401 – importing it registers the functions
from data_validation import functional_unblinding
from data_validation.domains import DOMAINS
from data_validation.rules import CHECKS, Rule, column_rule, structural_rules


def catalogue() -> dict[str, Rule]:
    """Every rule by id: generated ones by domain, functions, then of the open store."""
    rules: dict[str, Rule] = {}
    for domain in DOMAINS.values():
        for rule in (*structural_rules(domain), column_rule(domain)):
            rules[rule.id] = rule
    for function in CHECKS.values():
        rules[function.rule.id] = function.rule
    for rule in functional_unblinding.RULES:
        rules[rule.id] = rule
    return rules
