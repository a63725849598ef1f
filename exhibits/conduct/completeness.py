"""Is the data complete and in time? Against the schedule that is common to all arms."""

from typing import Any

import plotly.graph_objects as go
import polars as pl

from exhibits.exhibit import Exhibit, Number, exhibit, most_first
from exhibits.parts.populations import in_all, nobody_randomized
from exhibits.parts.theme import (
    ACCENT,
    MISSING_SCALE,
    QUIET,
    ArmStyle,
    arm_style,
    axis_names,
    figure,
    in_lines,
    safe,
)
from exhibits.parts.together import left_out, members, shown, with_names
from exhibits.parts.words import counted, day, decimal, number, rounded_column, sentence_case, share
from queries import TOGETHER, Board, NotShownError, too_few

DATASETS = {
    "AE": "Adverse events (AE)",
    "CM": "Medication (CM)",
    "CP": "Cell phenotypes (CP)",
    "DS": "Disposition (DS)",
    "DV": "Deviations (DV)",
    "EG": "ECG (EG)",
    "HO": "Stays in hospital (HO)",
    "LB": "Laboratory (LB)",
    "PR": "Procedures (PR)",
    "QS": "Questionnaires (QS)",
    "RE": "Respiratory (RE)",
    "RS": "Clinical scales (RS)",
    "SS": "Vital status (SS)",
    "SV": "Visits (SV)",
    "VS": "Vital signs (VS)",
}
DUE = (
    "Due: the visit's window had closed by the data cut-off, and the participant was alive and in "
    "the study on its day."
)
NOT_OPENED = (
    "How the study ended is that of the latest disposition about taking part; one about study "
    "treatment is none. That somebody left is open, and why is sealed: pooled, reasons are counts "
    "of the whole trial, and those that are few, or that the trial definition does not open, are "
    "counted together."
)
WEEKS = ("under 1", "1 to 2", "2 to 3", "3 to 4", "4 and more")  # since a window closed


def planned_results(board: Board) -> list[dict[str, Any]]:
    """Which measure is planned at which visit, of datasets that the extract has.

    For a limited role those that are planned at every visit: between what is due at some visits and
    at others lies how many died or left in between.
    """
    plan = _planned_results(board)
    if not board.is_limited:
        return plan
    visits = (
        pl.DataFrame(plan or NOTHING_PLANNED)
        .group_by("measure")
        .agg(is_everywhere=(pl.len() == len(board.trial.schedule)) & ~pl.col("in_hospital").any())
    )
    everywhere = set(visits.filter("is_everywhere")["measure"])
    return [item for item in plan if item["measure"] in everywhere]


def _planned_results(board: Board) -> list[dict[str, Any]]:
    measures = {measure.name: measure for measure in board.trial.measures}
    visits = {visit.visit.casefold(): visit.number for visit in board.trial.schedule}
    there = {measure.domain for measure in measures.values() if board.has(measure.domain)}
    stays_known = board.has("HO")
    planned = {
        (visits[visit.casefold()], name): assessment.in_hospital
        for assessment in board.trial.assessments
        if stays_known or not assessment.in_hospital
        for visit in assessment.visits or visits
        for name in assessment.measures
        if measures[name].domain in there
    }
    return [
        {
            "number": number,
            "domain": measures[name].domain,
            "measure": name,
            "in_hospital": in_hospital,
        }
        for (number, name), in_hospital in sorted(planned.items())
    ]


def visits_in_all(board: Board) -> pl.DataFrame:
    """Due and received visits of each arm of this view.

    Raises:
        NotShownError: so few were not received, or not due any more, that they are not told.
    """
    totals = board.ask("conduct/visits_in_all")
    if totals["received"].null_count():
        raise NotShownError(too_few(board.trial.blinding.smallest_cell))
    return totals


def results_due(board: Board, plan: list[dict[str, Any]]) -> tuple[pl.DataFrame, list[str]]:
    """Due and received results by measure and arm, and the measures that are left out.

    A measure of which there is no result at all is not in the extract, and not counted as zero.
    """
    rows = board.ask("conduct/measures", plan=plan)
    totals = rows.group_by("measure", maintain_order=True).agg(pl.col("received").max())
    absent = totals.filter(pl.col("received") == 0)["measure"].to_list()
    return rows.filter(~pl.col("measure").is_in(absent)), absent


def _percentages(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with the share of what was due that was received, in percent."""
    received = 100 * rows["received"] / rows["due"]
    return rows.drop("ended").with_columns(rounded_column(received, 1).alias("received_percent"))


def _labels(received: str) -> dict[str, str]:
    """What the columns are called where there is a word for what is received."""
    return {
        "received": received,
        "outstanding": f"Not {received.lower()}",
        "received_percent": f"{received} (%)",
    }


def _dots(
    series: list[tuple[str, ArmStyle, pl.DataFrame]], names: list[str], x_title: str
) -> "go.Figure":
    """One dot for each row and series: the share that was received of what was due.

    Args:
        series: words, style and rows with `name`, `due`, `received`, `received_percent`.
        names: of the rows, from above.
    """
    lines = max((name.count("<br>") + 1 for name in names), default=1)
    lowest, traces = 100.0, []
    for words, style, rows in series:
        shown = rows.filter(pl.col("received_percent").is_not_null())
        lowest = min([lowest, *shown["received_percent"]])
        traces.append(
            {
                "y": shown["name"].to_list(),
                "x": shown["received_percent"].to_list(),
                "customdata": [share(*counts) for counts in shown.select("received", "due").rows()],
                "mode": "markers",
                "name": safe(words),
                "marker": {"color": style.color, "symbol": style.symbol, "size": 11},
                "hovertemplate": "%{y}: %{customdata}<extra></extra>",
                "showlegend": len(series) > 1,
            }
        )
    layout = {
        "yaxis": {
            "type": "category",
            "categoryorder": "array",
            "categoryarray": names[::-1],
            "range": [-0.6, len(names) - 0.4],
            "rangemode": "normal",
            "tickmode": "array",
            "tickvals": names,
        },
        # Of dots the place counts and no length, so the axis need not begin at zero.
        "xaxis": {"range": [max(0, 10 * ((lowest - 5) // 10)), 102], "ticksuffix": " %"},
    }
    height = 150 + max(27, 20 * lines) * len(names)
    return figure(x_title=x_title, y_title="", height=height, traces=traces, layout=layout)


@exhibit(
    page="board-conduct",
    title="Visits received",
    data=("SV",),
    method=(
        DUE,
        NOT_OPENED,
    ),
)
def visits_received(board: Board) -> Exhibit:
    """Visits that were due by the cut-off, and recorded, in each arm of this view."""
    if (nothing := nobody_randomized(board)) is not None:
        return nothing
    totals = visits_in_all(board)
    due, received = in_all(totals["due"]), in_all(totals["received"])
    if not due:
        return Exhibit(missing="No visit was due by the data cut-off.")
    by_visit = shown(board, "conduct/visits_by_visit")
    visits = None if by_visit is None else _percentages(by_visit)

    def draw(visits: pl.DataFrame) -> "go.Figure":
        rows = visits.with_columns(name=sentence_case("visit"))
        return _dots(
            [
                (str(arm), arm_style(position), rows.filter(pl.col("arm") == arm))
                for arm, position in totals.select("arm", "position").rows()
            ],
            rows["name"].unique(maintain_order=True).to_list(),
            "Recorded of those due",
        )

    return Exhibit(
        answer=f"{share(received, due)} visits that were due are recorded.",
        denominator=f"{due:,} due visits",
        numbers=tuple(
            Number(str(arm), share(got, of), "visits recorded of those due")
            for arm, of, got in totals.select("arm", "due", "received").rows()
        ),
        picture=None if visits is None else lambda: draw(visits),
        description="A dot for each visit of the schedule and arm of this view: the share that is "
        "recorded.",
        table=None if visits is None else visits.drop("position"),
        labels={} if visits is None else _labels("Recorded"),
        footnotes=(NOT_BY_VISIT,) if visits is None else (),
        assumptions=board.trial.assumptions("schedule"),
    )


@exhibit(page="board-conduct", title="Visits received by site", data=("SV",), method=(DUE,))
def visits_by_site(board: Board) -> Exhibit:
    """Visits that were due by the cut-off, and recorded, by site."""
    if (nothing := nobody_randomized(board)) is not None:
        return nothing
    answer = board.ask("conduct/visits_by_site")
    if answer.is_empty():
        return Exhibit(missing="No visit was due by the data cut-off.")
    number_of_sites = sum(map(len, members(answer, "site")))
    sites = _percentages(
        most_first(with_names(answer, "site", is_range=True), "outstanding", "due")
    )
    drawn = sites.head(25)
    names = axis_names(drawn["site"].to_list())
    return Exhibit(
        denominator=f"{sites['due'].sum():,} due visits of {counted(number_of_sites, 'site')}"
        + (
            f"; the {drawn.height} sites with the most that are not recorded are drawn"
            if sites.height > drawn.height
            else ""
        ),
        picture=lambda: _dots(
            [("All participants", arm_style(1), drawn.with_columns(name=pl.Series(names)))],
            names,
            "Recorded of those due",
        ),
        description=f"A dot for each row of {counted(number_of_sites, 'site')}, the most visits "
        "that are not recorded first.",
        table=sites,
        labels=_labels("Recorded"),
        assumptions=board.trial.assumptions("schedule"),
    )


@exhibit(
    page="board-conduct",
    title="Results received by test",
    method=(
        DUE + " A result counts as received also where it cannot be used, which is a finding.",
        NOT_OPENED,
    ),
)
def results_received(board: Board) -> Exhibit:
    """Results that were due by the cut-off, and received, by test, in each arm of this view."""
    if (nothing := nobody_randomized(board)) is not None:
        return nothing
    plan = planned_results(board)
    if not plan:
        return Exhibit(missing=_nothing_planned(board))
    results, not_there = results_due(board, plan)
    rows = _percentages(results)
    if rows.is_empty() and not not_there:
        return Exhibit(missing="No result was due by the data cut-off.")
    labels = {measure.name: measure.label for measure in board.trial.measures}
    planned = dict.fromkeys(str(item["measure"]) for item in plan)
    few = (
        left_out((name for name in planned if name not in not_there), results, "measure", labels)
        if board.is_limited
        else ()
    )
    rows = with_names(rows, "measure", pl.col("measure").replace_strict(labels)).rename(
        {"measure": "name"}
    )
    absent = [labels[name] for name in not_there]
    due, received = in_all(rows["due"]), in_all(rows["received"])
    drawn = rows.with_columns(
        name=pl.Series([in_lines(name, 22) for name in rows["name"]], dtype=pl.String)
    )
    return Exhibit(
        answer=f"{share(received, due)} results that were due are in the extract.",
        denominator=f"{number(due)} due results",
        picture=lambda: _dots(
            [
                (arm, arm_style(place), drawn.filter(pl.col("arm") == arm))
                for place, arm in enumerate(board.arms, start=1)
            ],
            drawn["name"].unique(maintain_order=True).to_list(),
            "Received of those due",
        ),
        description="A dot for each test and arm of this view: the share that was received.",
        table=rows.select(
            "domain", "name", "arm", "due", "received", "outstanding", "received_percent"
        ),
        labels={"domain": "Dataset", "name": "Test"} | _labels("Received"),
        footnotes=(
            *_planned_in_part_note(board),
            *few,
            *(
                (f"No result in the extract, and not counted: {', '.join(absent)}.",)
                if absent
                else ()
            ),
        ),
        assumptions=board.trial.assumptions("schedule", "assessments"),
    )


def _nothing_planned(board: Board) -> str:
    if not board.trial.assessments:
        return (
            "The trial definition does not say which tests are planned at which visits: name them "
            "under [[assessments]]."
        )
    return (
        "The extract has none of the datasets whose results are planned, such as LB and VS, so "
        "nothing can be held against the schedule. Ask for them in the next extract."
    )


def _planned_in_part_note(board: Board) -> tuple[str, ...]:
    """A footnote about what is planned in hospital alone; for a limited role, at some visits."""
    labels = {measure.name: measure.label for measure in board.trial.measures}
    names = [
        labels[name]
        for assessment in board.trial.assessments
        if assessment.in_hospital
        for name in assessment.measures
    ]
    if board.is_limited:
        return (
            "Tests that are planned at every visit. The others are not counted: between what is "
            "due at some visits and at others lies how many died or left in between.",
        )
    if not names:
        return ()
    if board.has("HO"):
        return (
            "Planned in hospital, and due to whoever was there on the day, as HO says: "
            f"{', '.join(names)}.",
        )
    return (
        f"Planned in hospital only, and not counted here, as the extract has no dataset HO that "
        f"says who was in hospital: {', '.join(names)}.",
    )


@exhibit(
    page="board-conduct",
    title="Data lag",
    data=("SV",),
    method=(
        DUE + " Of results (LB, VS, …) a visit counts as received with any planned result. When a "
        "record arrived is in no extract: a share that grows with the weeks says how late they "
        "come.",
    ),
)
def data_lag(board: Board) -> Exhibit:
    """How long after a visit its records arrive: what was received, by weeks since it was due."""
    if (nothing := nobody_randomized(board)) is not None:
        return nothing
    plan = planned_results(board)
    answer = board.ask("conduct/lag", plan=plan or NOTHING_PLANNED)
    if answer.is_empty():
        return Exhibit(missing="No visit was due by the data cut-off.")
    spans = [(int(part[0] or 0), int(part[-1] or 0)) for part in members(answer, "weeks")]
    weeks = _percentages(answer).with_columns(
        since=pl.Series([_weeks_in_words(*span) for span in spans])
    )
    datasets = weeks["dataset"].unique(maintain_order=True).to_list()
    # What is shown together fills all of its cells, and is written in the first.
    cells = {
        (dataset, week): (
            percent,
            f"{decimal(percent, 0)} %" if week == first else "",
            f"{since} weeks: {share(received, due)}",
        )
        for (first, last), (dataset, since, percent, received, due) in zip(
            spans,
            weeks.select("dataset", "since", "received_percent", "received", "due").rows(),
            strict=True,
        )
        for week in range(first, last + 1)
        if percent is not None
    }
    grid = [
        [cells.get((dataset, week), (None, "", "")) for week in range(len(WEEKS))]
        for dataset in datasets
    ]
    fresh = weeks.filter(pl.col("weeks") == 0, pl.col("dataset") == "SV")

    def draw() -> "go.Figure":
        heatmap = {
            "type": "heatmap",
            "x": list(WEEKS),
            "y": [DATASETS[dataset] for dataset in datasets],
            "z": [[cell[0] for cell in row] for row in grid],
            "text": [[cell[1] for cell in row] for row in grid],
            "customdata": [[cell[2] for cell in row] for row in grid],
            "texttemplate": "%{text}",
            "hovertemplate": "%{y}, %{customdata}<extra></extra>",
            "hoverongaps": False,
            "colorscale": MISSING_SCALE,
            "zmin": 0,
            "zmax": 100,
            "showscale": False,
            "xgap": 2,
            "ygap": 2,
        }
        plain = {"type": "category", "showgrid": False}
        return figure(
            x_title="Weeks since due",
            y_title="",
            height=150 + 40 * len(datasets),
            traces=[heatmap],
            layout={
                "xaxis": plain,
                "yaxis": plain | {"autorange": "reversed", "rangemode": "normal"},
            },
        )

    return Exhibit(
        answer=_fresh_in_words(fresh),
        denominator="visits that were due by the data cut-off",
        picture=draw,
        description="A row for each dataset: the share that was received, by weeks since due.",
        table=weeks.select(
            "dataset", "since", "due", "received", "outstanding", "received_percent"
        ),
        labels={"since": "Weeks since due"} | _labels("Received"),
        footnotes=left_out(
            ["SV", *dict.fromkeys(str(item["domain"]) for item in plan)],
            answer.drop(TOGETHER),
            "dataset",
            DATASETS,
        )
        if board.is_limited
        else (),
        assumptions=board.trial.assumptions("schedule", "assessments"),
    )


def _weeks_in_words(first: int, last: int) -> str:
    """`under 1`, `1 to 2`, `2 and more`: full weeks since a window closed, from and to."""
    if last == len(WEEKS) - 1:
        return f"{first} and more" if first else "any"
    return f"{first} to {last + 1}" if first else f"under {last + 1}"


def _fresh_in_words(fresh: pl.DataFrame) -> str:
    """What is recorded of the visits that were due last."""
    if fresh.is_empty():
        return "The window of no visit closed in the week before the data cut-off."
    received, due, since = fresh.select("received", "due", "since").row(0)
    when = (
        "in the week before the data cut-off"
        if since == WEEKS[0]
        else "before the data cut-off"
        if since == "any"
        else f"{since} weeks before the data cut-off"
    )
    return f"Recorded, of visits whose window closed {when}: {share(received, due)}."


# For a limited role, where visits of the schedule lie too near to each other.
NOT_BY_VISIT = (
    "Visits are counted together: from one to the next the number due falls by so few that it "
    "would tell who died or left."
)

# A plan that matches no visit; a question has to be told the names of a plan.
NOTHING_PLANNED = [{"number": -1.0, "domain": "", "measure": "", "in_hospital": False}]


@exhibit(
    page="board-conduct",
    population="All screened participants",
    title="Latest records",
    method=(
        "By when something happened, not by when it was entered, which no extract says. A site "
        "whose recruitment is over falls behind without being late. Dates after the cut-off "
        "are findings and not counted.",
    ),
)
def latest_records(board: Board) -> Exhibit:
    """The latest date in each dataset against the data cut-off, by site."""
    if board.is_limited:
        return Exhibit(missing="A latest date is that of one participant: not for your role.")
    records = board.ask("conduct/latest_records")
    if records.is_empty():
        return Exhibit(missing="No dated record is in the extract.")
    names = list(records["dataset"].unique(maintain_order=True))
    latest = {
        name: int(str(records.filter(pl.col("dataset") == name)["days_before_cutoff"].min()))
        for name in names
    }
    words = [DATASETS[name] for name in names]
    sites = records.with_columns(name=pl.col("dataset").replace_strict(DATASETS))
    absent = [name for name in DATASETS if not board.has(name)]
    cutoff = day(board.snapshot.manifest.cutoff)

    def draw() -> "go.Figure":
        bar = {"color": QUIET, "symbol": "line-ns-open", "size": 15, "line": {"width": 2}}
        of_sites = {
            "y": sites["name"].to_list(),
            "x": sites["days_before_cutoff"].to_list(),
            "customdata": [safe(site) for site in sites["site"]],
            "mode": "markers",
            "name": "One site",
            "marker": bar,
            "text": [counted(days, "day") for days in sites["days_before_cutoff"]],
            "hovertemplate": "%{y}, site %{customdata}: %{text} before<extra></extra>",
        }
        of_all = {
            "y": words,
            "x": list(latest.values()),
            "mode": "markers",
            "name": "All sites",
            "marker": {"color": ACCENT, "symbol": "diamond", "size": 12},
            "text": [counted(days, "day") for days in latest.values()],
            "hovertemplate": "%{y}: %{text} before<extra></extra>",
        }
        return figure(
            x_title="Days before data cut-off",
            y_title="",
            height=150 + 44 * len(names),
            traces=[of_sites, of_all],
            layout={
                "yaxis": {"autorange": "reversed", "type": "category", "rangemode": "normal"},
                "xaxis": {"rangemode": "tozero"},
            },
        )

    return Exhibit(
        denominator=f"{counted(len(names), 'dataset')}, "
        f"{counted(records['site'].n_unique(), 'site')}; data cut-off {cutoff}",
        picture=draw,
        description="A mark for each dataset and site: days from its latest record to the cut-off.",
        table=records,
        labels={
            "participants": "Participants with a record",
            "latest": "Latest record",
            "days_before_cutoff": "Days before the cut-off",
        },
        footnotes=(f"Not in the extract: {', '.join(absent)}.",) if absent else (),
    )
