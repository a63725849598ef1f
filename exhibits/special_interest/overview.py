"""Who had events of special interest, how many, and how far apart arms are."""

import polars as pl

from exhibits.exhibit import Conclusion, Exhibit, exhibit
from exhibits.parts.comparison import (
    difference_labels,
    held_against_reference,
    is_apart,
    largest_difference,
    rate_labels,
    share_of_arm,
    too_few_note,
    with_difference,
    with_rate,
    with_share,
)
from exhibits.parts.events import (
    OF_ALL_EVENTS,
    later_events,
    list_of_interest,
    not_followed,
    not_recorded_of_events,
    recorded_of_events,
    sealed_terms,
)
from exhibits.parts.interval_dots import interval_dots
from exhibits.parts.populations import earliest_deaths
from exhibits.parts.signals import GROUP, marked, marks_note, with_marks
from exhibits.parts.theme import in_lines
from exhibits.parts.words import counted
from exhibits.special_interest.groups import (
    COUNTED,
    GROUPS,
    groups_by_id,
    standard_queries,
)
from queries import Board

LABELS = {
    "name": "Group",
    "participants": "Participants with any",
    "percent": "Share, %",
    "serious": "With a serious one",
    "fatal": "With a fatal one",
}


@exhibit(
    page="board-special-interest",
    leads=21,
    title="Events of special interest",
    needs=("special_interest",),
    data=("AE.AESTDTC",),
    conclusions=(Conclusion("percent", ("name", "arm")),),
    filtered=True,
    method=(
        COUNTED,
        GROUPS,
        "Share of participants with the exact interval (Clopper & Pearson 1934).",
        OF_ALL_EVENTS,
    ),
)
def special_interest_overview(board: Board) -> Exhibit:
    """Participants with events of each group of special interest, with intervals and rates."""
    groups = groups_by_id(board)
    people = board.ask("safety/people").rename({"participants": "randomized"})
    rows = board.ask("special_interest/by_group").join(
        people, on=["arm", "position"], maintain_order="left"
    )
    recorded = recorded_of_events(board)
    names = {key: group.name for key, group in groups.items()}
    sums = board.ask("special_interest/rates")
    rows = with_rate(board, with_share(board, rows), sums, by=["group"], events="in_time")
    table = with_difference(board, rows, by=["group"]).with_columns(
        name=pl.col("group").replace_strict(names)
    )
    table = with_marks(board, table, "group")
    attention = marked(board, GROUP)
    total = int(people["randomized"].sum())
    most_frequent = (
        table.group_by("name", maintain_order=True)
        .agg(pl.col("participants", "events").sum())
        .sort("participants", descending=True, maintain_order=True)
    )
    name, had, events = most_frequent.row(0)
    has_events = table["participants"] > 0
    lists = tuple(
        list_of_interest(board, groups[group], arm)
        for group, arm in table.filter(has_events).select("group", "arm").rows()
    )
    places = has_events.cum_sum().cast(pl.Int64) - 1
    row_lists = tuple(
        place if some else None for place, some in zip(places, has_events, strict=True)
    )
    first = f"Most frequent: {name}, {share_of_arm(board, had, total)} participants with "
    first += f"{counted(events, 'event')}."
    largest = largest_difference(table)
    answer = first if had else "Nobody had an event of special interest."
    if had and largest is not None:
        held = held_against_reference(board, table, largest, by="name")
        zero = "" if is_apart(largest) else "; the interval includes zero"
        answer += f" Largest difference: {largest['name']}: {held}{zero}."
    return Exhibit(
        answer=answer,
        attention=attention,
        beside=first if attention else None,
        denominator=f"N = {total:,}; {counted(int(people['observed_days'].sum()), 'patient-day')}",
        picture=interval_dots(
            board,
            table.with_columns(
                pl.Series("list", row_lists, pl.Int64),
                place=pl.col("group").rle_id().cast(pl.Int64),
            ),
            [in_lines(name) for name in names.values()],
            x_title="Participants with an event, %",
        ),
        description="A row for each group and arm of this view: a dot at the share of participants "
        "with an event, and its 95 % interval as a line.",
        table=table.select(
            "name", "arm", "randomized", "participants", "percent", "percent_low", "percent_high",
            "events", *(kind for kind in ("serious", "fatal") if recorded[kind]), "observed_days",
            "^rate.*$", "^difference.*$",
            *(("mark",) if len(board.arms) > 1 else ()),
        ),
        labels=LABELS | difference_labels(board) | rate_labels(board),
        footnotes=(
            *(
                (
                    f"Difference to {board.reference_arm} by Miettinen & Nurminen (1985). "
                    "Intervals are 95 %, none is adjusted for the number of groups.",
                    *marks_note(board),
                )
                if len(board.arms) > 1
                else ()
            ),
            *not_recorded_of_events(board),
            *later_events(int((rows["events"] - rows["in_time"]).sum())),
            *not_followed(board),
            *earliest_deaths(board),
            *too_few_note(board, people["randomized"]),
            *standard_queries(board),
            *sealed_terms(board),
            *(f"{group.name}: {group.why}" for group in groups.values()),
        ),
        assumptions=board.trial.assumptions("special_interest"),
        lists=lists,
        row_lists=row_lists,
    )  # fmt: skip
