"""The facts that every page stands on, decided once for the whole trial when an extract is loaded.

Who is randomized is released by `sealing`. Here it is decided who died and when, how participation
ended, until when each participant was observed and is known to have lived, and what became of those
who were not randomized; and what of it the extract records at all. Pages decide none of it again.

One source counts for the whole trial, never one for a participant. Until when somebody was observed
is read from open records alone, so that every view has the same time at risk.
"""

from collections.abc import Iterator
from datetime import date

import polars as pl

from data_validation.domains import DOMAINS
from data_validation.domains.participation import COMPLETED, DEATH, LEFT
from data_validation.relations import takes_part_since
from data_validation.sealing import Tables
from data_validation.values import first_day, last_day, trimmed
from trials import Trial

# How it is known until when somebody was observed, the best first.
DIED, ENDED, UP_TO_CUTOFF, LAST_CONTACT, NOT_FOLLOWED = (
    "death", "recorded end", "cut-off", "last contact", "not followed",
)  # fmt: skip

_PERSON = trimmed("USUBJID").alias("subject")


def last_contacts(tables: Tables, cutoff: date) -> pl.DataFrame:
    """Until when each participant is known to have lived: the latest dated sign up to the cut-off.

    Planned visits, results at them, vital status alive, stays in hospital, the beginning and the
    end of adverse events but fatal ones, and having completed the study.

    Args:
        tables: open ones.

    Returns:
        `subject`, `alive_until`.
    """
    # The latest of each first: to trim the identifier of every record takes longest.
    latest = [
        rows.filter(pl.col("date") <= cutoff).group_by("USUBJID").agg(pl.col("date").max())
        for rows in _signs_of_life(tables)
    ]
    last = pl.col("date").max().alias("alive_until")
    return pl.concat(latest).group_by(_PERSON).agg(last).collect()


def _signs_of_life(tables: Tables) -> Iterator[pl.LazyFrame]:
    def dates(domain: str, word: str, *where: pl.Expr) -> pl.LazyFrame:
        rows = tables.frames[domain].lazy().filter(*where)
        return rows.select("USUBJID", pl.col(word).alias("date"))

    not_fatal = ~_is_fatal().fill_null(value=False)
    yield dates("SV", "start_date")
    yield from (dates(name, DOMAINS[name].date) for name in tables.frames if DOMAINS[name].measured)
    yield dates("SS", "date", pl.col("status") == "ALIVE")
    yield dates("AE", "start_date")
    yield dates("AE", "end_date", not_fatal)
    yield dates("HO", "start_date")
    yield dates("HO", "end_date")
    # When somebody is lost, or given up, nobody has seen them.
    yield dates("DS", "start_date", pl.col("DSCLASS") == COMPLETED)


def _is_fatal() -> pl.Expr:
    return (
        (pl.col("outcome") == "FATAL").fill_null(value=False)
        | (trimmed("AESDTH").str.to_uppercase() == "Y").fill_null(value=False)
        | (pl.col("grade") == 5).fill_null(value=False)
    )


# What records deaths: how it is called, the dataset, whom it calls dead, and the word of the date.
_DEATHS: tuple[tuple[str, str, pl.Expr, str | None], ...] = (
    ("DS", "DS", pl.col("DSCLASS") == DEATH, "start_date"),
    ("AE", "AE", _is_fatal(), "end_date"),
    ("DD", "DD", trimmed("DDTESTCD").is_not_null(), None),
    ("SS", "SS", pl.col("status") == "DEAD", None),
)


def _deaths(tables: Tables, people: pl.DataFrame, cutoff: date) -> pl.DataFrame:
    """Whom any source calls dead, dated by the first that has a date which can be.

    Nobody died before the day from which they took part: such a date is none. One up to the cut-off
    comes before a later one, for who is dead by any source is dead. A contact, a detail of a death
    or a fatal event of after the cut-off says nothing of before it.

    Args:
        people: with `since`, the day from which they took part.

    Returns:
        `subject`, `death_date`, `death_date_text`, `death_source`.
    """
    parts = [
        people.filter("died").select(
            "subject",
            "death_date",
            "death_date_text",
            pl.lit("DM").alias("death_source"),
            pl.coalesce("death_date", first_day("death_date_text")).alias("_by"),
        )
    ]
    for name, domain, is_dead, dated in _DEATHS:
        begins = pl.col(DOMAINS[domain].date)
        by_then = begins.is_null() | (begins <= cutoff) if domain != "DS" else pl.lit(value=True)
        rows = tables.frames[domain].filter(is_dead.fill_null(value=False), by_then)
        parts.append(
            rows.select(
                _PERSON,
                (pl.col(dated) if dated else pl.lit(None, pl.Date)).alias("death_date"),
                pl.lit(None, pl.String).alias("death_date_text"),
                pl.lit(name).alias("death_source"),
                (pl.col(dated) if dated else begins).alias("_by"),
            ).sort("subject", "death_date", nulls_last=True)
        )
    latest = pl.coalesce("death_date", last_day("death_date_text"), "_by")
    dates = ("death_date", "death_date_text", "_by")
    of_first = pl.col("_is_later").eq_missing(pl.col("_is_later").first())
    # The first source that has a date; of none, the first that says so.
    return (
        pl.concat(parts)
        .with_row_index("_order")
        .join(people.select("subject", "since"), on="subject", how="left", maintain_order="left")
        .with_columns(pl.when(_can_be(latest)).then(name).alias(name) for name in dates)
        .with_columns(_is_later=pl.col("_by") > cutoff)
        .sort("_is_later", pl.col("death_date").is_null(), "_order", nulls_last=True)
        .group_by("subject", maintain_order=True)
        .agg(
            pl.col("death_date").first(),
            pl.col("death_date_text").filter(of_first).drop_nulls().first(),
            pl.col("death_source").first(),
        )
        .filter(pl.col("subject").is_not_null())
    )


def _can_be(end: pl.Expr) -> pl.Expr:
    """Whether a death or an end is not dated before the day from which somebody took part."""
    return (end >= pl.col("since")).fill_null(value=True)


def _ends(tables: Tables, people: pl.DataFrame, cutoff: date) -> pl.DataFrame:
    """How participation ended by the dispositions: the latest that is recorded up to the cut-off.

    An end that is dated before the day from which somebody took part has no date.

    Args:
        people: with `since`, the day from which they took part.

    Returns:
        `subject`, `completed`, `left` (whether the latest is one), `completion_date`,
        `leaving_date`; and of complete tables `reason`, why the participant left.
    """
    rows = (
        tables.frames["DS"]
        .filter(
            pl.col("DSCLASS").is_in([COMPLETED, LEFT]),
            pl.col("start_date").is_null() | (pl.col("start_date") <= cutoff),
        )
        .with_columns(_PERSON)
        .join(people.select("subject", "since"), on="subject", how="left", maintain_order="left")
        .with_columns(start_date=pl.when(_can_be(pl.col("start_date"))).then("start_date"))
        # Undated ones first; of one day, that the study was completed is last.
        .sort("subject", "start_date", pl.col("DSCLASS") == COMPLETED, nulls_last=False)
    )
    if not tables.is_open:
        said = pl.coalesce(trimmed("DSDECOD"), trimmed("DSTERM")).str.to_uppercase()
        rows = rows.with_columns(said.alias("why"))
    reason = [] if tables.is_open else [pl.col("why").last()]
    ended = rows.group_by("subject").agg(
        pl.col("DSCLASS").last().alias("end"), pl.col("start_date").last(), *reason
    )
    of_end = pl.col("end")
    return ended.select(
        "subject",
        (of_end == COMPLETED).alias("completed"),
        (of_end == LEFT).alias("left"),
        pl.when(of_end == COMPLETED).then("start_date").alias("completion_date"),
        pl.when(of_end == LEFT).then("start_date").alias("leaving_date"),
        *([] if tables.is_open else [pl.when(of_end == LEFT).then("why").alias("reason")]),
    )


def standing(
    tables: Tables, people: pl.DataFrame, contacts: pl.DataFrame, trial: Trial, cutoff: date
) -> pl.DataFrame:
    """Where each subject stands at the cut-off.

    Args:
        tables, people: of one side; `people` is its participant relation.
        contacts: as `last_contacts` returns them, of the open side.

    Returns:
        `subject`; `ended`, one of died, completed, left, null while nothing is recorded;
        `death_date`, `death_date_text`, `death_source`, `completion_date`, `leaving_date`;
        `observed_until`, up to which events are counted, and `observed_by`, how that is known: null
        of who is not randomized; `alive_until`, the latest sign of life; `screening`, of who is not
        randomized: failed, not assigned, in screening, not known, and `screening_reason`;
        `randomized_month`, its first day, of a date that is known to the month, too; and of
        complete tables `reason`, why the participant left.
    """
    people = people.unique("subject", keep="first", maintain_order=True)
    people = people.with_columns(since=takes_part_since())
    known = (
        people.select(
            "subject",
            "randomized",
            "since",
            pl.col("randomization_date").alias("day_one"),
            "end_date",
            "screening_date",
            "randomization_date_text",
            "screen_failure",
            "not_assigned",
            "screening_reason",
        )
        .join(_deaths(tables, people, cutoff), on="subject", how="left", maintain_order="left")
        .join(_ends(tables, people, cutoff), on="subject", how="left", maintain_order="left")
        .join(contacts, on="subject", how="left", maintain_order="left")
        .with_columns(earliest_death=pl.coalesce("death_date", first_day("death_date_text")))
    )
    died = pl.col("death_source").is_not_null() & (
        pl.col("earliest_death").is_null() | (pl.col("earliest_death") <= cutoff)
    )
    last_possible = pl.coalesce("death_date", last_day("death_date_text"))
    known = known.with_columns(
        pl.when(died)
        .then(pl.lit("died"))
        .when("completed")
        .then(pl.lit("completed"))
        .when("left")
        .then(pl.lit("left"))
        .alias("ended"),
        # Nobody is alive after the death, whatever is dated later.
        pl.min_horizontal("alive_until", pl.when(died).then(last_possible)).alias("alive_until"),
    )
    overdue = _overdue(tables, known, trial, cutoff)
    until, by = _observed(known, overdue, trial, cutoff)
    return (
        known.with_columns(until.alias("observed_until"), by.alias("observed_by"))
        .select(
            "subject",
            "ended",
            *(
                pl.when(died).then(name).alias(name)
                for name in ("death_date", "death_date_text", "death_source")
            ),
            "completion_date",
            "leaving_date",
            "observed_until",
            "observed_by",
            "alive_until",
            _screening(trial, cutoff).alias("screening"),
            "screening_reason",
            pl.when("randomized")
            .then(pl.coalesce("day_one", first_day("randomization_date_text")).dt.truncate("1mo"))
            .alias("randomized_month"),
            *([] if tables.is_open else ["reason"]),
        )
        .sort("subject")
    )


def _screening(trial: Trial, cutoff: date) -> pl.Expr:
    """What became of somebody who is not randomized; null of those who are."""
    last = pl.max_horizontal("alive_until", "screening_date")
    is_late = (pl.lit(cutoff) - last).dt.total_days() > trial.screening.days
    return (
        pl.when("randomized")
        .then(None)
        .when("screen_failure")
        .then(pl.lit("failed"))
        .when("not_assigned")
        .then(pl.lit("not assigned"))
        .when(is_late.fill_null(value=False))
        .then(pl.lit("not known"))
        .otherwise(pl.lit("in screening"))
    )


def _observed(
    known: pl.DataFrame, overdue: pl.Series, trial: Trial, cutoff: date
) -> tuple[pl.Series, pl.Series]:
    """Until when each randomized participant was observed, and how that is known."""
    last = max((visit.day + visit.window_after for visit in trial.schedule), default=None)
    planned_end = (
        pl.lit(cutoff)
        if last is None
        else pl.min_horizontal(pl.lit(cutoff), pl.col("day_one") + pl.duration(days=last - 1))
    )
    contact = pl.max_horizontal("alive_until", "day_one")
    death = pl.when(pl.col("ended") == "died").then(pl.coalesce("death_date", "earliest_death"))
    death = pl.when(pl.col("ended") == "died").then(pl.max_horizontal(death, contact))
    end_date = pl.when(_can_be(pl.col("end_date"))).then("end_date")
    left = pl.coalesce("leaving_date", "completion_date", end_date)
    has_contact = pl.col("alive_until").is_not_null() & (
        pl.col("day_one").is_null() | (pl.col("alive_until") >= pl.col("day_one"))
    )
    has_end = (
        pl.col("ended").is_in(["completed", "left"]) | pl.col("end_date").is_not_null()
    ).fill_null(value=False)
    inferred = pl.lit(overdue)
    until = (
        pl.when(left.is_not_null())
        .then(pl.min_horizontal(left, death))
        .when(pl.col("ended") == "died")
        .then(death)
        .when(has_end | inferred)
        .then(pl.when(has_contact).then(contact).otherwise("day_one"))
        .otherwise(planned_end)
    )
    by = (
        pl.when(left.is_not_null() & (death.is_null() | (left < death)))
        .then(pl.lit(ENDED))
        .when(pl.col("ended") == "died")
        .then(pl.lit(DIED))
        .when(~has_end & ~inferred)
        .then(pl.lit(UP_TO_CUTOFF))
        .when(has_contact)
        .then(pl.lit(LAST_CONTACT))
        .otherwise(pl.lit(NOT_FOLLOWED))
    )
    made = known.select(
        pl.when("randomized").then(pl.min_horizontal(until, pl.lit(cutoff))).alias("until"),
        pl.when("randomized").then(by).alias("by"),
    )
    return made["until"], made["by"]


def _overdue(tables: Tables, known: pl.DataFrame, trial: Trial, cutoff: date) -> pl.Series:
    """Of whom a planned visit is overdue: it opened after the last contact, and has closed.

    A visit of those in hospital is due only while a stay is recorded.
    """
    visits = [visit for visit in trial.schedule if visit.day > 0]
    if not visits:
        return pl.Series([False] * known.height, dtype=pl.Boolean)
    schedule = pl.DataFrame(
        {
            "_planned": [visit.day - 1 for visit in visits],
            "_opens": [visit.day - 1 - visit.window_before for visit in visits],
            "_closes": [visit.day - 1 + visit.window_after for visit in visits],
            "_in_hospital": [visit.setting == "hospital" for visit in visits],
        }
    )
    people = known.filter("randomized").select("subject", "day_one", "alive_until")
    missed = people.join(schedule, how="cross").filter(
        pl.col("day_one") + pl.duration(days="_closes") <= cutoff,
        pl.col("alive_until").is_null()
        | (pl.col("day_one") + pl.duration(days="_opens") > pl.col("alive_until")),
    )
    stays = tables.frames["HO"].select(
        _PERSON,
        pl.col("start_date").alias("_from"),
        pl.col("end_date").alias("_to"),
        trimmed("HOENDTC").is_null().alias("_lasts"),
    )
    on = pl.col("day_one") + pl.duration(days="_planned")
    in_hospital = (
        missed.filter("_in_hospital")
        .join(stays, on="subject")
        .filter(pl.col("_from") <= on, pl.col("_lasts") | (pl.col("_to") >= on))
    )
    late = missed.filter(~pl.col("_in_hospital"))
    subjects = pl.concat([late["subject"], in_hospital["subject"]])
    return known["subject"].is_in(subjects.unique().implode())
