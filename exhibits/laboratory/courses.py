"""How do laboratory results, vital signs and the electrocardiogram go over time?"""

import polars as pl

from exhibits.exhibit import Exhibit, People, exhibit
from exhibits.laboratory.results import SEALED_VISITS, measure_of
from exhibits.parts.day_courses import Panel, courses
from exhibits.parts.populations import nobody_to_show, row_name
from exhibits.parts.words import counted, decimal, unit
from queries import Board
from trials.definition import Measure

TRENDS_METHOD = (
    "Medians with quartiles of those with a value at the visit; of several values of one visit "
    "their mean counts. Who is discharged, withdrawn or dead has no values later, so that later "
    "days are of other people: look at n.",
    SEALED_VISITS,
)

# A figure has at most this many measures: more would not be read on a telephone.
MOST_PANELS = 6


@exhibit(
    page="board-laboratory",
    tab="Over time",
    title="Liver and kidney tests over time",
    data=("LB",),
    filtered=True,
    method=TRENDS_METHOD,
)
def laboratory_trends(board: Board) -> Exhibit:
    """Medians and quartiles over time of what is graded when it is high, such as liver tests."""
    measures = [item.measure for item in board.trial.grades if item.rises]
    return _trends(board, measures)


@exhibit(
    page="board-laboratory",
    tab="Over time",
    title="Blood counts over time",
    data=("LB",),
    filtered=True,
    method=TRENDS_METHOD,
)
def blood_count_trends(board: Board) -> Exhibit:
    """Medians and quartiles over time of what is graded when it is low, such as blood cells."""
    measures = [item.measure for item in board.trial.grades if not item.rises]
    return _trends(board, measures)


@exhibit(
    page="board-laboratory",
    tab="Over time",
    title="Vital signs over time",
    data=("VS",),
    filtered=True,
    method=TRENDS_METHOD,
)
def vital_sign_trends(board: Board) -> Exhibit:
    """Medians and quartiles of vital signs over time, by arm."""
    measures = [item.name for item in board.trial.measures if item.domain == "VS"]
    return _trends(board, measures)


@exhibit(
    page="board-laboratory",
    tab="Over time",
    title="Electrocardiogram over time",
    data=("EG",),
    filtered=True,
    method=TRENDS_METHOD,
)
def ecg_trends(board: Board) -> Exhibit:
    """Medians and quartiles of the electrocardiogram's measures over time, by arm."""
    measures = [item.name for item in board.trial.measures if item.domain == "EG"]
    return _trends(board, measures)


def _trends(board: Board, measures: list[str]) -> Exhibit:
    """Medians, quartiles and n by planned day and arm, a panel for each measure."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    rows = board.ask("laboratory/trends", measures=measures)
    # What is measured at one visit only, such as height, has no course.
    days = dict(rows.group_by("measure").agg(pl.col("planned_day").n_unique()).rows())
    several = [name for name in dict.fromkeys(measures) if days.get(name, 0) > 1]
    shown, left_out = several[:MOST_PANELS], several[MOST_PANELS:]
    if not shown:
        return Exhibit(
            missing="No measure has values at two or more visits of the schedule. Results need a "
            "unit that the trial definition knows.",
        )
    known = {name: measure_of(board, name) for name in shown}
    order = {name: place for place, name in enumerate(shown)}
    rows = (
        rows.filter(pl.col("measure").is_in(shown))
        .sort(pl.col("measure").replace_strict(order), "planned_day", "visit_number", "position")
        .with_row_index("list")
    )
    limits = board.ask("laboratory/limits_of_normal", measures=shown)
    of_normal = limits.select("measure", "low", "high").rows()
    normal = {name: (low, high) for name, low, high in of_normal}
    lists = tuple(
        People(
            row_name(board, f"{known[row['measure']].label}, day {row['planned_day']}", row["arm"]),
            "people/with_results",
            (
                ("measure", row["measure"]),
                ("unit", known[row["measure"]].unit),
                ("visit_number", row["visit_number"]),
                ("arm", row["arm"]),
            ),
        )
        for row in rows.iter_rows(named=True)
    )
    total = int(board.ask("safety/people")["participants"].sum())
    table = rows.join(limits.select("measure", "low", "high"), on="measure", how="left").select(
        pl.col("measure").replace_strict({name: item.label for name, item in known.items()}),
        pl.col("measure")
        .replace_strict({name: item.unit for name, item in known.items()})
        .alias("unit"),
        "planned_day",
        "arm",
        "n",
        pl.col("median", "lower_quartile", "upper_quartile", "low", "high").round(3),
    )
    notes = []
    if table["low"].count() + table["high"].count():
        notes.append(
            "Dotted: limits of normal as recorded; where they differ by sex, age or laboratory, "
            "their median."
        )
    if left_out:
        labels = ", ".join(measure_of(board, name).label for name in left_out)
        notes.append(f"Not shown for want of room: {labels}.")
    absent = [name for name in measures if name not in days]
    if absent:
        labels = ", ".join(measure_of(board, name).label for name in dict.fromkeys(absent))
        notes.append(f"No usable value in the extract: {labels}.")
    return Exhibit(
        answer=_last_medians(board, rows, known),
        denominator=f"N = {total:,}; n by day in the table",
        picture=lambda: courses(
            board.arms,
            rows,
            [
                Panel(name, item.label, unit(item.unit), *normal.get(name, (None, None)))
                for name, item in known.items()
            ],
        ),
        description=f"A panel for each of {counted(len(shown), 'measure')}, with a line of medians "
        "over study days and a band of quartiles for each arm of this view.",
        table=table,
        labels={
            "measure": "Measure",
            "unit": "Unit",
            "planned_day": "Study day",
            "arm": "Arm",
            "n": "n",
            "median": "Median",
            "lower_quartile": "Lower quartile",
            "upper_quartile": "Upper quartile",
            "low": "Lower limit of normal",
            "high": "Upper limit of normal",
        },
        lists=lists,
        row_lists=tuple(range(len(lists))),
        footnotes=tuple(notes),
        assumptions=board.trial.assumptions("schedule"),
    )


def _last_medians(board: Board, rows: pl.DataFrame, known: dict[str, Measure]) -> str:
    """The medians on the last planned day that has values."""
    last = max(rows["planned_day"])
    parts = []
    for name, measure in known.items():
        found = dict(
            rows.filter((pl.col("measure") == name) & (pl.col("planned_day") == last))
            .select("arm", "median")
            .rows()
        )
        if found:
            medians = " / ".join(decimal(found.get(arm), _places(found)) for arm in board.arms)
            parts.append(f"{measure.label} {medians} {unit(measure.unit)}")
    arms = "" if len(board.arms) == 1 else f" ({' / '.join(board.arms)})"
    return f"Medians on day {last}{arms}: {'; '.join(parts)}."


def _places(values: dict[str, float]) -> int:
    return 0 if min(values.values()) >= 100 else 1
