"""Every event and every death, one by one."""

from typing import Any

import polars as pl

from exhibits.exhibit import DEATHS, RANDOMIZED, SERIOUSNESS, Exhibit, People, exhibit
from exhibits.parts.events import (
    SINCE,
    list_of_events,
    not_recorded_of_events,
    recorded_of_events,
    sealed_events,
)
from exhibits.parts.populations import BY_WHICH
from exhibits.parts.words import NOT_RECORDED, counted, day, share
from queries import Board

LISTED = (
    "subject", "site", "arm", "preferred_term", "body_system", "grade", "seriousness",
    "start_date", "end_date", "study_day", "outcome", "marks",
)  # fmt: skip
LABELS = {"seriousness": "Serious", "marks": "Remark"}
OUTCOMES = {
    "RECOVERED/RESOLVED": "recovered",
    "RECOVERED/RESOLVED WITH SEQUELAE": "recovered with sequelae",
    "RECOVERING/RESOLVING": "recovering",
    "NOT RECOVERED/NOT RESOLVED": "not recovered",
    "FATAL": "fatal",
    "UNKNOWN": "unknown",
}


def _listing(board: Board, title: str, none: str, **chosen: Any) -> Exhibit:
    asked = dict(list_of_events(title, **chosen).values)
    rows = board.ask("safety/events", **asked)
    if rows.is_empty():
        return Exhibit(
            answer=none,
            denominator="0 events",
            table=pl.DataFrame(schema=dict.fromkeys(LISTED, pl.String)),
            labels=LABELS,
            footnotes=(*not_recorded_of_events(board), *sealed_events(board)),
        )
    remark = pl.concat_str(
        pl.when("is_fatal_not_serious").then(pl.lit("fatal, not ticked as serious")),
        pl.when(pl.col("onset") == "on day 1").then(pl.lit("began on the day of randomization")),
        pl.when(pl.col("onset") == "not known to the day").then(
            pl.lit("onset not known to the day")
        ),
        pl.when("is_after_death").then(pl.lit("dated after death")),
        pl.when("is_reported_again").then(pl.lit("reported again, same term, dates and grade")),
        separator="; ",
        ignore_nulls=True,
    )
    table = rows.with_columns(
        seriousness=pl.when("is_fatal").then(pl.lit("fatal"))
        .when("is_serious").then(pl.lit("yes"))
        .when(pl.col("is_serious").is_null()).then(pl.lit(NOT_RECORDED)).otherwise(pl.lit("")),
        outcome=pl.col("outcome").replace(OUTCOMES),
        marks=remark,
    ).select(LISTED)  # fmt: skip
    of_people = rows["subject"].n_unique()
    again = int(rows["is_reported_again"].sum())
    return Exhibit(
        answer=f"{counted(rows.height, 'event')} of {counted(of_people, 'participant')}.",
        denominator=counted(rows.height, "event"),
        table=table,
        labels=LABELS,
        lists=(list_of_events(title, **chosen),),
        row_lists=(0,) * table.height,
        footnotes=(
            *(
                (f"{counted(again, 'record')} repeat an earlier one, and each counts.",)
                * bool(again)
            ),
            *not_recorded_of_events(board),
            *sealed_events(board),
        ),
    )


@exhibit(
    page="board-safety",
    tab="Listings",
    title="Serious adverse events",
    data=("AE.AESTDTC", SERIOUSNESS),
    filtered=True,
    method=(SINCE,),
)
def serious_events(board: Board) -> Exhibit:
    """Every serious event, with its dates, grade and outcome."""
    return _listing(board, "Serious adverse events", "No serious event is recorded.", serious=True)


@exhibit(
    page="board-safety",
    tab="Listings",
    title="All adverse events",
    data=("AE.AESTDTC",),
    filtered=True,
    method=(SINCE,),
)
def all_events(board: Board) -> Exhibit:
    """Every event since randomization, with its dates, grade and outcome."""
    return _listing(board, "All adverse events", "No event is recorded.")


@exhibit(
    page="board-safety",
    tab="Listings",
    title="Since the cut-off",
    data=("AE",),
    method=(
        "Deaths, serious events and events of special interest that began after the data cut-off. "
        "No number on any page counts them, and who reported late is not known.",
    ),
)
def since_the_cutoff(board: Board) -> Exhibit:
    """Deaths, serious events and events of special interest after the data cut-off."""
    rows = board.ask("safety/since_cutoff")
    cutoff = day(board.snapshot.manifest.cutoff)
    if rows.is_empty():
        serious, not_known = ", serious event", ""
        if not recorded_of_events(board)["serious"]:
            serious, not_known = "", " Which events are serious is not recorded."
        return Exhibit(
            missing=f"The extract holds no death{serious} or event of special interest after the "
            f"cut-off of {cutoff}.{not_known}"
        )
    deaths = rows.filter(pl.col("why") == "death").height
    return Exhibit(
        answer=f"After the cut-off of {cutoff}: {counted(deaths, 'death')} and "
        f"{counted(rows.height - deaths, 'serious event or event', 'serious events or events')} of "
        "special interest. They are in no number.",
        denominator=counted(rows.height, "record"),
        table=rows,
        labels={"what": "Event", "why": "Listed as"},
        footnotes=not_recorded_of_events(board),
    )


@exhibit(
    page="board-safety",
    tab="Listings",
    also_on=("board-survival",),
    title="Deaths",
    population=f"{RANDOMIZED}; others who were screened are marked",
    data=(DEATHS,),
    filtered=True,
    by_day=False,
    method=(BY_WHICH + " Discharge does not end observation.",),
)
def deaths(board: Board) -> Exhibit:
    """Every death, with its day, its cause and the fatal events recorded for it."""
    rows = board.ask("safety/deaths")
    people = board.ask("safety/people")
    total, died = int(people["participants"].sum()), int(rows["is_randomized"].sum())
    others = rows.height - died
    table = rows.select(
        "subject",
        "site",
        "arm",
        pl.when("is_randomized").then(pl.lit("yes")).otherwise(pl.lit("no")).alias("randomized"),
        "death_date",
        "study_day",
        *(["cause"] if board.has_sealed_records else []),
        pl.col("fatal_events").fill_null(
            "(no fatal event recorded)" if recorded_of_events(board)["fatal"] else NOT_RECORDED
        ),
    )
    return Exhibit(
        answer=(
            f"{share(died, total)} participants died." if died else f"Nobody of {total:,} has died."
        )
        + (f" Not randomized: {counted(others, 'death')}." if others else ""),
        denominator=f"N = {total:,}",
        table=table,
        labels={
            "death_date": "Death",
        },
        lists=(People("Deaths", "people/who_died", (("arm", None),)),) if died else (),
        row_lists=tuple(0 if of_trial else None for of_trial in rows["is_randomized"]),
        footnotes=(
            _where_causes_stand(board),
            *(
                ("Whoever was not randomized is not listed while participants are chosen.",)
                if board.filters.choose_people
                else ()
            ),
            *sealed_events(board),
        ),
    )


def _where_causes_stand(board: Board) -> str:
    if not board.has("DD"):
        return (
            "The extract has no death details (DD), so that causes are fatal adverse events only. "
            "Ask for them in the next extract."
        )
    if not board.has_sealed_records:
        return (
            "The recorded cause is free text, which can tell the treatment; it is shown unblinded "
            "only. Fatal events are adverse events."
        )
    return "Cause: primary cause of death, as recorded. Fatal events are adverse events."
