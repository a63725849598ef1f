"""Rules that follow from facts: each is one entry, which has everything of its rule.

An entry says when its rule applies and how much a finding matters, what breaks the rule, and the
words: of a finding, of the reason, of the question to the site. The catalogue, the Pandera schemas,
the checks and the documentation are made of these entries.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import polars as pl

from data_validation.distinct import repeated
from data_validation.facts import Domain, Exposure, Field, Kind, Severity
from data_validation.rules import Audience, CheckFunction, Evidence, Rule, RuleKind
from data_validation.values import (
    BLANKS,
    has_offset,
    is_cut_date,
    is_mark,
    is_no_time,
    is_partial_date,
    is_placeholder,
    trimmed,
)

# SDTM's limit of a text; in SAS transport files it cannot be longer.
LONGEST_TEXT = 200
# Control and direction characters, markup, and what a spreadsheet would run as a formula.
_UNSAFE = (
    r"[\x00-\x08\x0B\x0C\x0E-\x1F\x7F\u{200B}-\u{200F}\u{202A}-\u{202E}\u{2066}-\u{2069}\u{FEFF}]"
    r"|<[A-Za-z/!]|^\s*[=@]|^\s*[+-][A-Za-z(@=]"
)
# Nobody who takes part today was born earlier, nor anything recorded of them.
_EARLIEST_YEAR = 1900


@dataclass(frozen=True)
class Entry:
    """A rule that every field with some facts has.

    Attributes:
        ending: how the ids of the rules end, `date` of `AE-AESTDTC-date`.
        severity: how much a finding matters; None where the rule does not apply.
        breaks: what breaks the rule, asked of the field's text, of the typed value under its word
            and, for rules about order, of the dates of the participant, see `field_failures`.
        sentence, why, query: may name words of `_words`.
        beside: a column without which nothing can break the rule.
        listed: up to how many records a rule about form is stated one by one, and not once.
        of_clock: whether it is about the clock time, which is sealed in every field.
        audience: who can act. by_value: whether of the export each value is a cause of its own.
    """

    ending: str
    severity: Callable[[Domain, Field], Severity | None]
    breaks: Callable[[Field], pl.Expr]
    sentence: str
    why: str
    query: str
    kind: RuleKind = RuleKind.STRUCTURE
    beside: Callable[[Field], str] = lambda _field: ""
    listed: int = 100
    of_clock: bool = False
    audience: Audience = Audience.SITE
    by_value: bool = False


@dataclass(frozen=True)
class FieldRule:
    """An entry for one field: its rule, and as in the entry what breaks it."""

    rule: Rule
    field: Field
    breaks: pl.Expr
    beside: str
    listed: int


def _is_empty(field: Field) -> pl.Expr:
    """Whether a field has no value; a mark for none is none, but in the subject identifier."""
    text = trimmed(field.name)
    return text.is_null() if field.name == "USUBJID" else text.is_null() | is_mark(field.name)


def _is_unusable(field: Field) -> pl.Expr:
    """Whether there is a text and no typed value; of a date also not in part."""
    unusable = ~_is_empty(field) & pl.col(field.word).is_null()
    return unusable & ~is_partial_date(field.name) if field.kind is Kind.DATE else unusable


def _is_outside(field: Field) -> pl.Expr:
    """Whether a value lies beyond the limits of its field, which belong to the range."""
    value, no = pl.col(field.word), pl.lit(value=False)
    below = no if field.lower is None else value < field.lower
    return below | (no if field.upper is None else value > field.upper)


def _is_before_birth(field: Field) -> pl.Expr:
    date = pl.col(field.word)
    return (date.dt.year() < _EARLIEST_YEAR) | (date < pl.col("_born"))


def _is_early(field: Field) -> pl.Expr:
    days = (pl.col("_screened") - pl.col(field.word)).dt.total_days()
    is_slip = _is_before_birth(field).fill_null(value=False)
    return (days > pl.col("_days_before_screening")) & ~is_slip


def _invalid(*kinds: Kind) -> Callable[[Domain, Field], Severity | None]:
    """The severity of a value that is not of one of these kinds, of fields that are."""
    return lambda _domain, field: field.invalid if field.kind in kinds else None


def _note(applies: Callable[[Field], bool]) -> Callable[[Domain, Field], Severity | None]:
    return lambda _domain, field: Severity.NOTE if applies(field) else None


VALUES = (
    Entry(
        "present",
        lambda _domain, field: field.missing,
        _is_empty,
        sentence="{name} is empty.",
        why="{description} Needed on every record of {dataset}.",
        query="{name} is empty. Please provide it.",
    ),
    Entry(
        "date",
        _invalid(Kind.DATE),
        _is_unusable,
        sentence="{name} is not {iso_date}.",
        why="{description} A value of another kind cannot be used.",
        query="{name} is “{value}”{_seems}. Expected {iso_date}. Please correct.",
    ),
    Entry(
        "code",
        _invalid(Kind.CODE),
        _is_unusable,
        sentence="{name} is not one of {codes}.",
        why="{description} A value of another kind cannot be used.",
        query="{name} is “{value}”. Expected one of {codes}. Please correct.",
        audience=Audience.EXPORT,
        by_value=True,
    ),
    Entry(
        "number",
        _invalid(Kind.NUMBER, Kind.INTEGER),
        _is_unusable,
        sentence="{name} is not {number}.",
        why="{description} A value of another kind cannot be used.",
        query="{name} is “{value}”. Expected {number}. Please correct.",
    ),
    Entry(
        "partial",
        lambda _domain, field: (
            Severity.MINOR if field.kind is Kind.DATE and field.missing and field.invalid else None
        ),
        lambda field: ~_is_empty(field) & is_cut_date(field.name),
        sentence="{name} lacks the month or the day.",
        why="A partial date is kept as it is; each analysis that needs the day states its rule.",
        query="{name} is “{value}”. Please provide the full date if known.",
    ),
    Entry(
        "range",
        lambda _domain, field: None if field.lower is field.upper is None else field.invalid,
        _is_outside,
        sentence="{name} is {beyond}.",
        why="{description} Values beyond these limits are not plausible.",
        query="{name} is “{value}”, {beyond}. Please check.",
        kind=RuleKind.PLAUSIBILITY,
    ),
)

# How values are written: mostly what an extract's software, and not the site, got into them. None
# of this hides a value: what could be read was read. A domain has one rule for all its fields, and
# each finding names its own.
FORMS = (
    Entry(
        "blanks",
        _note(lambda _field: True),
        lambda field: pl.col(BLANKS + field.name),
        sentence="The value has blanks before or after it.",
        why="Blanks make equal values differ; they are removed before every use.",
        query="{name} has blanks before or after its value. Please have the export trimmed.",
        kind=RuleKind.FORM,
        beside=lambda field: BLANKS + field.name,
        audience=Audience.EXPORT,
    ),
    Entry(
        "text",
        _note(lambda field: not field.typed),
        lambda field: pl.col(field.name).str.contains(_UNSAFE),
        sentence="The text contains control characters or markup, or begins like a formula.",
        why="Such text can damage a page or a spreadsheet; it is shown as text and never run.",
        query="{name} contains characters that are not plain text. Please check and retype the "
        "entry.",
        kind=RuleKind.FORM,
    ),
    Entry(
        "long",
        _note(lambda field: not field.typed),
        lambda field: pl.col(field.name).str.len_chars() > LONGEST_TEXT,
        sentence=f"The text is longer than {LONGEST_TEXT} characters.",
        why="SDTM texts have at most 200 characters; a longer one is usually a paste by mistake.",
        query=f"{{name}} is longer than {LONGEST_TEXT} characters. Please check that nothing "
        "was pasted by mistake.",
        kind=RuleKind.FORM,
    ),
    Entry(
        "marks",
        _note(lambda field: field.typed and field.missing is None),
        lambda field: is_mark(field.name) & pl.col(field.word).is_null(),
        sentence="A placeholder is entered instead of leaving the field empty.",
        why="An empty field means the same and cannot be mistaken for a value.",
        query="{name} is “{value}”. We read it as no value. If there is one, please enter it; "
        "if not, please leave the field empty.",
        kind=RuleKind.FORM,
    ),
    Entry(
        "case",
        _note(lambda field: field.kind is Kind.CODE),
        lambda field: trimmed(field.name) != pl.col(field.word),
        sentence="The code differs from its code list in upper or lower case.",
        why="Codes are compared exactly by other systems; here it is read as the code.",
        query="{name} is “{value}”. Please send the code as the code list writes it.",
        kind=RuleKind.FORM,
        audience=Audience.EXPORT,
        by_value=True,
    ),
    Entry(
        "decimals",
        _note(lambda field: field.kind is Kind.INTEGER),
        lambda field: (
            pl.col(field.word).is_not_null() & pl.col(field.name).str.contains(".", literal=True)
        ),
        sentence="The whole number is written with decimals.",
        why="The export made a decimal number of it; links to it by text would fail.",
        query="{name} is “{value}”. Please export it as a whole number.",
        kind=RuleKind.FORM,
        audience=Audience.EXPORT,
    ),
    Entry(
        "placeholder",
        lambda _domain, field: Severity.MAJOR if field.kind is Kind.DATE else None,
        lambda field: is_placeholder(field.name),
        sentence="The date stands for one that is not known.",
        why="Software fills in years such as 1900 and 9999; no study day is made of them.",
        query="{name} is “{value}”. We read it as not known. If the date is known, please enter "
        "it; if not, please leave the field empty.",
        kind=RuleKind.FORM,
    ),
    Entry(
        "time",
        lambda _domain, field: Severity.MINOR if field.kind is Kind.DATE else None,
        lambda field: is_no_time(field.name),
        sentence="The clock time is empty or none that a day has.",
        why="The day is used and the time is not; often the day is wrong, too.",
        query="{name} is “{value}”, which has no possible clock time. Please check day and time.",
        kind=RuleKind.FORM,
        of_clock=True,
    ),
    Entry(
        "offset",
        _note(lambda field: field.kind is Kind.DATE),
        lambda field: has_offset(field.name),
        sentence="Times have an offset from UTC; the local calendar day stands.",
        why="What happened late in the evening stays on the day on which the site saw it.",
        query="None: {name} has times with an offset from UTC; the day is the one that is written.",
        kind=RuleKind.FORM,
        listed=0,
        of_clock=True,
    ),
)

# Every date of what happened in the trial; the birth came before all of it.
DATES = (
    Entry(
        "cutoff",
        lambda _domain, _field: Severity.MAJOR,
        lambda field: pl.col(field.word) > pl.col("_cutoff"),
        sentence="{name} is after the data cut-off.",
        why="Nothing after the cut-off can be known.",
        query="{name} is {value}, after the data cut-off. Please check the date.",
        kind=RuleKind.ORDER,
    ),
    Entry(
        "past",
        lambda _domain, _field: Severity.MAJOR,
        _is_before_birth,
        sentence="{name} is before the participant was born.",
        why="The age at consent, or the calendar, excludes it; usually the year is wrong.",
        query="{name} is {value}, before the participant was born. Please check the year.",
        kind=RuleKind.ORDER,
    ),
    Entry(
        "death",
        lambda domain, _field: None if domain.may_follow_death else Severity.MAJOR,
        lambda field: pl.col(field.word) > pl.col("_died"),
        sentence="{name} is after the participant's death.",
        why="One of the two dates is wrong.",
        query="{name} is {value}; the participant died on {_died}. Please check both dates.",
        kind=RuleKind.ORDER,
    ),
    Entry(
        "early",
        lambda domain, field: (
            Severity.MINOR if domain.of_the_trial and field.word == domain.date else None
        ),
        _is_early,
        sentence="{name} is long before the screening.",
        why="What a trial measures and does begins around the screening; how long before is still "
        "plausible stands in the trial definition. Often the year is wrong.",
        query="{name} is {value}; screening began on {_screened}. Please check the year.",
        kind=RuleKind.ORDER,
    ),
    Entry(
        "order",
        lambda domain, field: (
            Severity.MAJOR if field.word == "end_date" and "start_date" in domain.by_word else None
        ),
        lambda field: pl.col(field.word) < pl.col("start_date"),
        sentence="{name} is before {start}.",
        why="An end follows its start; durations are computed from both dates.",
        query="It starts on {start_value} and ends on {value}. Please correct one of the dates.",
        kind=RuleKind.ORDER,
        beside=lambda _field: "start_date",
    ),
)


def _words(domain: Domain, field: Field) -> dict[str, str]:
    """What entries may name; a word in braces is filled in from the record."""
    start = domain.by_word.get("start_date", field).name
    filled = ("_seems", "_died", "_screened")
    return {word: f"{{{word}}}" for word in filled} | {
        "name": field.name,
        "value": f"{{{field.name}}}",
        "description": field.description,
        "dataset": domain.name,
        "codes": ", ".join(field.codes),
        "number": "a whole number" if field.kind is Kind.INTEGER else "a number",
        "iso_date": "a date as ISO 8601 writes it (2023-05-17, or 2023-05 where the day is "
        "unknown)",
        "beyond": _beyond(field),
        "start": start,
        "start_value": f"{{{start}}}",
    }


def _beyond(field: Field) -> str:
    """`outside 0 to 100 %`, `above 5 g`, `below 1`."""
    unit = f" {field.unit}" if field.unit else ""
    match field.lower, field.upper:
        case None, None:
            return ""
        case None, upper:
            return f"above {upper:g}{unit}"
        case lower, None:
            return f"below {lower:g}{unit}"
        case lower, upper:
            return f"outside {lower:g} to {upper:g}{unit}"
    return ""


def _rules(
    domain: Domain, fields: Iterable[Field], entries: Iterable[Entry]
) -> Iterator[FieldRule]:
    """The entries for some fields, as far as they apply."""
    for field in fields:
        for entry in entries:
            severity = entry.severity(domain, field)
            if severity is not None:
                rule = _rule(entry, domain, field, severity)
                yield FieldRule(rule, field, entry.breaks(field), entry.beside(field), entry.listed)


def _rule(entry: Entry, domain: Domain, field: Field, severity: Severity) -> Rule:
    words, name, sealed = _words(domain, field), field.name, field.exposure is Exposure.SEALED
    if entry.kind is RuleKind.FORM:
        words |= {"name": "{field}", "value": "{_value}"}
        name, sealed = "", not domain.opens or entry.of_clock
    return Rule(
        "-".join(part for part in (domain.name, name, entry.ending) if part),
        domain.name,
        name,
        severity,
        entry.sentence.format_map(words),
        entry.why.format_map(words),
        entry.query.format_map(words),
        sealed,
        entry.kind,
        entry.audience,
        (field.name,) if entry.by_value else (),
    )


@cache
def value_rules(domain: Domain) -> tuple[FieldRule, ...]:
    """What has to hold of values, field by field."""
    return tuple(_rules(domain, domain.fields, VALUES))


@cache
def form_rules(domain: Domain) -> tuple[FieldRule, ...]:
    """How values have to be written, field by field."""
    return tuple(_rules(domain, domain.fields, FORMS))


@cache
def date_rules(domain: Domain) -> tuple[FieldRule, ...]:
    """What has to hold of dates, field by field."""
    dates = [item for item in domain.fields if item.kind is Kind.DATE and item.word != "birth_date"]
    return tuple(_rules(domain, dates, DATES))


@cache
def record_rules(domain: Domain) -> tuple[CheckFunction, ...]:
    """What has to hold of the records of a domain: keys, numbers and subjects."""
    entries = (_same_key(domain), _same_number(domain), _unknown_subject(domain))
    return tuple(entry for entry in entries if entry is not None)


def _same_key(domain: Domain) -> CheckFunction | None:
    if domain.duplicate is None:
        return None
    rule = Rule(
        f"{domain.name}-duplicate",
        domain.name,
        domain.keys[-1],
        domain.duplicate,
        f"Two {domain.name} records have the same {', '.join(domain.keys)}.",
        "It is not known which of them counts.",
        "This record occurs more than once. Please state which one is correct.",
        not domain.opens,
    )
    return CheckFunction(rule, (), lambda evidence: _repeated(evidence[domain.name], domain.keys))


def _same_number(domain: Domain) -> CheckFunction | None:
    number = f"{domain.name}SEQ"
    if number not in domain.by_name:
        return None
    rule = Rule(
        f"{domain.name}-{number}-unique",
        domain.name,
        number,
        Severity.MINOR,
        f"Two {domain.name} records of the participant have the same {number}.",
        "The number tells records of a participant apart, and others refer to it.",
        f"{number} {{{number}}} of {{USUBJID}} occurs more than once. Please have the export "
        "renumbered, or state which record is correct.",
        sealed=True,
    )
    is_there = trimmed(number).is_not_null()
    return CheckFunction(
        rule,
        (),
        lambda evidence: _repeated(evidence[domain.name].filter(is_there), ("USUBJID", number)),
    )


def _unknown_subject(domain: Domain) -> CheckFunction | None:
    if domain.name == "DM":
        return None
    rule = Rule(
        f"{domain.name}-subject",
        domain.name,
        "USUBJID",
        Severity.CRITICAL,
        "The subject is not in DM.",
        "A record of an unknown subject belongs to no arm and to no denominator.",
        f"Subject {{USUBJID}} has {domain.name} records but no demographics. Please check the "
        "subject identifier.",
        kind=RuleKind.AGREEMENT,
    )

    def select(evidence: Evidence) -> pl.DataFrame:
        subject = trimmed("USUBJID")
        subjects = evidence["DM"].select(subject).to_series().drop_nulls().implode()
        unknown = evidence[domain.name].filter(~subject.is_in(subjects))
        if unknown.is_empty():
            return unknown
        # One cause, one finding: of each unknown subject the first record, an open one if any is.
        return unknown.sort("record_key").filter(subject.is_first_distinct())

    return CheckFunction(rule, (), select)


def _repeated(frame: pl.DataFrame, keys: Iterable[str]) -> pl.DataFrame:
    names = [name for name in keys if name in frame.columns]
    return repeated(frame, [trimmed(name) for name in names]).filter(
        trimmed(name).is_not_null() for name in names[:1]
    )


def absent_field(domain: Domain) -> Rule:
    """The rule for fields that an extract does not have at all."""
    return Rule(
        f"{domain.name}-columns",
        domain.name,
        "",
        Severity.NOTE,
        "The extract does not have this field.",
        "Results that need it are reported as missing, never shown as zero.",
        "Please add the field to the next extract, if it is collected.",
        audience=Audience.EXPORT,
    )


def generated_rules(domain: Domain) -> list[Rule]:
    """Every rule that the facts of a domain imply, each once."""
    rules = [
        *(item.rule for item in value_rules(domain)),
        *(item.rule for item in record_rules(domain)),
        *(item.rule for item in sorted(form_rules(domain), key=_place)),
        *(item.rule for item in date_rules(domain)),
        absent_field(domain),
    ]
    return list({rule.id: rule for rule in rules}.values())


def _place(item: FieldRule) -> int:
    endings = [entry.ending for entry in FORMS]
    return endings.index(item.rule.id.rpartition("-")[2])
