"""How values are written: what an extract's software, and not the site, got into them.

None of this hides a value: what could be read was read. These are notes for who makes the extract.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from data_validation.facts import Domain, Field, Kind, Severity
from data_validation.rules import Rule, RuleKind
from data_validation.values import BLANKS, is_mark, trimmed

# A field that is written in some way throughout is said once, and not record by record.
ONE_BY_ONE_AT_MOST = 100
# SDTM's limit of a text; in SAS transport files it cannot be longer.
LONGEST_TEXT = 200
# Control and direction characters, markup, and what a spreadsheet would run as a formula.
_UNSAFE = (
    r"[\x00-\x08\x0B\x0C\x0E-\x1F\x7F\u{200B}-\u{200F}\u{202A}-\u{202E}\u{2066}-\u{2069}\u{FEFF}]"
    r"|<[A-Za-z/!]|^\s*[=@]|^\s*[+-][A-Za-z(@=]"
)


@dataclass(frozen=True)
class Found:
    """Offending rows of a rule, and the field that they are about."""

    rule: str
    field: str
    rows: pl.DataFrame


def form_rules(domain: Domain) -> list[Rule]:
    """What may be said of any field of a domain; each finding names its own."""
    fields = domain.received_fields
    kinds = {field.kind for field in fields}

    def rule(name: str, sentence: str, why: str, query: str) -> Rule:
        return Rule(
            f"{domain.name}-{name}",
            domain.name,
            "",
            Severity.NOTE,
            sentence,
            why,
            query,
            sealed=not domain.opens,
            kind=RuleKind.FORM,
        )

    rules = [
        rule(
            "blanks",
            "The value has blanks before or after it.",
            "Blanks part equal values; they are taken off for every use.",
            "{field} has blanks before or after its value. Please have the export trimmed.",
        ),
        rule(
            "text",
            "The text has control characters, markup, or begins like a formula.",
            "Such text can damage what it is shown in; it is shown as text and never run.",
            "{field} holds characters that are no plain text. Please check and retype the entry.",
        ),
        rule(
            "long",
            f"The text is longer than {LONGEST_TEXT} characters.",
            "SDTM texts have at most 200 characters; a longer one is usually a paste by mistake.",
            f"{{field}} is longer than {LONGEST_TEXT} characters. Please check that nothing was "
            "pasted by mistake.",
        ),
    ]
    if kinds - {Kind.TEXT}:
        rules.append(
            rule(
                "marks",
                "A mark stands where there is no value.",
                "An empty field says the same and cannot be taken for a value.",
                "{field} is “{_value}”. We take it as no value. If there is one, please enter it; "
                "if not, please leave the field empty.",
            )
        )
    if Kind.CODE in kinds:
        rules.append(
            rule(
                "case",
                "The code is written in another case than its code list.",
                "Codes are compared exactly by other systems; here it is read as the code.",
                "{field} is “{_value}”. Please send the code as the code list writes it.",
            )
        )
    if Kind.INTEGER in kinds:
        rules.append(
            rule(
                "decimals",
                "The whole number is written with decimals.",
                "A number turned into a measurement on its way; links by text to it would fail.",
                "{field} is “{_value}”. Please export it as a whole number.",
            )
        )
    return rules


def form_failures(
    frame: pl.DataFrame, few: pl.DataFrame, fields: tuple[Field, ...], domain: Domain
) -> Iterator[Found]:
    """What the form rules find in some fields of a table.

    Args:
        few: rows of the table in which every text of these fields occurs.
    """
    for name, field, broken in _conditions(few, fields):
        rows = frame.filter(broken.fill_null(value=False))
        if rows.is_empty():
            continue
        shown = pl.col(field.name).cast(pl.String).str.slice(0, LONGEST_TEXT).alias("_value")
        if rows.height > ONE_BY_ONE_AT_MOST:
            # Of no record and no subject; where the field is the subject itself, of no value.
            said = {field.name: f"{rows.height} records", "record_key": None, "USUBJID": None}
            rows = rows.head(1).with_columns(
                *(pl.lit(value, dtype=pl.String).alias(name) for name, value in said.items()),
                pl.lit(field.name).alias("_about"),
            )
        yield Found(f"{domain.name}-{name}", field.name, rows.with_columns(shown))


def _conditions(frame: pl.DataFrame, fields: tuple[Field, ...]) -> list[tuple[str, Field, pl.Expr]]:
    """The conditions that hold for some row, all of them asked at once."""
    asked: list[tuple[str, Field, pl.Expr]] = []
    for field in fields:
        text = pl.col(field.name)
        if BLANKS + field.name in frame.columns:
            asked.append(("blanks", field, pl.col(BLANKS + field.name)))
        if field.kind is Kind.TEXT:
            asked.append(("text", field, text.str.contains(_UNSAFE)))
            asked.append(("long", field, text.str.len_chars() > LONGEST_TEXT))
            continue
        if field.missing is None:
            asked.append(("marks", field, is_mark(field.name) & pl.col(field.word).is_null()))
        if field.kind is Kind.CODE:
            code = trimmed(field.name)
            asked.append(
                ("case", field, pl.col(field.word).is_not_null() & (code != pl.col(field.word)))
            )
        elif field.kind is Kind.INTEGER:
            decimals = pl.col(field.word).is_not_null() & text.str.contains(".", literal=True)
            asked.append(("decimals", field, decimals))
    if not asked or frame.is_empty():
        return []
    holds = frame.select(
        condition.any(ignore_nulls=True).alias(str(place))
        for place, (_, _, condition) in enumerate(asked)
    ).row(0)
    return [item for item, any_row in zip(asked, holds, strict=True) if any_row]
