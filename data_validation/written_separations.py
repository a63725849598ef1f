"""What the trial definition says that one arm only has must not open, whatever the data.

The allow-list itself is asked, with records made up for the purpose: nothing here depends on an
extract, so the refusal tells nothing of one.
"""

from collections.abc import Iterator
from itertools import product

import polars as pl

from data_validation.domains import DOMAINS
from trials import Trial


def written_separations(trial: Trial) -> tuple[str, ...]:
    """One sentence for each value that is sealed by the definition and open by the allow-list."""
    return tuple(
        f"{DOMAINS[domain].label} open with {column} “{value}”, which the trial definition says "
        "that one arm only has."
        for domain, column, value, others in _of_one_arm(trial)
        if _opens(domain, trial, {column: [value], **others})
    )


def _of_one_arm(trial: Trial) -> Iterator[tuple[str, str, str, dict[str, list[str]]]]:
    """Domain, field and value, and with which other cells such a record would come."""
    sealed = trial.sealed
    visits = [visit.visit for visit in trial.schedule]
    tests = {name: [item.code for item in trial.measures if item.domain == name] for name in _TESTS}
    for visit in sealed.visits:
        yield "SV", "VISIT", visit, {}
        for name in _TESTS:
            yield name, "VISIT", visit, {f"{name}TESTCD": tests[name]}
    for name, test in product(_TESTS, sealed.tests):
        yield name, f"{name}TESTCD", test, {"VISIT": visits}
    for procedure in sealed.procedures:
        yield "PR", "PRDECOD", procedure, {}
    for medication in sealed.medications:
        yield "CM", "CMDECOD", medication, {}
    for disposition in sealed.dispositions:
        yield "DS", "DSDECOD", disposition, {}
    for deviation in sealed.deviations:
        yield "DV", "DVCAT", deviation, {}
    for term in sealed.preferred_terms:
        yield "AE", "AEDECOD", term, {}
        yield "MH", "MHDECOD", term, {}
        yield "CE", "CEDECOD", term, {}


_TESTS = tuple(domain.name for domain in DOMAINS.values() if domain.measured)


def _opens(domain: str, trial: Trial, cells: dict[str, list[str]]) -> bool:
    """Whether any record with one of each of the cells, and nothing else, would be open."""
    facts = DOMAINS[domain]
    rows = [dict(zip(cells, values, strict=True)) for values in product(*cells.values())]
    frame = pl.DataFrame(rows, schema={field.name: pl.String for field in facts.fields})
    if facts.classes is not None:
        frame = frame.with_columns(facts.classes.column(frame, trial))
    rule = facts.open_rows(frame, trial).fill_null(value=False)
    return bool(frame.select(rule.alias("opens"))["opens"].any())
