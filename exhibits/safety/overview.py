"""How many were harmed, how gravely, and at what rate."""

from collections.abc import Collection
from typing import Any

import polars as pl

from exhibits.exhibit import Conclusion, Exhibit, Number, People, exhibit
from exhibits.parts.comparison import (
    apart_in_words,
    counts_in_arms,
    rate_labels,
    share_of_arm,
    shares_in_arms,
    too_few_note,
    with_difference,
    with_rate,
    with_share,
)
from exhibits.parts.events import (
    OBSERVED_DAYS,
    OF_ALL_EVENTS,
    SINCE,
    later_events,
    list_of_events,
    not_followed,
    recorded_of_events,
    sealed_events,
)
from exhibits.parts.interval_dots import Mark, interval_dots
from exhibits.parts.populations import earliest_deaths, in_all, row_name, size_of_all
from exhibits.parts.theme import (
    in_lines,
)
from exhibits.parts.words import NOT_RECORDED, counted, number
from queries import Board

KINDS = {
    "any": "Any adverse event",
    "serious": "Serious",
    "grade_3": "Grade 3 or higher, or severe",
    "fatal": "Fatal",
    "left": "Left the study for an adverse event",
}


def list_of_kind(board: Board, kind: str, arm: str | None) -> People:
    """Participants with events of a kind of `KINDS`, of an arm; None for all."""
    title = KINDS[kind] if arm is None else row_name(board, KINDS[kind], arm)
    if kind == "left":
        return People(title, "people/who_left", (("arm", arm),))
    gravity: dict[str, dict[str, Any]] = {
        "serious": {"serious": True},
        "grade_3": {"least_grade": 3},
        "fatal": {"fatal": True},
    }
    return list_of_events(title, arm=arm, **gravity.get(kind, {}))


def _knows_who_left(board: Board) -> bool:
    """Whether this view has the dispositions that say so."""
    is_open = "ADVERSE EVENT" in {term.upper() for term in board.trial.open.dispositions}
    return board.has("DS") and (board.has_sealed_records or (is_open and len(board.arms) > 1))


@exhibit(
    page="board-safety",
    leads=31,
    title="Adverse events, overview",
    data=("AE.AESTDTC",),
    conclusions=(Conclusion("percent", ("kind", "arm")),),
    filtered=True,
    method=(
        SINCE,
        "A fatal event counts as serious whatever was ticked; where it is not ticked whether an "
        "event is serious, its criteria count. Grades: CTCAE where they are recorded, else mild "
        "1, moderate 2, severe 3; fatal 5.",
        "Shares with exact intervals (Clopper & Pearson 1934). " + OBSERVED_DAYS,
        OF_ALL_EVENTS,
    ),
)
def adverse_event_overview(board: Board) -> Exhibit:
    """Participants with any, serious, severe and fatal events, and rates by time observed."""
    rows = (
        board.ask("safety/overview")
        .join(
            board.ask("safety/people").rename({"participants": "of"}),
            on=["arm", "position"],
            maintain_order="left",
        )
        .sort(
            pl.col("kind").replace_strict({kind: place for place, kind in enumerate(KINDS)}),
            "position",
        )
    )
    if not _knows_who_left(board):
        rows = rows.filter(pl.col("kind") != "left")
    table = with_rate(
        board,
        with_share(board, rows, of="of").with_columns(
            pl.when(pl.col("kind") != "left").then(pl.col("events", "in_time").cast(pl.Int64))
        ),
        None if board.is_limited else board.ask("safety/rates"),
        by=["kind"],
        events="in_time",
        of="of",
    )
    recorded = recorded_of_events(board)
    is_recorded = pl.col("kind").is_in([kind for kind in KINDS if recorded.get(kind, True)])
    table = table.with_columns(remark=pl.when(~is_recorded).then(pl.lit(NOT_RECORDED)))
    total = size_of_all(board)
    by_kind = {str(kind): part for (kind,), part in table.group_by("kind", maintain_order=True)}
    # A limited role may not be told even that.
    in_any = None
    if "any" in by_kind:
        events = counted(int(by_kind["any"]["events"].sum()), "event")
        in_any = int(by_kind["any"]["participants"].sum())
    lists = tuple(
        list_of_kind(board, row["kind"], row["arm"]) for row in table.iter_rows(named=True)
    )
    fatal = with_difference(
        board, table.filter(pl.col("kind") == "fatal").with_columns(kind=pl.lit("Fatal")), of="of"
    )
    is_compared = "difference" in fatal.columns and fatal["difference"].count()
    return Exhibit(
        attention=apart_in_words(board, fatal, by="kind", of="of"),
        answer=(
            f"Adverse events among {counted(total, 'participant')}; "
            if in_any is None
            else f"{share_of_arm(board, in_any, total)} participants had {events}; "
        )
        + "; ".join(
            f"{KINDS[kind].lower()}: "
            + (
                NOT_RECORDED
                if part["remark"].count()
                else number(in_all(part["participants"]))
                if len(board.arms) == 1
                else counts_in_arms(part.iter_rows(named=True), "of")
            )
            for kind, part in by_kind.items()
            if kind != "any"
        )
        + ".",
        denominator=f"N = {total:,}",
        numbers=tuple(
            Number(
                KINDS[kind],
                NOT_RECORDED
                if part["remark"].count()
                else share_of_arm(board, in_all(part["participants"]), total),
                "" if part["remark"].count() else _beside_number(board, part),
                None if part["remark"].count() else list_of_kind(board, kind, None),
            )
            for kind, part in by_kind.items()
        ),
        picture=interval_dots(
            board,
            table.with_row_index("list")
            .filter(is_recorded)
            .with_columns(place=pl.col("kind").rle_id().cast(pl.Int64)),
            [in_lines(KINDS[kind], 16) for kind in by_kind if recorded.get(kind, True)],
            x_title="Participants, %",
            marks=(Mark(of="of"),),
        ),
        description="A dot with its interval for each kind of event and arm of this view: the "
        "share of participants with any.",
        table=table.select(
            pl.col("kind").replace(KINDS),
            "arm",
            "participants",
            "of",
            "percent",
            "percent_low",
            "percent_high",
            "events",
            *(() if board.is_limited else ("observed_days", "^rate.*$")),
            *(() if table["remark"].null_count() == table.height else ("remark",)),
        ),
        labels=rate_labels(board),
        lists=lists,
        footnotes=(
            *(
                (
                    "A difference in fatal events needs attention where its 95 % interval "
                    "(Miettinen & Nurminen 1985) is without zero.",
                )
                if is_compared
                else ()
            ),
            *too_few_note(board, table["of"]),
            *later_events(_later(by_kind.get("any"))),
            *not_followed(board),
            *(() if board.is_limited else earliest_deaths(board)),
            *_left_out(board, by_kind),
            *sealed_events(board),
        ),
    )


def _left_out(board: Board, shown: Collection[str]) -> tuple[str, ...]:
    """A footnote on kinds that a limited role does not see."""
    if not board.is_limited:
        return ()
    kinds = [KINDS[kind].lower() for kind in ("any", "serious", "grade_3") if kind not in shown]
    few = "Left out, as too few have or lack it, or lie between it and another kind"
    return (
        "Fatal events are not told to your role, nor patient-days and rates: with the dates of "
        "randomization they tell how long those were followed whose participation ended.",
        *((f"{few}: {'; '.join(kinds)}.",) if kinds else ()),
    )


def _later(rows: pl.DataFrame | None) -> int | None:
    """How many events began after the participant was last observed."""
    if rows is None or rows["events"].null_count() or rows["in_time"].null_count():
        return None
    return int((rows["events"] - rows["in_time"]).sum())


def _beside_number(board: Board, rows: pl.DataFrame) -> str:
    """What stands beside a number of all: by arm the participants, of one arm the events."""
    if len(board.arms) > 1:
        return shares_in_arms(board, rows.iter_rows(named=True), "of")
    events = rows["events"].item()
    return "" if rows["kind"].item() == "left" else counted(events, "event")
