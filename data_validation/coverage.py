"""What an extract records at all, where each fact comes from, and of how many it is known."""

from collections.abc import Iterator
from datetime import date
from functools import cache

import polars as pl

from data_validation.domains import DOMAINS
from data_validation.facts import Field, Kind, Severity
from data_validation.known import DIED, ENDED, LAST_CONTACT, NOT_FOLLOWED, UP_TO_CUTOFF
from data_validation.released import Released
from data_validation.rules import Audience, Rule, RuleKind, Stated
from data_validation.sealing import Tables
from data_validation.values import stated_date
from trials import Trial

# Where more than this share of ends is inferred, the times at risk stand on little.
MOST_INFERRED = 0.2

NOT_RANDOMIZED = Rule(
    id="FACT-101",
    domain="DM",
    field="ARMCD",
    severity=Severity.CRITICAL,
    sentence="It is not known who is randomized.",
    why="Every page about participants stands on it; a page that says nobody is would be wrong.",
    query="None for a site. Send the complete allocation list, or what the finding names.",
    kind=RuleKind.AGREEMENT,
    audience=Audience.EXPORT,
)
INFERRED = Rule(
    id="FACT-102",
    domain="DS",
    field="DSSTDTC",
    severity=Severity.MAJOR,
    sentence="Of more than one participant in five it is inferred until when they were observed.",
    why="Rates are counted over the time observed; inferred ends are the last contact.",
    query="None for a site. Send the dispositions (DS) with the end of participation of everybody.",
    kind=RuleKind.COMPLETENESS,
    audience=Audience.EXPORT,
)
END_NOT_OF_ALL = Rule(
    id="FACT-103",
    domain="DM",
    field="RFPENDTC",
    severity=Severity.MAJOR,
    sentence="The date that ends participation by the trial definition is not used.",
    why="A date that some only have could tell their arm, so it opens for everybody or nobody.",
    query="None for a site. Send the date for everybody whose planned follow-up is over.",
    kind=RuleKind.BLINDING,
    audience=Audience.EXPORT,
)
BEYOND = Rule(
    id="FACT-104",
    domain="DM",
    field="",
    severity=Severity.NOTE,
    sentence="Records begin after the data cut-off; no page counts them.",
    why="What is known after the cut-off is known of some only.",
    query="None for a site. Deaths, serious events and those of special interest among them are "
    "listed under Since the cut-off.",
    kind=RuleKind.ORDER,
    audience=Audience.EXPORT,
)
TWICE = Rule(
    id="FACT-105",
    domain="DM",
    field="",
    severity=Severity.CRITICAL,
    sentence="Every record of a dataset is there more than once.",
    why="It was delivered twice, and every count of its records would be double.",
    query="None for a site. Send the dataset once.",
    kind=RuleKind.STRUCTURE,
    audience=Audience.EXPORT,
)
NO_EVENT = Rule(
    id="FACT-106",
    domain="AE",
    field="",
    severity=Severity.MAJOR,
    sentence="The dataset of adverse events has no open record.",
    why="Pages show it as no events, which is seldom true of many participants.",
    query="None for a site. Send the events, or confirm that nobody had any.",
    kind=RuleKind.COMPLETENESS,
    audience=Audience.EXPORT,
)
NO_DAY_ONE = Rule(
    id="FACT-107",
    domain="DM",
    field="",
    severity=Severity.CRITICAL,
    sentence="No date of randomization can be read.",
    why="It is day 1: without it nobody has a study day, and there is no rate and no curve.",
    query="None for a site. Send the dates as ISO 8601 writes them, as 2023-05-17.",
    kind=RuleKind.FORM,
    audience=Audience.EXPORT,
)
SOME_WITHOUT_DAY_ONE = Rule(
    id="FACT-108",
    domain="DM",
    field="",
    severity=Severity.MAJOR,
    sentence="Dates of randomization cannot be read, or there is none.",
    why="It is day 1: whoever has none is in no rate and in no curve.",
    query="None for a site. Send the dates as ISO 8601 writes them, as 2023-05-17.",
    kind=RuleKind.FORM,
    audience=Audience.EXPORT,
)
RULES = (
    NOT_RANDOMIZED,
    INFERRED,
    END_NOT_OF_ALL,
    BEYOND,
    TWICE,
    NO_EVENT,
    NO_DAY_ONE,
    SOME_WITHOUT_DAY_ONE,
)
# Of fewer records all may well be alike.
_FEWEST_OF_TWICE = 10


# Where each source of who is randomized has the date.
_DATED_BY = {
    "allocation list": "RANDOMIZATION.RANDDTC",
    "DS": "DS.DSSTDTC",
    "SV": "SV.SVSTDTC",
    "DM.RFSTDTC": "DM.RFSTDTC",
}


def _findings_of_day_one(randomized: pl.DataFrame) -> Iterator[Stated]:
    unread, of = int(randomized["unread"].sum()), randomized.height
    if not of or (field := _DATED_BY.get(randomized["source"][0])) is None:
        return
    known = randomized["randomization_date_text"].count()
    send = f"Send {field} of everybody as ISO 8601 writes dates, as 2023-05-17."
    if unread and not known:
        yield Stated(
            NO_DAY_ONE,
            field,
            None,
            f"{field} has a text for {unread:,} of {of:,} randomized participants, and none is a "
            f"date that is read; a number, as spreadsheets store dates, is none. {send}",
        )
    elif unread or not known:
        none = of - known - unread
        yield Stated(
            SOME_WITHOUT_DAY_ONE,
            field,
            str(of - known),
            f"Of {of:,} randomized participants {unread:,} have a text in {field} that is not read "
            f"as a date, and {none:,} have none. {send}",
        )


def findings_of_facts(
    tables: Tables, given: Released, standing: pl.DataFrame, trial: Trial, cutoff: date
) -> Iterator[Stated]:
    """What is to be said of the facts of an extract as a whole, of open input alone.

    Args:
        tables: open ones. given: what opens from sealed input.
    """
    yield from _findings_of_day_one(given.randomized)
    by = standing["observed_by"].drop_nulls()
    inferred = int(by.is_in([LAST_CONTACT, NOT_FOLLOWED]).sum())
    if inferred > MOST_INFERRED * len(by):
        yield Stated(
            INFERRED,
            "DSSTDTC",
            str(inferred),
            f"The end of observation of {inferred:,} of {len(by):,} randomized participants is "
            "inferred from their last contact.",
        )
    if trial.follow_up.end is not None and given.ends.is_empty() and len(by):
        yield Stated(
            END_NOT_OF_ALL,
            trial.follow_up.end.removeprefix("DM."),
            None,
            f"{trial.follow_up.end} is missing of some whose planned follow-up is over, so that "
            "it is used of nobody; overdue visits decide.",
        )
    if "AE" in tables.present and len(by) and tables.frames["AE"].is_empty():
        yield Stated(NO_EVENT, "AE", None, "AE has its columns and no open record: no events.")
    for name, frame in tables.frames.items():
        if _is_there_twice(frame):
            yield Stated(
                TWICE, name, None, f"{name}: each of its {frame.height:,} records has a twin."
            )
        word = DOMAINS[name].date
        later = int((frame[word] > cutoff).sum()) if word and word in frame.columns else 0
        if later:
            yield Stated(
                BEYOND, name, str(later), f"{name}: {later:,} records begin after {cutoff}."
            )


def _is_there_twice(frame: pl.DataFrame) -> bool:
    """Whether every open record has another that is equal in all that is open."""
    # Records with equal keys are numbered from the second on.
    numbered = frame["record_key"].str.contains(r"\d-\d+$").sum()
    if frame.height < _FEWEST_OF_TWICE or 2 * int(numbered) < frame.height:
        return False
    return bool(frame.drop("record_key").is_duplicated().all())


def facts(
    tables: Tables, randomized: pl.DataFrame, standing: pl.DataFrame, record: pl.DataFrame
) -> pl.DataFrame:
    """The facts that pages stand on: where each comes from, and of how many it is known.

    Args:
        tables: open ones. randomized: as `released.released_randomization` returns it. record: as
            `recorded` returns it of open tables.

    Returns:
        A row a fact in the order of the pages: `position`, `fact`, `source`, `known` and `of`, null
        where the extract does not record it at all.
    """
    people = standing.filter(pl.col("observed_by").is_not_null())
    others = standing.filter(pl.col("observed_by").is_null())
    by = people["observed_by"]
    has = set(
        record.filter("is_recorded").select(pl.format("{}.{}", "dataset", "field")).to_series()
    )
    deaths = [
        name
        for name, fields in (
            ("DM", ("DM.DTHFL", "DM.DTHDTC")),
            ("DS", ("DS.DSCLASS",)),
            ("AE", ("AE.AEOUT", "AE.AESDTH", "AE.AETOXGR")),
            ("DD", ("DD.DDTESTCD",)),
            ("SS", ("SS.SSSTRESC",)),
        )
        if has & set(fields)
    ]
    events = tables.frames["AE"]

    def of_events(fact: str, *fields: str) -> tuple[str, str | None, int | None, int | None]:
        names = [field for field in fields if f"AE.{field}" in has]
        if not names:
            return fact, None, None, None
        by_name = {field.name: field for field in DOMAINS["AE"].fields}
        filled = pl.any_horizontal(_says(by_name[name]) for name in names)
        return fact, ", ".join(names), int(events.select(filled.sum()).item()), events.height

    source = randomized["source"][0] if randomized.height else None
    dated = int(randomized["randomization_date"].count())
    died = int((people["ended"] == "died").sum())
    dated_deaths = int(people.filter(pl.col("ended") == "died")["death_date"].count())
    rows: list[tuple[str, str | None, int | None, int | None]] = [
        ("Randomized", source, people.height, standing.height),
        ("Date of randomization", source, dated, people.height),
        (
            "Outcome of screening",
            "DS, DM, IE",
            int(others["screening"].is_in(["failed", "not assigned"]).sum()),
            others.height,
        ),
        ("Deaths", ", ".join(deaths) or None, died if deaths else None, people.height),
        ("Date of death", ", ".join(deaths) or None, dated_deaths if deaths else None, died),
        (
            "End of participation",
            "DS" if "DS" in tables.present else None,
            int(by.is_in([DIED, ENDED]).sum()) if "DS" in tables.present else None,
            people.height,
        ),
        (
            "Observed up to the cut-off",
            "no planned visit is overdue",
            int((by == UP_TO_CUTOFF).sum()),
            people.height,
        ),
        (
            "Observed up to the last contact",
            "a planned visit is overdue",
            int((by == LAST_CONTACT).sum()),
            people.height,
        ),
        (
            "Not followed",
            "no record since randomization",
            int((by == NOT_FOLLOWED).sum()),
            people.height,
        ),
    ]
    if "AE" in tables.present:
        rows += [
            of_events("Onset of events", "AESTDTC"),
            of_events(
                "Seriousness of events",
                *("AESER", "AESDTH", "AESLIFE", "AESHOSP", "AESDISAB", "AESCONG", "AESMIE"),
            ),
            of_events("Grade of events", "AETOXGR", "AESEV"),
            of_events("Fatal outcome of events", "AEOUT", "AESDTH", "AETOXGR"),
        ]
    return pl.DataFrame(
        [(position, *row) for position, row in enumerate(rows, start=1)],
        schema={
            "position": pl.Int64,
            "fact": pl.String,
            "source": pl.String,
            "known": pl.Int64,
            "of": pl.Int64,
        },
        orient="row",
    )


def recorded(tables: Tables) -> pl.DataFrame:
    """What of each dataset is recorded at all.

    A column that is empty throughout records nothing: grades of which none is given were not
    collected; nor does one of which no value can be read. Of a death alone, nothing in it is that
    nobody died.

    Returns:
        A row a field of a dataset: `dataset`, `field`, `filled` (how many records have a value that
        can be read) and `is_recorded`.
    """
    rows = []
    for name, frame in tables.frames.items():
        domain, absent = DOMAINS[name], tables.absent.get(name, ())
        for field in domain.open_fields if tables.is_open else domain.fields:
            filled = _filled(frame, field)
            is_empty = frame.height == frame[field.name].null_count()
            says_something = filled or (
                is_empty and (frame.is_empty() or field.name in _EMPTY_IS_NONE)
            )
            is_there = name in tables.present and field.name not in absent
            rows.append((name, field.name, filled, is_there and bool(says_something)))
    columns: dict[str, type[pl.DataType]] = {"dataset": pl.String, "field": pl.String}
    columns |= {"filled": pl.Int64, "is_recorded": pl.Boolean}
    return pl.DataFrame(rows, schema=columns, orient="row")


def _filled(frame: pl.DataFrame, field: Field) -> int:
    """How many records say something of a field; a date that is read is not read again."""
    if not field.typed:
        return frame[field.name].count()
    if frame[field.word].null_count() == frame[field.name].null_count():
        return frame[field.word].count()
    rest = frame.filter(pl.col(field.word).is_null() & pl.col(field.name).is_not_null())
    return frame[field.word].count() + int(rest.select(_says(field).sum()).item())


@cache
def _says(field: Field) -> pl.Expr:
    """Whether a record has a value of a field that can be read; of a date, in which year it was."""
    if not field.typed:
        return pl.col(field.name).is_not_null()
    said = pl.col(field.word).is_not_null()
    if field.kind is Kind.DATE:
        said |= stated_date(field.name).str.contains(_YEAR).fill_null(value=False)
    return said


# The year of a date, which it may lack as SDTM writes it.
_YEAR = r"^(\d{4}|-)(-|$)"

# Fields of which no value is an answer by itself.
_EMPTY_IS_NONE = ("DTHFL", "DTHDTC", "HOENDTC", "AEENDTC")
