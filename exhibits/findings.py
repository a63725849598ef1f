"""What must be queried, and is it getting better? Open findings only."""

import plotly.graph_objects as go
import polars as pl

from exhibits.exhibit import Exhibit, Number, exhibit
from exhibits.theme import ACCENT, QUIET, axis_names, counts_axis, figure, hatch, safe
from exhibits.words import counted
from queries import Board

SEVERITY_LOOK = {
    "critical": ("#8c2d04", "x"),
    "major": ("#d55e00", "/"),
    "minor": (ACCENT, ""),
    "note": (QUIET, "."),
}

SCOPE = (
    "Open findings: those that touch nothing sealed. Resolved: standing in the snapshot before, "
    "gone in this one."
)


@exhibit()
def findings_overview(board: Board) -> Exhibit:
    """Standing findings by severity, and what changed since the snapshot before."""
    totals = board.ask("findings/totals").row(0, named=True)
    standing = totals["standing"]
    first = totals["persisting"] == 0 and totals["resolved"] == 0
    change = (
        "This is the first snapshot with findings, so all of them are new."
        if first and standing
        else f"Against the snapshot before: {totals['new']:,} new, "
        f"{totals['persisting']:,} persisting, {totals['resolved']:,} resolved."
    )
    answer = (
        f"{counted(standing, 'finding')} {'stands' if standing == 1 else 'stand'}, "
        f"{totals['major']:,} of them major. {change}"
        if standing
        else f"No finding stands. Resolved since the snapshot before: {totals['resolved']:,}."
    )
    names = ("critical", "major", "minor", "note", "new", "resolved")
    return Exhibit(
        title="Findings overview",
        population="All open records",
        answer=answer,
        denominator=f"{counted(totals['participants'], 'participant')} with a finding",
        numbers=tuple(Number(name.capitalize(), f"{totals[name]:,}") for name in names),
        table=pl.DataFrame(
            {"group": list(names), "findings": [totals[name] for name in names]},
            schema_overrides={"findings": pl.Int64},
        ),
        labels={"group": "Group", "findings": "Findings"},
        footnotes=(SCOPE,),
    )


@exhibit()
def findings_by_check(board: Board) -> Exhibit:
    """Standing, new and resolved findings of each check."""
    checks = board.ask("findings/by_check")
    if checks.is_empty():
        return Exhibit(
            title="Findings by check", population="All open records", missing="No check found any."
        )
    standing = checks.filter(pl.col("standing") > 0)
    shown = standing.head(15)
    drawn = figure(x_title="Standing findings", y_title="", height=130 + 32 * shown.height)
    for severity, (color, pattern) in SEVERITY_LOOK.items():
        part = shown.filter(pl.col("severity") == severity)
        if part.height:
            drawn.add_trace(
                go.Bar(
                    y=part["check"].to_list(),
                    x=part["standing"].to_list(),
                    orientation="h",
                    name=severity.capitalize(),
                    marker={"color": color, "pattern": hatch(pattern)},
                    customdata=[safe(text) for text in part["message"]],
                    hovertemplate="%{y}: %{x}<br>%{customdata}<extra></extra>",
                )
            )
    drawn.update_yaxes(
        type="category",
        showgrid=False,
        categoryorder="array",
        categoryarray=list(reversed(shown["check"].to_list())),
    )
    # The legend says what a color means, also where there is one only.
    drawn.update_layout(showlegend=True)
    drawn.update_xaxes(counts_axis(shown["standing"]))
    return Exhibit(
        title="Findings by check",
        population="All open records",
        denominator=f"{counted(standing.height, 'check')} with findings"
        + (f"; the first {shown.height} are drawn" if standing.height > shown.height else ""),
        figure=drawn if standing.height else None,
        description=f"Bars for {counted(shown.height, 'check')}, most severe first.",
        table=checks,
        labels={
            "check": "Check",
            "domain": "Domain",
            "severity": "Severity",
            "message": "Finding",
            "standing": "Standing",
            "new": "New",
            "resolved": "Resolved",
            "participants": "Participants",
        },
        footnotes=(SCOPE,),
    )


@exhibit()
def findings_by_site(board: Board) -> Exhibit:
    """Standing findings of each site, by severity."""
    sites = board.ask("findings/by_site")
    if sites.is_empty():
        return Exhibit(
            title="Findings by site", population="All open records", missing="No finding stands."
        )
    shown = sites.head(25)
    names = axis_names(shown["site"].to_list())
    drawn = figure(x_title="Standing findings", y_title="Site", height=150 + 30 * shown.height)
    for severity, (color, pattern) in SEVERITY_LOOK.items():
        if not shown[severity].sum():
            continue
        drawn.add_trace(
            go.Bar(
                y=names,
                x=shown[severity].to_list(),
                orientation="h",
                name=severity.capitalize(),
                marker={"color": color, "pattern": hatch(pattern)},
                hovertemplate="Site %{y}: %{x} " + severity + "<extra></extra>",
            )
        )
    drawn.update_layout(barmode="stack", showlegend=True)
    drawn.update_xaxes(counts_axis(shown["standing"]))
    drawn.update_yaxes(
        type="category",
        showgrid=False,
        categoryorder="array",
        categoryarray=names[::-1],
    )
    return Exhibit(
        title="Findings by site",
        population="All open records",
        denominator=f"{counted(int(sites['standing'].sum()), 'standing finding')}"
        + (
            f"; the first {shown.height} of {sites.height} sites are drawn"
            if sites.height > 25
            else ""
        ),
        figure=drawn,
        description=f"Stacked bars for {counted(shown.height, 'site')}.",
        table=sites,
        labels={
            "site": "Site",
            "critical": "Critical",
            "major": "Major",
            "minor": "Minor",
            "note": "Note",
            "standing": "Standing",
            "participants": "Participants",
        },
        footnotes=(SCOPE, "Findings of a whole dataset belong to no site."),
    )
