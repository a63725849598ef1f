"""Who is screened and randomized: sites, screening flow, time, eligibility."""

import plotly.graph_objects as go
import polars as pl

from exhibits.exhibit import NOBODY, Exhibit, Number, exhibit, most_first
from exhibits.parts.comparison import has_enough, share_of_arm, too_few_note
from exhibits.parts.theme import (
    ACCENT,
    QUIET,
    axis_names,
    counts_axis,
    figure,
    hatch,
    in_lines,
)
from exhibits.parts.words import counted, number, sentence_case
from queries import Board

# Where four numbers stand in half a page.
SHORT = {"Still in screening": "In screening", "Screen failures": "Failed"}

NO_SITE = "(no site)"  # as the question names participants whose site is missing


@exhibit(
    page="board-enrollment",
    population="All screened participants",
    title="Enrollment by site",
    method=("Sites are in the order of the participants that they randomized.",),
)
def enrollment_by_site(board: Board) -> Exhibit:
    """Participants screened, randomized and failed at screening, by site."""
    sites = most_first(board.ask("enrollment/by_site"), "randomized", "screened")
    shown = sites.head(25)
    names = axis_names(shown["site"].to_list())
    active = sites.filter(pl.col("randomized") > 0, pl.col("site") != NO_SITE).height

    def draw() -> "go.Figure":
        traces = [
            {
                "type": "bar",
                "y": names,
                "x": shown[name].to_list(),
                "name": label,
                "orientation": "h",
                "marker": {"color": color, "pattern": hatch(pattern)},
                "hovertemplate": "Site %{y}: %{x} " + label.lower() + "<extra></extra>",
            }
            for name, label, color, pattern in (
                ("randomized", "Randomized", ACCENT, ""),
                ("screen_failures", "Screen failure", QUIET, "/"),
                ("in_screening", "Still in screening", QUIET, "."),
                ("not_known", "Outcome not known", QUIET, "x"),
            )
            if name not in ("in_screening", "not_known") or shown[name].sum()
        ]
        order = {"categoryorder": "array", "categoryarray": names[::-1]}
        return figure(
            x_title="Participants",
            y_title="Site",
            height=150 + 30 * shown.height,
            traces=traces,
            layout={
                "barmode": "stack",
                "yaxis": {"type": "category", "showgrid": False} | order,
                "xaxis": counts_axis(shown["screened"]),
            },
        )

    return Exhibit(
        denominator=f"{active} of {board.trial.planned_sites} planned sites have randomized"
        + (
            f"; the {shown.height} largest of {sites.height} are drawn" if sites.height > 25 else ""
        ),
        picture=draw,
        description=f"Stacked bars for {counted(shown.height, 'site')}, largest first.",
        table=sites,
        labels={
            "in_screening": "Still in screening",
            "not_known": "Not randomized, outcome not known",
            "first_randomization": "First randomized",
            "last_randomization": "Last randomized",
        },
        assumptions=board.trial.assumptions("planned_sites"),
    )


@exhibit(
    page="board-enrollment",
    population="All screened participants",
    title="Screening flow",
    method=(
        "Reasons are the criteria that are recorded as not met (IE); without one what disposition "
        "or demographics say. Still in screening: no outcome is recorded, and the last contact is "
        "not long ago.",
    ),
)
def screening_flow(board: Board) -> Exhibit:
    """From screening to randomization, with the trial's own reasons for exclusion."""
    totals = board.ask("enrollment/totals").row(0, named=True)
    failures = totals["screen_failures"]
    flow = [
        ("Screened", totals["screened"]),
        ("Still in screening", totals["in_screening"]),
        ("Screen failures", failures),
        ("Not randomized, outcome not known", totals["not_known"]),
        ("Randomized", totals["randomized"]),
    ]
    reasons = most_first(board.ask("enrollment/screen_failures_by_criterion"), "participants")
    in_words = board.ask("enrollment/screen_failures_by_reason").with_columns(
        sentence_case("reason")
    )
    wording = {item.id.upper(): item for item in board.trial.criteria}
    if totals["not_known"] == 0:
        del flow[3]
    rows = [("flow", label, "", count) for label, count in flow]
    for criterion, count in reasons.rows():
        of_protocol = wording.get(str(criterion).upper())
        label = of_protocol.label if of_protocol else str(criterion)
        kind = f"{criterion}, {of_protocol.kind}" if of_protocol else str(criterion)
        rows.append(("reason", label, kind, count))
    for reason, count in most_first(in_words, "participants").rows():
        rows.append(("reason", reason or "Reason not recorded", "", count))
    table = pl.DataFrame(rows, schema=["part", "step", "criterion", "participants"], orient="row")
    bars = table.filter(pl.col("part") == "reason")
    footnotes = ["A participant can have several reasons, so they may add up to more."]
    if not board.has("IE"):
        footnotes.append(
            "The extract has no dataset IE, so the criteria that were not met are not known. "
            "Ask for IE in the next extract."
        )
    screened = totals["screened"]
    not_known = (
        f"; not randomized, outcome not known: {number(totals['not_known'])}"
        if totals["not_known"] != 0
        else ""
    )

    def draw() -> "go.Figure":
        bar = {
            "type": "bar",
            "y": [in_lines(label) for label in bars["step"]],
            "x": bars["participants"].to_list(),
            "orientation": "h",
            "marker": {"color": QUIET, "pattern": hatch("/")},
            "text": [number(count) for count in bars["participants"]],
            "textposition": "outside",
            "cliponaxis": False,
            "hovertemplate": "%{y}: %{x} of " + number(failures) + "<extra></extra>",
        }
        layout = {
            "yaxis": {"autorange": "reversed", "rangemode": "normal", "showgrid": False},
            "xaxis": counts_axis(bars["participants"], room=1.35),
        }
        height = 130 + 44 * bars.height
        return figure(
            x_title="Screen failures", y_title="", height=height, traces=[bar], layout=layout
        )

    return Exhibit(
        answer=(
            f"{share_of_arm(board, totals['randomized'], screened)} screened participants were "
            f"randomized, {number(failures)} failed screening; still in screening: "
            f"{number(totals['in_screening'])}{not_known}."
        ),
        denominator=f"{number(totals['randomized'])} randomized of {number(screened)} screened",
        numbers=tuple(Number(SHORT.get(label, label), number(count)) for label, count in flow),
        picture=draw if bars.height else None,
        description=f"Why {counted(failures, 'participant')} failed screening, as bars.",
        table=table,
        labels={"step": "Step or reason"},
        footnotes=tuple(footnotes),
        assumptions=board.trial.assumptions("criteria"),
    )


@exhibit(
    page="board-enrollment",
    population="Randomized participants",
    title="Time from screening to randomization",
    method=("Screening is dated by the first of consent and collection of demographics.",),
)
def time_to_randomization(board: Board) -> Exhibit:
    """Days from screening to randomization."""
    days = board.ask("enrollment/days_to_randomization")
    if days.is_empty():
        return Exhibit(
            missing=(
                "No participant has both a date of screening and a date of randomization. "
                "Screening is dated by consent (RFICDTC) or collection of demographics (DMDTC)."
            ),
        )
    summary = board.ask("enrollment/time_to_randomization").row(0, named=True)
    is_enough = has_enough(board, summary["participants"])
    shortest, longest = summary["shortest"], summary["longest"]

    def draw() -> "go.Figure":
        bar = {
            "type": "bar",
            "x": days["days"].to_list(),
            "y": days["participants"].to_list(),
            "marker": {"color": ACCENT},
            "hovertemplate": "%{y} participants after %{x} days<extra></extra>",
        }
        return figure(
            x_title="Days from screening to randomization",
            y_title="Participants",
            height=300,
            traces=[bar],
            layout={"xaxis": {"dtick": 1 if longest - shortest <= 15 else None}},
        )

    return Exhibit(
        answer=f"Half of them were randomized within {counted(summary['median'], 'day')} of "
        "screening."
        if is_enough
        else "",
        denominator=f"{counted(summary['participants'], 'participant')} with both dates",
        picture=draw,
        description=f"Bars of days from {shortest} to {longest}.",
        table=days,
        footnotes=(
            *("Negative days are kept and are findings.",) * (summary["negative"] != 0),
            *too_few_note(board, [summary["participants"]]),
        ),
    )


@exhibit(
    page="board-enrollment",
    population="Randomized participants",
    title="Randomized though ineligible",
    method=("Other criteria cannot be checked from the extract.",),
)
def randomized_though_ineligible(board: Board) -> Exhibit:
    """Participants who were randomized although a criterion was not met."""
    checks = most_first(board.ask("enrollment/randomized_though_ineligible"), "participants")
    randomized = board.ask("enrollment/totals").item(0, "randomized")
    if not randomized:
        return Exhibit(missing=NOBODY)
    limits = [item for item in board.trial.criteria if item.measure is not None]
    checked = ", ".join(item.label for item in limits)
    recorded = (
        "criteria recorded as not met (IE)"
        if board.has("IE")
        else "not the criteria recorded as not met, as the extract has no dataset IE"
    )
    footnote = f"Checked: {recorded}"
    footnote += f"; and against the data: {checked}." if checked else "."
    answer = (
        "Nobody was found who was randomized although a criterion was not met."
        if checks.is_empty()
        else f"{counted(checks.height, 'check')} found participants who were randomized although a "
        "criterion was not met; the query list has them."
    )
    return Exhibit(
        answer=answer,
        denominator=f"of {randomized:,} randomized",
        table=checks,
        labels={"message": "Finding"},
        footnotes=(footnote,),
    )
