"""What the trial definition says that one arm only has must not open, whatever the data.

The allow-list itself is asked, with records made up for the purpose: nothing here depends on an
extract, so the refusal tells nothing of one.
"""

from collections.abc import Iterator
from itertools import product

import polars as pl

from data_validation.domains import DOMAINS
from trials import Trial

# Field, value, and with which other cells a record with it would come.
Record = tuple[str, str, dict[str, list[str]]]


def written_separations(trial: Trial) -> tuple[str, ...]:
    """One sentence for each value that is sealed by the definition and open by the allow-list."""
    return tuple(
        f"{DOMAINS[domain].label} open with {column} “{value}”, which the trial definition says "
        "that one arm only has."
        for domain, records in _by_domain(trial).items()
        for column, value in _opening(domain, trial, records)
    )


def _by_domain(trial: Trial) -> dict[str, list[Record]]:
    """The records to ask about, so that each domain is asked once."""
    records: dict[str, list[Record]] = {}
    for domain, column, value, others in _of_one_arm(trial):
        records.setdefault(domain, []).append((column, value, others))
    return records


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


def _opening(domain: str, trial: Trial, records: list[Record]) -> list[tuple[str, str]]:
    """Field and value of the records that, with one of each of the other cells, would be open."""
    facts = DOMAINS[domain]
    rows: list[dict[str, str]] = []
    about: list[tuple[str, str]] = []
    for column, value, others in records:
        for values in product(*others.values()):
            rows.append({**dict(zip(others, values, strict=True)), column: value})
            about.append((column, value))
    cells = {field.name: [row.get(field.name) for row in rows] for field in facts.fields}
    frame = pl.DataFrame(cells, schema=dict.fromkeys(cells, pl.String))
    if facts.classes is not None:
        frame = frame.with_columns(facts.classes.column(frame, trial))
    rule = facts.open_rows(frame, trial).fill_null(value=False)
    opens = frame.with_columns(rule.alias("_opens"))["_opens"]
    return list(dict.fromkeys(item for item, is_open in zip(about, opens, strict=True) if is_open))
