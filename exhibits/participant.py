"""What happened to this person?"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import plotly.graph_objects as go
import polars as pl

from access.view import View
from exhibits.exhibit import Exhibit, Maker, Number, exhibit
from exhibits.parts.day_courses import LOG_AXIS
from exhibits.parts.theme import ACCENT, ARM_STYLES, GRID, QUIET, figure, rows_axis, safe
from exhibits.parts.words import NOT_RECORDED, counted, day, decimal, rounded_column
from queries import Board

POPULATION = "One randomized participant"
NOBODY = "Choose a randomized participant."
ENDS = {"died": "Died", "completed": "Completed the study", "left": "Left the study"}
SEXES = {"F": "Woman", "M": "Man"}
LANES = {
    "Visit": (QUIET, "line-ns"),
    "Hospital": ("#8f6d1d", "line-ns"),
    "Respiratory support": (ACCENT, "line-ns"),
    "Other procedure": ("#6a4c93", "line-ns"),
    "Medication": ("#4f7a28", "line-ns"),
    "Dose": ("#d55e00", "star"),
}
# The higher the grade, the darker: read as numbers, too.
GRADES = {1: "#b9cbe0", 2: "#86a5cc", 3: "#4c6fa5", 4: "#2b4a80", 5: "#1c2c52"}
MOST_TESTS = 6
LONGEST_ROW = 26
OXYGENATION = ("pao2_fio2", "oxygen_saturation")
# Gases beside the value of the day are listed and not drawn.
GASES = {
    "pao2_fio2": "PaO2/FiO2",
    "pao2_fio2_lowest": "PaO2/FiO2, lowest of the day",
    "pao2_fio2_other": "PaO2/FiO2, another sample",
}


Person = dict[str, Any]


def _of_participant(make: Callable[[Board, Person], Exhibit]) -> Maker:
    """An exhibit of the chosen participant and who they are; of nobody it says so."""

    @functools.wraps(make)
    def chosen(board: Board) -> Exhibit:
        person = None if board.subject is None else board.ask("profile/about")
        if person is None or person.is_empty():
            return Exhibit(missing=NOBODY)
        return make(board, person.row(0, named=True))

    return chosen


@exhibit(
    page="board-participant",
    population=POPULATION,
    title="Summary",
    method=("Study day 1 is the day of randomization; there is no day 0.",),
)
@_of_participant
def participant_summary(board: Board, person: Person) -> Exhibit:
    """Who a participant is, and where they are in the study."""
    ended = person["ended"]
    when = {
        "died": person["death_date"],
        "completed": person["completion_date"],
        "left": person["leaving_date"],
    }.get(ended)
    status = "In follow-up" if ended is None else f"{ENDS[ended]}, {day(when)}"
    if ended == "left" and person["reason"]:
        status += f" ({str(person['reason']).capitalize()})"
    age = "age not known" if person["age"] is None else f"{person['age']:g} years"
    # The Board says what arms are in its view; one alone is everybody.
    arm = [("Arm", person["arm"])] if len(board.arms) > 1 else []
    facts = [
        ("Site", person["site"]),
        ("Age and sex", f"{age}, {SEXES.get(person['sex'], 'sex not recorded').lower()}"),
        *arm,
        ("Randomized", day(person["day_one"])),
        ("Stratum", person["stratum"] or "–"),
        ("Status", status),
    ]
    serious = NOT_RECORDED if person["serious"] is None else f"{person['serious']:,}"
    return Exhibit(
        answer=f"{SEXES.get(person['sex'], 'Participant')}, {age}. {status}.",
        denominator=str(person["subject"]),
        numbers=(
            *(Number(name, str(value)) for name, value in arm),
            Number("Study day at the cut-off", decimal(person["days_since"], 0)),
            Number(
                "Adverse events",
                f"{person['events']:,}",
                f"serious: {serious}",
            ),
            Number("Major findings open", f"{person['major_findings']:,}"),
        ),
        table=pl.DataFrame(
            {"what": [name for name, _ in facts], "value": [str(value) for _, value in facts]}
        ),
    )


@exhibit(
    page="board-participant",
    population=POPULATION,
    title="Course",
    method=(
        "An arrow: it went on at the data cut-off. Of events the color is the grade, and its "
        "number stands beside. Laboratory results as multiples of the upper limit of normal "
        f"that the extract gives; of the tests the {MOST_TESTS} that rose highest are drawn.",
        "Records without a complete date are not drawn, and doubtful results are not used.",
    ),
)
@_of_participant
def participant_course(board: Board, person: Person) -> Exhibit:
    """Everything about a participant on one time axis: care, events, oxygenation, laboratory."""
    spans = board.ask("profile/spans")
    results = board.ask("profile/results")
    # What is dated later is in the table, and a slip more often than not.
    last = max(person["observed_days"] or 1, 1)
    spans_to_draw = spans.filter(pl.col("first_day") <= last)
    measured = results.filter(pl.col("study_day") <= last)
    later = spans.height + results.height - spans_to_draw.height - measured.height
    if spans.is_empty() and results.is_empty():
        return Exhibit(missing="Nothing about this participant has a date.")
    labels = {measure.name: measure.label for measure in board.trial.measures}
    labels |= GASES
    units = {measure.name: measure.unit for measure in board.trial.measures}
    units |= dict.fromkeys(GASES, "mmHg")
    named = pl.col("measure").replace(labels)
    table = pl.concat(
        [
            spans.select(
                "kind",
                pl.concat_str("name", pl.when(pl.col("grade").is_not_null())
                              .then(pl.format(", grade {}", "grade")).otherwise(pl.lit("")))
                .alias("what"),
                "first_day",
                pl.when("goes_on").then(pl.lit("goes on"))
                .otherwise(pl.col("last_day").cast(pl.String)).alias("last_day"),
            ),
            results.select(
                pl.col("panel").str.to_titlecase().alias("kind"),
                named.alias("what"),
                pl.col("study_day").alias("first_day"),
                rounded_column(results["value"], 3),
                pl.col("measure").replace(units).alias("unit"),
                rounded_column(results["of_upper_limit"], 2),
            ),
        ],
        how="diagonal",
    )  # fmt: skip
    return Exhibit(
        answer=_in_words(spans_to_draw, measured, labels),
        denominator=f"{counted(spans.height, 'record')} with a date, "
        f"{counted(results.height, 'result')}",
        picture=lambda: _course(spans_to_draw, measured, labels, last),
        description="On one axis of study days: visits, stays, respiratory support, procedures and "
        "medication; adverse events by grade; oxygenation; laboratory results as multiples of the "
        "upper limit of normal.",
        table=table,
        labels={
            "first_day": "From study day",
            "last_day": "To study day",
            "of_upper_limit": "× upper limit of normal",
        },
        footnotes=(f"After the end of participation or the cut-off, not drawn: {later:,}.",)
        * bool(later),
    )


def _in_words(spans: pl.DataFrame, results: pl.DataFrame, labels: dict[str, str]) -> str:
    sentences = []
    worst = spans.filter(pl.col("kind") == "Adverse event").sort(
        "grade", "first_day", descending=[True, False], nulls_last=True
    )
    if worst.height:
        first = worst.row(0, named=True)
        grade = "" if first["grade"] is None else f", grade {first['grade']}"
        sentences.append(f"Most severe event: {first['name']}{grade}, day {first['first_day']}.")
    gases = results.filter(pl.col("measure").is_in(list(GASES)))
    if gases.height:
        low = gases.row(int(gases["value"].arg_min() or 0), named=True)
        sentences.append(
            f"Lowest {labels['pao2_fio2']} {decimal(low['value'], 0)} mmHg, day {low['study_day']}."
        )
    return " ".join(sentences) or "No event and no blood gas is recorded."


def _course(
    spans: pl.DataFrame, results: pl.DataFrame, labels: dict[str, str], last: int
) -> "go.Figure":
    """Panels above each other over one axis: care, events, oxygenation, laboratory."""
    care = [name for name in LANES if (spans["kind"] == name).any()]
    lanes: list[tuple[str, str]] = []
    for kind in care:
        names = spans.filter(pl.col("kind") == kind)["name"].unique(maintain_order=True)
        lanes += [(kind, "")] if kind in ("Visit", "Dose") else [(kind, name) for name in names]
    events = spans.filter(pl.col("kind") == "Adverse event")
    gases = results.filter(pl.col("measure").is_in(OXYGENATION))
    tests = results.filter(pl.col("panel") == "laboratory")
    weights = [
        22.0 * len(lanes),
        24.0 * events.height,
        190.0 if gases.height else 0.0,
        220.0 if tests.height else 0.0,
    ]
    shown = [place for place, weight in enumerate(weights) if weight]
    gap = 34.0
    total = sum(weights) + gap * (len(shown) - 1)
    drawn = figure(x_title="Study day", y_title="", height=int(total) + 130)
    top = 1.0
    domains: dict[int, list[float]] = {}
    for place in shown:
        bottom = top - weights[place] / total
        domains[place] = [max(0.0, bottom), top]
        top = bottom - gap / total
    for number, place in enumerate(shown, start=1):
        axis = {"domain": domains[place], "gridcolor": GRID, "automargin": True, "zeroline": False}
        ref = "y" if number == 1 else f"y{number}"
        if place == 0:
            axis |= _draw_lanes(drawn, spans, lanes, ref, last)
        elif place == 1:
            axis |= _draw_events(drawn, events, ref, last)
        elif place == 2:
            named = {name: labels[name] for name in OXYGENATION if name in labels}
            _draw_lines(drawn, gases, "value", ref, named)
            axis["title"] = {"text": "PaO2/FiO2, mmHg;<br>SpO2, %"}
        else:
            highest = (
                tests.group_by("measure")
                .agg(pl.col("of_upper_limit").max())
                .sort("of_upper_limit", "measure", descending=[True, False])
                .head(MOST_TESTS)["measure"]
            )
            named = {name: labels.get(name, name) for name in highest}
            _draw_lines(drawn, tests, "of_upper_limit", ref, named)
            axis |= LOG_AXIS | {"title": {"text": "× upper limit<br>of normal"}}
        drawn.update_layout({f"yaxis{'' if number == 1 else number}": axis})
    drawn.update_layout(
        xaxis={
            "anchor": f"y{len(shown)}" if len(shown) > 1 else "y",
            "range": [min(-1, _first_day(spans, results)) - 1, last + 1],
        },
        showlegend=bool(gases.height or tests.height),
        legend={"y": -0.08, "yanchor": "top"},
    )
    return drawn


def _first_day(spans: pl.DataFrame, results: pl.DataFrame) -> int:
    days = [spans["first_day"].min(), results["study_day"].min()]
    return max(-30, min((int(value) for value in days if isinstance(value, int)), default=1))


def _draw_lanes(
    drawn: "go.Figure", spans: pl.DataFrame, lanes: list[tuple[str, str]], ref: str, last: int
) -> dict[str, Any]:
    for row, (kind, name) in enumerate(lanes):
        color, symbol = LANES[kind]
        here = spans.filter(pl.col("kind") == kind)
        if name:
            here = here.filter(pl.col("name") == name)
        for span in here.iter_rows(named=True):
            _draw_span(drawn, span, last, row, ref, color=color, symbol=symbol, width=8)
    return _rows([name or kind for kind, name in lanes])


def _draw_events(drawn: "go.Figure", events: pl.DataFrame, ref: str, last: int) -> dict[str, Any]:
    names = []
    for row, event in enumerate(events.iter_rows(named=True)):
        grade = "" if event["grade"] is None else f" ({event['grade']})"
        names.append(f"{event['name']}{grade}{' ●' if event['is_serious'] else ''}")
        color = GRADES.get(event["grade"], QUIET)
        _draw_span(drawn, event, last, row, ref, color=color, symbol="square", width=12)
    return _rows(names)


def _draw_span(
    drawn: "go.Figure",
    span: dict[str, Any],
    last: int,
    row: int,
    ref: str,
    *,
    color: str,
    symbol: str,
    width: int,
) -> None:
    """What lasted, as a line on its row; no further than to the last day of the axis."""
    first, goes_on = span["first_day"], span["goes_on"]
    last = last if goes_on else min(span["last_day"] or first, last)
    text = f"{span['name']}: day {first}" + (f" to {last}" if last != first and not goes_on else "")
    drawn.add_trace(
        go.Scatter(
            x=[first, last],
            y=[row, row],
            yaxis=ref,
            mode="lines+markers",
            line={"color": color, "width": width},
            marker={
                "color": color,
                "size": [width, 13 if goes_on else width],
                "symbol": [
                    symbol if last == first else "square",
                    "triangle-right" if goes_on else "square",
                ],
                "line": {"color": color, "width": 2},
            },
            showlegend=False,
            hovertemplate=safe(text + (", goes on" if goes_on else "")) + "<extra></extra>",
        )
    )


def _rows(names: list[str]) -> dict[str, Any]:
    short = [name if len(name) <= LONGEST_ROW else f"{name[: LONGEST_ROW - 1]}…" for name in names]
    return rows_axis([safe(name) for name in short]) | {"showgrid": False}


def _draw_lines(
    drawn: "go.Figure",
    results: pl.DataFrame,
    column: str,
    ref: str,
    measures: Mapping[str, str],
) -> None:
    """A line for each measure, named by its words."""
    dashes = ("solid", "dash", "dot", "dashdot")
    for place, (measure, words) in enumerate(measures.items()):
        rows = results.filter(pl.col("measure") == measure, pl.col(column).is_not_null())
        if rows.is_empty():
            continue
        style = ARM_STYLES[place % len(ARM_STYLES)]
        drawn.add_trace(
            go.Scatter(
                x=rows["study_day"].to_list(),
                y=rows[column].to_list(),
                yaxis=ref,
                mode="lines+markers",
                name=safe(words),
                line={
                    "color": style.color,
                    "dash": dashes[(place + place // len(ARM_STYLES)) % len(dashes)],
                },
                marker={"symbol": style.symbol, "color": style.color, "size": 7},
                hovertemplate="Day %{x}: %{y:.3~g}<extra>" + safe(words) + "</extra>",
            )
        )


def _listing(rows: pl.DataFrame, noun: str, answer: str, nothing: str) -> Exhibit:
    """Rows of a participant: how many they are and what `answer` says of them, or `nothing`."""
    count = counted(rows.height, noun)
    return Exhibit(
        answer=f"{count} {answer}" if rows.height else nothing, denominator=count, table=rows
    )


@exhibit(
    page="board-participant",
    population=POPULATION,
    title="Adverse events",
    method=("Dates as received; a date in part stays so.",),
)
@_of_participant
def participant_events(board: Board, _: Person) -> Exhibit:
    """The adverse events of a participant since randomization."""
    rows = board.ask("profile/events").with_columns(pl.col("outcome").str.to_lowercase())
    return replace(
        _listing(rows, "event", "since randomization.", "No event is recorded."),
        labels={"seriousness": "Serious"},
    )


@exhibit(
    page="board-participant",
    population=POPULATION,
    title="Open findings",
    method=("Severity: major ones could change how safety is read.",),
)
@_of_participant
def participant_findings(board: Board, _: Person) -> Exhibit:
    """What was found wrong with the records of a participant, and still stands."""
    rows = board.ask("profile/findings")
    return replace(
        _listing(
            rows, "finding", "stands." if rows.height == 1 else "stand.", "No finding stands."
        ),
        labels={"domain": "Dataset", "value": "As received", "message": "Finding"},
    )


@exhibit(
    page="board-participant",
    least_view=View.UNBLINDED,
    population=POPULATION,
    title="Doses",
    method=("As recorded in exposure; unblinded, as one arm may have none.",),
)
@_of_participant
def participant_doses(board: Board, _: Person) -> Exhibit:
    """The doses of a participant, when they were given, and why not."""
    rows = board.ask("treatment/doses_of_participant")
    given = pl.when("is_given").then(pl.lit("yes")).otherwise(pl.lit("no")).alias("is_given")
    return replace(
        _listing(
            rows.with_columns(given),
            "dose",
            f"recorded, {int(rows['is_given'].sum()):,} given.",
            "No dose is recorded.",
        ),
        labels={
            "start_date": "Date",
            "is_given": "Given",
            "days_since": "Days before the cut-off",
        },
    )


@exhibit(
    page="board-participant",
    least_view=View.UNBLINDED,
    population=POPULATION,
    title="Adverse events since a dose",
    method=(
        "Since the last dose that was given before the event; one that began on the day of a "
        "dose counts as after it where one of the two times is not known. Hours where both are "
        "recorded to the minute. Within a day: 24 hours, or else the same or the next day.",
    ),
)
@_of_participant
def participant_events_since_dose(board: Board, _: Person) -> Exhibit:
    """How long after a dose each adverse event of a participant began."""
    rows = board.ask("treatment/events_since_dose_of_participant")
    within = rows.filter(pl.coalesce(pl.col("hours") / 24, pl.col("days")) <= 1).height
    return replace(
        _listing(
            rows.with_columns(rounded_column(rows["hours"], 1)),
            "event",
            f"began at a dose or later, {within:,} of them within a day of it.",
            "No event with a date began at a dose or later.",
        ),
        labels={"dose": "After dose", "days": "Days since", "hours": "Hours since"},
    )
