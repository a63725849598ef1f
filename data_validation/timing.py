"""When things happened: rules that hold for every date of every domain, made from its facts."""

from collections.abc import Iterator

import polars as pl

from data_validation.facts import Domain, Exposure, Field, Kind, Severity
from data_validation.forms import Found
from data_validation.rules import Evidence, Rule, RuleKind
from data_validation.values import trimmed

# Nobody who takes part today was born earlier, nor anything recorded of them.
_EARLIEST_YEAR = 1900
_OLDEST = 150


def timing_rules(domain: Domain) -> list[Rule]:
    """The rules about the dates of a domain, in the order of its fields."""
    rules: list[Rule] = []
    ends = _end(domain)
    for field in _dates(domain):
        name = field.name

        def rule(suffix: str, severity: Severity, sentence: str, why: str, query: str) -> Rule:
            return Rule(
                f"{domain.name}-{name}-{suffix}",  # noqa: B023 – used before the loop goes on
                domain.name,
                name,  # noqa: B023
                severity,
                sentence,
                why,
                query,
                field.exposure is Exposure.SEALED,  # noqa: B023
                RuleKind.ORDER,
            )

        rules.append(
            rule(
                "cutoff",
                Severity.MAJOR,
                f"{name} is after the data cut-off.",
                "Nothing after the cut-off can be known.",
                f"{name} is {{{name}}}, after the data cut-off. Please check the date.",
            )
        )
        rules.append(
            rule(
                "past",
                Severity.MAJOR,
                f"{name} is before the participant was born.",
                "By age and consent, or by the calendar: such a date is a slip.",
                f"{name} is {{{name}}}, before the participant was born. Please check the year.",
            )
        )
        if not domain.may_follow_death:
            rules.append(
                rule(
                    "death",
                    Severity.MAJOR,
                    f"{name} is after the participant's death.",
                    "One of the two dates is wrong.",
                    f"{name} is {{{name}}}; the participant died on {{_died}}. Please check both "
                    "dates.",
                )
            )
        if domain.of_the_trial and field.word == domain.date:
            rules.append(
                rule(
                    "early",
                    Severity.MINOR,
                    f"{name} is long before the screening.",
                    "What a trial measures and does begins around the screening; how long before "
                    "is still plausible stands in the trial definition. Often the year is wrong.",
                    f"{name} is {{{name}}}; screening began on {{_screened}}. Please check the "
                    "year.",
                )
            )
        if ends == field.word:
            start = domain.by_word["start_date"]
            rules.append(
                rule(
                    "order",
                    Severity.MAJOR,
                    f"{name} is before {start.name}.",
                    "What lasts ends after it starts; its days are read from both dates.",
                    f"It starts on {{{start.name}}} and ends on {{{name}}}. Please correct one of "
                    "the dates.",
                )
            )
    return rules


def timing_failures(
    evidence: Evidence, domain: Domain, fields: tuple[Field, ...]
) -> Iterator[Found]:
    """What the timing rules find in some fields of a domain."""
    dates = {field.word: field for field in fields if field in _dates(domain)}
    frame = evidence[domain.name]
    if not dates or frame.is_empty():
        return
    limits = evidence.once("limits of dates", lambda: _limits(evidence))
    rows = frame.select(*dates, trimmed("USUBJID").alias("_subject")).join(
        limits, on="_subject", how="left", maintain_order="left"
    )
    broken: dict[tuple[str, str], pl.Expr] = {}
    for word, field in dates.items():
        date = pl.col(word)
        if evidence.cutoff is not None:
            broken["cutoff", field.name] = date > evidence.cutoff
        broken["past", field.name] = (date.dt.year() < _EARLIEST_YEAR) | (date < pl.col("_born"))
        if not domain.may_follow_death:
            broken["death", field.name] = date > pl.col("_died")
        if domain.of_the_trial and word == domain.date:
            days = evidence.trial.plausibility.days_before_screening
            long_before = (pl.col("_screened") - date).dt.total_days() > days
            broken["early", field.name] = long_before & ~broken["past", field.name].fill_null(
                value=False
            )
        if word == _end(domain) and "start_date" in dates:
            broken["order", field.name] = date < pl.col("start_date")
    holds = rows.select(
        condition.any(ignore_nulls=True).alias("-".join(key)) for key, condition in broken.items()
    ).row(0, named=True)
    for (suffix, name), condition in broken.items():
        if holds[f"{suffix}-{name}"]:
            breaks = rows.select(condition.fill_null(value=False)).to_series()
            beside = rows.filter(breaks).select(limits.columns)
            offending = frame.filter(breaks).with_columns(beside.get_columns())
            yield Found(f"{domain.name}-{name}-{suffix}", name, offending)


def _dates(domain: Domain) -> tuple[Field, ...]:
    """The dates of what happened in the trial; the birth came before all of it."""
    return tuple(
        field for field in domain.fields if field.kind is Kind.DATE and field.word != "birth_date"
    )


def _end(domain: Domain) -> str | None:
    return "end_date" if {"start_date", "end_date"} <= set(domain.by_word) else None


def _limits(evidence: Evidence) -> pl.DataFrame:
    """Per subject: death, first day of the screening, and a day before which nobody was born."""
    first = pl.min_horizontal("screening_date", "randomization_date")
    years = pl.col("age").clip(0, _OLDEST) + 1
    lived = pl.duration(days=(years * 365.25).ceil().cast(pl.Int64))
    return (
        evidence.people.select(
            pl.col("subject").alias("_subject"),
            pl.col("death_date").alias("_died"),
            pl.col("screening_date").alias("_screened"),
            (first - lived).alias("_born"),
        )
        .drop_nulls("_subject")
        .unique("_subject", keep="first", maintain_order=True)
    )
