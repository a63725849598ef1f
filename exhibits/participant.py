"""What happened to this person?"""

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
import polars as pl

from access.view import View
from exhibits.exhibit import Exhibit, Number, exhibit
from exhibits.parts.day_courses import LOG_AXIS
from exhibits.parts.theme import ACCENT, ARM_STYLES, GRID, QUIET, figure, rows_axis, safe
from exhibits.parts.words import counted, day, decimal
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


def _about(board: Board) -> dict[str, Any] | None:
    if board.subject is None:
        return None
    found = board.ask("profile/about")
    return None if found.is_empty() else found.row(0, named=True)


@exhibit(
    page="board-participant",
    population=POPULATION,
    title="Summary",
    method=("Study day 1 is the day of randomization; there is no day 0.",),
)
def participant_summary(board: Board) -> Exhibit:
    """Who a participant is, and where they are in the study."""
    person = _about(board)
    if person is None:
        return Exhibit(missing=NOBODY)
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
    return Exhibit(
        answer=f"{SEXES.get(person['sex'], 'Participant')}, {age}. {status}.",
        denominator=str(person["subject"]),
        numbers=(
            *(Number(name, str(value)) for name, value in arm),
            Number("Study day at the cut-off", decimal(person["days_since"], 0)),
            Number("Adverse events", f"{person['events']:,}", f"serious: {person['serious']:,}"),
            Number("Major findings open", f"{person['major_findings']:,}"),
        ),
        table=pl.DataFrame(
            {"what": [name for name, _ in facts], "value": [str(value) for _, value in facts]}
        ),
        labels={"what": "What", "value": "Value"},
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
def participant_course(board: Board) -> Exhibit:
    """Everything about a participant on one time axis: care, events, oxygenation, laboratory."""
    person = _about(board)
    if person is None:
        return Exhibit(missing=NOBODY)
    spans = board.ask("profile/spans")
    results = board.ask("profile/results")
    # What is dated later is in the table, and a slip more often than not.
    last = max(person["observed_days"] or 1, 1)
    drawn = spans.filter(pl.col("first_day") <= last)
    measured = results.filter(pl.col("study_day") <= last)
    later = spans.height + results.height - drawn.height - measured.height
    if spans.is_empty() and results.is_empty():
        return Exhibit(missing="Nothing about this participant has a date.")
    labels = {measure.name: measure.label for measure in board.trial.measures}
    labels["pao2_fio2"] = "PaO2/FiO2"
    units = {measure.name: measure.unit for measure in board.trial.measures} | {"pao2_fio2": "mmHg"}
    named = pl.col("measure").replace(labels)
    table = pl.concat(
        [
            spans.select(
                pl.col("kind"),
                pl.concat_str("name", pl.when(pl.col("grade").is_not_null())
                              .then(pl.format(", grade {}", "grade")).otherwise(pl.lit("")))
                .alias("what"),
                "first_day",
                pl.when("goes_on").then(pl.lit("goes on"))
                .otherwise(pl.col("last_day").cast(pl.String)).alias("last_day"),
                pl.lit(None, dtype=pl.Float64).alias("value"),
                pl.lit(None, dtype=pl.String).alias("unit"),
                pl.lit(None, dtype=pl.Float64).alias("of_upper_limit"),
            ),
            results.select(
                pl.col("panel").str.to_titlecase().alias("kind"),
                named.alias("what"),
                pl.col("study_day").alias("first_day"),
                pl.lit(None, dtype=pl.String).alias("last_day"),
                pl.col("value").round(3),
                pl.col("measure").replace(units).alias("unit"),
                pl.col("of_upper_limit").round(2),
            ),
        ]
    )  # fmt: skip
    return Exhibit(
        answer=_in_words(drawn, measured, labels),
        denominator=f"{counted(spans.height, 'record')} with a date, "
        f"{counted(results.height, 'result')}",
        picture=lambda: _course(drawn, measured, labels, last),
        description="On one axis of study days: visits, stays, respiratory support, procedures and "
        "medication; adverse events by grade; oxygenation; laboratory results as multiples of the "
        "upper limit of normal.",
        table=table,
        labels={
            "kind": "Kind",
            "what": "What",
            "first_day": "From study day",
            "last_day": "To study day",
            "value": "Value",
            "unit": "Unit",
            "of_upper_limit": "× upper limit of normal",
        },
        footnotes=(
            *(
                (f"After the end of participation or the cut-off, not drawn: {later:,}.",)
                * bool(later)
            ),
        ),
    )


def _in_words(spans: pl.DataFrame, results: pl.DataFrame, labels: dict[str, str]) -> str:
    said = []
    worst = spans.filter(pl.col("kind") == "Adverse event").sort(
        "grade", "first_day", descending=[True, False], nulls_last=True
    )
    if worst.height:
        first = worst.row(0, named=True)
        grade = "" if first["grade"] is None else f", grade {first['grade']}"
        said.append(f"Most severe event: {first['name']}{grade}, day {first['first_day']}.")
    gases = results.filter(pl.col("measure") == "pao2_fio2")
    if gases.height:
        low = gases.row(int(gases["value"].arg_min() or 0), named=True)
        said.append(
            f"Lowest {labels['pao2_fio2']} {low['value']:.0f} mmHg, day {low['study_day']}."
        )
    return " ".join(said) or "No event and no blood gas is recorded."


def _course(
    spans: pl.DataFrame, results: pl.DataFrame, labels: dict[str, str], last: int
) -> go.Figure:
    """Panels above each other over one axis: care, events, oxygenation, laboratory."""
    care = [name for name in LANES if (spans["kind"] == name).any()]
    lanes: list[tuple[str, str]] = []
    for kind in care:
        names = spans.filter(pl.col("kind") == kind)["name"].unique(maintain_order=True)
        lanes += [(kind, "")] if kind in ("Visit", "Dose") else [(kind, name) for name in names]
    events = spans.filter(pl.col("kind") == "Adverse event")
    gases = results.filter(pl.col("panel") == "oxygenation")
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
    drawn: go.Figure, spans: pl.DataFrame, lanes: list[tuple[str, str]], ref: str, last: int
) -> dict[str, Any]:
    for row, (kind, name) in enumerate(lanes):
        color, symbol = LANES[kind]
        here = spans.filter(pl.col("kind") == kind)
        if name:
            here = here.filter(pl.col("name") == name)
        for span in here.iter_rows(named=True):
            end = last if span["goes_on"] else min(span["last_day"] or span["first_day"], last)
            _draw_span(
                drawn, (span["first_day"], end), row, ref, color,
                name=span["name"], goes_on=span["goes_on"],
                symbol=symbol, width=8,
            )  # fmt: skip
    names = [name or kind for kind, name in lanes]
    return _rows(names)


def _draw_events(drawn: go.Figure, events: pl.DataFrame, ref: str, last: int) -> dict[str, Any]:
    names = []
    for row, event in enumerate(events.iter_rows(named=True)):
        grade = "" if event["grade"] is None else f" ({event['grade']})"
        names.append(f"{event['name']}{grade}{' ●' if event['is_serious'] else ''}")
        end = last if event["goes_on"] else min(event["last_day"] or event["first_day"], last)
        _draw_span(
            drawn, (event["first_day"], end), row, ref, GRADES.get(event["grade"], QUIET),
            name=event["name"], goes_on=event["goes_on"], symbol="square", width=12,
        )  # fmt: skip
    return _rows(names)


def _draw_span(
    drawn: go.Figure,
    days: tuple[int, int],
    row: int,
    ref: str,
    color: str,
    *,
    name: str,
    goes_on: bool,
    symbol: str,
    width: int,
) -> None:
    first, last = days
    text = f"{name}: day {first}" + (f" to {last}" if last != first and not goes_on else "")
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
    drawn: go.Figure,
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


@exhibit(
    page="board-participant",
    population=POPULATION,
    title="Adverse events",
    method=("Dates as received; a date in part stays so.",),
)
def participant_events(board: Board) -> Exhibit:
    """The adverse events of a participant since randomization."""
    if _about(board) is None:
        return Exhibit(missing=NOBODY)
    rows = board.ask("profile/events")
    return Exhibit(
        answer=f"{counted(rows.height, 'event')} since randomization."
        if rows.height
        else "No event is recorded.",
        denominator=counted(rows.height, "event"),
        table=rows.with_columns(pl.col("outcome").str.to_lowercase()),
        labels={
            "preferred_term": "Preferred term",
            "body_system": "Body system",
            "grade": "Grade",
            "seriousness": "Serious",
            "start_date": "Start",
            "end_date": "End",
            "study_day": "Study day",
            "outcome": "Outcome",
        },
    )


@exhibit(
    page="board-participant",
    population=POPULATION,
    title="Open findings",
    method=("Severity: major ones could change how safety is read.",),
)
def participant_findings(board: Board) -> Exhibit:
    """What was found wrong with the records of a participant, and still stands."""
    if _about(board) is None:
        return Exhibit(missing=NOBODY)
    rows = board.ask("profile/findings")
    return Exhibit(
        answer=f"{counted(rows.height, 'finding')} {'stands' if rows.height == 1 else 'stand'}."
        if rows.height
        else "No finding stands.",
        denominator=counted(rows.height, "finding"),
        table=rows,
        labels={
            "check": "Check",
            "severity": "Severity",
            "domain": "Dataset",
            "field": "Field",
            "value": "As received",
            "message": "Finding",
            "status": "Status",
        },
    )


@exhibit(
    page="board-participant",
    least_view=View.UNBLINDED,
    population=POPULATION,
    title="Doses",
    method=("As recorded in exposure; unblinded, as one arm may have none.",),
)
def participant_doses(board: Board) -> Exhibit:
    """The doses of a participant, when they were given, and why not."""
    if _about(board) is None:
        return Exhibit(missing=NOBODY)
    rows = board.ask("treatment/doses_of_participant")
    return Exhibit(
        answer=f"{counted(rows.height, 'dose')} recorded, {int(rows['is_given'].sum()):,} given."
        if rows.height
        else "No dose is recorded.",
        denominator=counted(rows.height, "dose"),
        table=rows.with_columns(
            pl.when("is_given").then(pl.lit("yes")).otherwise(pl.lit("no")).alias("is_given")
        ),
        labels={
            "dose": "Dose",
            "start_date": "Date",
            "study_day": "Study day",
            "is_given": "Given",
            "reason": "Reason",
            "lot": "Lot",
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
def participant_events_since_dose(board: Board) -> Exhibit:
    """How long after a dose each adverse event of a participant began."""
    if _about(board) is None:
        return Exhibit(missing=NOBODY)
    rows = board.ask("treatment/events_since_dose_of_participant")
    within = rows.filter(pl.coalesce(pl.col("hours") / 24, pl.col("days")) <= 1).height
    return Exhibit(
        answer=f"{counted(rows.height, 'event')} began at a dose or later, {within:,} of them "
        "within a day of it."
        if rows.height
        else "No event with a date began at a dose or later.",
        denominator=counted(rows.height, "event"),
        table=rows.with_columns(pl.col("hours").round(1)),
        labels={
            "preferred_term": "Preferred term",
            "grade": "Grade",
            "start_date": "Start",
            "dose": "After dose",
            "days": "Days since",
            "hours": "Hours since",
        },
    )
