"""What must be queried, and is it getting better?"""

from collections.abc import Mapping

import plotly.graph_objects as go
import polars as pl

from exhibits.exhibit import Exhibit, Number, exhibit
from exhibits.parts.theme import ACCENT, QUIET, axis_names, counts_axis, figure, hatch, safe
from exhibits.parts.words import counted
from queries import Board

SEVERITY_LOOK = {
    "critical": ("#8c2d04", "x"),
    "major": ("#d55e00", "/"),
    "minor": (ACCENT, ""),
    "note": (QUIET, "."),
}
MOST_BARS = 25
MOST_PARTICIPANTS = 1_000


def _population(board: Board) -> str:
    return "All records, sealed ones too" if board.has_sealed_records else "All open records"


RESOLVED = (
    "Resolved: standing in the snapshot before, gone in this one. Moved: the same query, whose "
    "record has another date or term by now."
)


def _scope(board: Board) -> str:
    """Which findings there are, and what became of them."""
    if board.has_sealed_records:
        return (
            "Findings of open and of sealed records. Whether a sealed one is new is not known: a "
            "load cannot read what it sealed before."
        )
    return "Open findings: those that touch nothing sealed."


@exhibit(page="data-findings", leads=111, title="Findings overview", method=(RESOLVED,))
def findings_overview(board: Board) -> Exhibit:
    """Standing findings by severity, and what changed since the snapshot before."""
    totals = board.ask("findings/totals").row(0, named=True)
    standing = totals["standing"]
    first = not any(totals[name] for name in ("persisting", "moved", "resolved"))
    # What became of sealed findings is not known: the changes are of open records, and add up.
    sealed = (
        f" {totals['sealed']:,} more concern sealed records; whether they are new is not known."
        if board.has_sealed_records
        else ""
    )
    against = "Of open records, against" if board.has_sealed_records else "Against"
    change = (
        "This is the first snapshot with findings, so all of them are new."
        if first and standing
        else f"{against} the snapshot before: {totals['new']:,} new, "
        f"{totals['persisting']:,} persisting, {totals['moved']:,} moved, "
        f"{totals['resolved']:,} resolved."
    )
    # This line stands on the overview, too.
    grave = totals["touching_critical"] + totals["touching_major"]
    answer = (
        f"{counted(standing, 'finding')} {'stands' if standing == 1 else 'stand'}, "
        f"{totals['major']:,} of them major. {change}{sealed}"
        if standing
        else f"No finding stands. Resolved since the snapshot before: {totals['resolved']:,}."
    )
    names = ("critical", "major", "minor", "note", "new", "resolved")
    return Exhibit(
        population=_population(board),
        answer=answer,
        attention=f"{counted(grave, 'critical or major finding')}." if grave else "",
        denominator=f"{counted(totals['participants'], 'participant')} with a finding",
        numbers=tuple(Number(name.capitalize(), f"{totals[name]:,}") for name in names),
        table=pl.DataFrame(
            {"group": list(names), "findings": [totals[name] for name in names]},
            schema_overrides={"findings": pl.Int64},
        ),
        footnotes=(_scope(board),),
    )


@exhibit(page="data-findings", title="Findings by check", method=(RESOLVED,))
def findings_by_check(board: Board) -> Exhibit:
    """Standing, new and resolved findings of each check."""
    checks = board.ask("findings/by_check")
    if checks.is_empty():
        return Exhibit(population=_population(board), missing="No check found any.")
    standing = checks.filter(pl.col("standing") > 0)
    shown = standing.head(15)

    bars = shown.select(
        "check",
        "message",
        *(
            pl.when(pl.col("severity") == name).then("standing").alias(name)
            for name in SEVERITY_LOOK
        ),
    )
    return Exhibit(
        population=_population(board),
        denominator=f"{counted(standing.height, 'check')} with findings"
        + (f"; the first {shown.height} are drawn" if standing.height > shown.height else ""),
        picture=(
            lambda: _bars(
                bars, bars["check"].to_list(), SEVERITY_LOOK, x_title="Standing findings", step=32
            )
        )
        if standing.height
        else None,
        description=f"Bars for {counted(shown.height, 'check')}, most severe first.",
        table=checks,
        labels={
            "message": "Finding",
        },
        footnotes=(_scope(board),),
    )


@exhibit(page="data-findings", method=(RESOLVED, "Findings of a whole dataset belong to no site."))
def findings_by_site(board: Board) -> Exhibit:
    """Standing findings of each site, by severity."""
    return _by_severity(
        board,
        board.ask("findings/by_site"),
        ("site", "Site", "site"),
    )


@exhibit(page="data-findings", method=(RESOLVED,))
def findings_by_domain(board: Board) -> Exhibit:
    """Standing findings of each dataset, by severity."""
    return _by_severity(board, board.ask("findings/by_domain"), ("domain", "Dataset", "dataset"))


@exhibit(
    page="data-findings",
    title="Findings by participant",
    method=(RESOLVED, "Findings of a whole dataset belong to no participant."),
)
def findings_by_participant(board: Board) -> Exhibit:
    """Standing findings of each participant, by severity; those with the most severe first."""
    people = board.ask("findings/participants").row(0, named=True)
    if not people["participants"]:
        return Exhibit(
            population=_population(board),
            missing="No finding of a participant stands.",
        )
    rows = board.ask("findings/by_participant", most=MOST_PARTICIPANTS)
    return Exhibit(
        population=_population(board),
        denominator=f"{counted(people['participants'], 'participant')} with a finding",
        numbers=(
            Number("Participants with a finding", f"{people['participants']:,}"),
            Number("with a major or critical one", f"{people['with_major']:,}"),
            Number("Most findings of one", f"{people['most']:,}"),
        ),
        table=rows,
        footnotes=(_scope(board),)
        + (f"The table has the first {rows.height:,} participants.",)
        * (people["participants"] > rows.height),
    )


def _bars(
    rows: pl.DataFrame,
    names: list[str],
    looks: Mapping[str, tuple[str, str]],
    *,
    x_title: str,
    y_title: str = "",
    step: int = 30,
) -> "go.Figure":
    """A stacked bar for each row, under its name, of the counts that `looks` name.

    Args:
        looks: the color and the hatching of each count.
        step: pixels of a row.
    """
    drawn = figure(x_title=x_title, y_title=y_title, height=150 + step * rows.height)
    messages = [safe(text) for text in rows["message"]] if "message" in rows.columns else None
    for count, (color, pattern) in looks.items():
        if rows[count].sum():
            drawn.add_trace(
                go.Bar(
                    y=names,
                    x=rows[count].to_list(),
                    orientation="h",
                    name=count.capitalize(),
                    marker={"color": color, "pattern": hatch(pattern)},
                    customdata=messages,
                    hovertemplate=f"{y_title} %{{y}}: %{{x}} {count}".strip()
                    + ("<br>%{customdata}" if messages else "")
                    + "<extra></extra>",
                )
            )
    # The legend says what a color means, also where there is one only.
    drawn.update_layout(barmode="stack", showlegend=True)
    drawn.update_xaxes(counts_axis(rows.select(pl.sum_horizontal(*looks)).to_series()))
    drawn.update_yaxes(
        type="category", showgrid=False, categoryorder="array", categoryarray=names[::-1]
    )
    return drawn


def _by_severity(board: Board, rows: pl.DataFrame, of: tuple[str, str, str]) -> Exhibit:
    """Standing findings by what `of` names: a column, its label, and the word for one."""
    column, label, word = of
    title = f"Findings by {word}"
    if rows.is_empty():
        return Exhibit(title=title, population=_population(board), missing="No finding stands.")
    shown = rows.head(MOST_BARS)

    return Exhibit(
        title=title,
        population=_population(board),
        denominator=f"{counted(int(rows['standing'].sum()), 'standing finding')}"
        + (
            f"; the first {shown.height} of {rows.height:,} {word}s are drawn"
            if rows.height > shown.height
            else ""
        ),
        picture=lambda: _bars(
            shown,
            axis_names(shown[column].to_list()),
            SEVERITY_LOOK,
            x_title="Standing findings",
            y_title=label,
        ),
        description=f"Stacked bars for {counted(shown.height, word)}.",
        table=rows,
        labels={column: label},
        footnotes=(_scope(board),),
    )


STATUS_LOOK = {
    "resolved": (QUIET, "."),
    "persisting": (ACCENT, ""),
    "moved": ("#0072b2", "\\"),
    "new": ("#d55e00", "/"),
}


@exhibit(
    page="data-findings",
    population="All open records",
    title="Since the snapshot before",
    method=("Open findings, against those of the snapshot that was loaded before.",),
)
def findings_against_before(board: Board) -> Exhibit:
    """What became of findings since the snapshot before, by severity."""
    rows = board.ask("findings/by_status")
    total = rows.select(pl.sum(*STATUS_LOOK)).row(0, named=True)
    if not any(total.values()):
        return Exhibit(
            missing="Neither this snapshot nor the one before it has a finding.",
        )
    first = not (total["persisting"] or total["moved"] or total["resolved"])

    names = [name.capitalize() for name in rows["severity"]]
    return Exhibit(
        answer="No snapshot before this one had findings."
        if first
        else f"{total['resolved']:,} resolved, {total['persisting']:,} still standing, "
        f"{total['moved']:,} of a record that moved, {total['new']:,} new.",
        denominator=counted(sum(total.values()), "finding"),
        picture=lambda: _bars(rows, names, STATUS_LOOK, x_title="Findings", step=60),
        description="Stacked bars by severity.",
        table=rows,
    )
