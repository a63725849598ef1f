"""PaO2/FiO2 and SpO2/FiO2 over days: as measured, as change from baseline, and around doses."""

import polars as pl

from access.view import View
from exhibits.exhibit import RANDOMIZED, Exhibit, People, exhibit
from exhibits.oxygenation.day_values import (
    ARTERIAL,
    BY_THE_VISIT,
    COURSE_METHOD,
    NO_TREATMENT_EFFECT,
    RATIO,
    WHO_IS_DEAD,
    Looked,
    asked,
    in_state,
    no_value,
    rules_of,
    stays_note,
    told_day,
)
from exhibits.parts.day_courses import MOST_LINES, Panel, courses, with_enough
from exhibits.parts.populations import nobody_to_show, row_name, size_of_all
from exhibits.parts.stacked_bars import FATES
from exhibits.parts.words import decimal, signed
from queries import Board
from queries.bound import planned_days


def _course(board: Board, looked: Looked, *notes: str) -> Exhibit:
    """Medians, quartiles, n and support by day, participants' lines behind where they are few."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    asked_with = {"what": looked.what, "days": planned_days(board), "rules": rules_of(board)}
    rows = board.ask("oxygenation/course", **asked_with)
    if rows.is_empty():
        return Exhibit(missing=no_value(looked))
    total = size_of_all(board)
    lines = None
    if total <= MOST_LINES:
        lines = board.ask("oxygenation/lines", **asked_with).with_columns(
            pl.lit(looked.what).alias("measure")
        )
    lists = tuple(in_state(board, looked, row, looked.name) for row in rows.iter_rows(named=True))
    name, _, unit = looked.label.partition(", ")
    medians = with_enough(
        rows.with_columns(pl.lit(looked.what).alias("measure")).with_row_index("list"),
        least := board.trial.subgroups.minimum_per_arm,
    )
    behind = " Thin lines are participants." if lines is not None else ""
    return Exhibit(
        population=f"{RANDOMIZED}, with a value on the day",
        answer=_first_and_told(board, medians, name, unit),
        denominator=f"N = {total:,}; n by day in the table",
        picture=(
            lambda: courses(
                board.arms,
                medians,
                [Panel(looked.what, name, unit)],
                lines=lines,
            )
        )
        if medians.height
        else None,
        description="A line of medians over study days and a band of quartiles for each arm of "
        f"this view.{behind}",
        table=rows.select(
            "planned_day",
            "arm",
            "n",
            pl.col("median", "lower_quartile", "upper_quartile").round(1),
            "on_invasive",
            "on_high_flow",
            "on_oxygen",
            "on_none",
        ),
        labels={
            "planned_day": "Study day",
            "arm": "Arm",
            "n": "n",
            "median": f"Median, {unit}",
            "lower_quartile": "Lower quartile",
            "upper_quartile": "Upper quartile",
            "on_invasive": "Of n: invasive ventilation or ECMO",
            "on_high_flow": "Of n: non-invasive or high flow",
            "on_oxygen": "Of n: cannula or mask",
            "on_none": "Of n: no support recorded",
        },
        lists=lists,
        row_lists=tuple(range(len(lists))),
        footnotes=(*notes, f"Medians of fewer than {least} are in the table only."),
        assumptions=board.trial.assumptions("oxygenation", "schedule"),
    )


def _first_and_told(board: Board, medians: pl.DataFrame, name: str, unit: str) -> str:
    """The medians that are drawn of the first day and of the primary one."""
    if medians.is_empty():
        return f"No day has a median: {_too_few(board)} on each."
    days = [int(medians["planned_day"].to_numpy().min()), told_day(board, medians)]
    parts = [f"on day {day}: {_medians(board, medians, day, unit)}" for day in dict.fromkeys(days)]
    return f"Median {name} {'; '.join(parts)}."


def _too_few(board: Board) -> str:
    return f"fewer than {board.trial.subgroups.minimum_per_arm}"


def _medians(board: Board, rows: pl.DataFrame, day: int, unit: str) -> str:
    """The median and n of each arm on one day, of those medians that are drawn."""
    of_day = rows.filter(pl.col("planned_day") == day)
    found = {row["arm"]: row for row in of_day.iter_rows(named=True)}
    parts = [
        f"{decimal(found[arm]['median'], 0)} {unit} (n = {found[arm]['n']:,})"
        if arm in found
        else _too_few(board)
        for arm in board.arms
    ]
    if len(board.arms) == 1:
        return parts[0]
    return "; ".join(f"{arm} {part}" for arm, part in zip(board.arms, parts, strict=True))


@exhibit(
    page="board-oxygenation",
    tab="Composite and PaO2/FiO2",
    title="PaO2/FiO2 over time",
    needs=("oxygenation",),
    data=("LB",),
    filtered=True,
    method=(ARTERIAL, *COURSE_METHOD),
)
def oxygenation_ratio(board: Board) -> Exhibit:
    """PaO2/FiO2 by planned day: median, quartiles, n, and participants' lines behind."""
    return _course(board, Looked("ratio", RATIO))


@exhibit(
    page="board-oxygenation",
    tab="Measured values",
    title="SpO2/FiO2 over time",
    needs=("oxygenation",),
    data=("VS",),
    filtered=True,
    method=COURSE_METHOD,
)
def saturation_ratio(board: Board) -> Exhibit:
    """SpO2/FiO2 by planned day: median, quartiles and n."""
    most = asked(board).saturation_at_most
    return _course(
        board,
        Looked("saturation_ratio", "SpO2/FiO2, %"),
        f"SpO2 in percent over FiO2 from 0.21 to 1, both of the same visit. A saturation above "
        f"{most:g} % is not used, as it says nothing of oxygenation there; nor is one without a "
        "setting of FiO2. A measure of its own, never mixed with PaO2/FiO2.",
    )


@exhibit(
    page="board-oxygenation",
    tab="Measured values",
    needs=("oxygenation",),
    data=("LB",),
    filtered=True,
    title="Change of PaO2/FiO2 from baseline",
    method=(
        NO_TREATMENT_EFFECT,
        "Baseline is the last usable blood gas on or before the day of randomization.",
        WHO_IS_DEAD,
        ARTERIAL,
        BY_THE_VISIT,
    ),
)
def oxygenation_change(board: Board) -> Exhibit:
    """Change of PaO2/FiO2 from baseline among participants with a gas, and why others have none."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    rows = board.ask("oxygenation/changes", days=planned_days(board), rules=rules_of(board))
    if rows.is_empty():
        return Exhibit(missing="The schedule has no day after day 1.")
    fates = [name for name, _, _ in FATES]
    change = pl.col("value") - pl.col("baseline")
    by_day = (
        rows.with_columns(change=change)
        .group_by("planned_day", "arm", "position")
        .agg(
            pl.col("change").count().alias("n"),
            pl.col("change").mean().alias("mean"),
            pl.col("change").std().alias("deviation"),
            pl.col("change").median().alias("median"),
            pl.col("change").quantile(0.25, "linear").alias("lower_quartile"),
            pl.col("change").quantile(0.75, "linear").alias("upper_quartile"),
            (pl.col("value").is_not_null() & pl.col("baseline").is_null())
            .sum()
            .alias("no_baseline"),
            *(
                (pl.col("value").is_null() & (pl.col("state") == name)).sum().alias(name)
                for name in fates
            ),
        )
        .sort("planned_day", "position")
    )
    drawn = by_day.filter(pl.col("n") > 0).with_columns(pl.lit("change").alias("measure"))
    if drawn.is_empty():
        missing = "Nobody has PaO2/FiO2 both at baseline and after it."
        return Exhibit(missing=missing)
    enough = with_enough(drawn, least := board.trial.subgroups.minimum_per_arm)
    reasons = {name: words for name, words, _ in FATES}
    return Exhibit(
        population=f"{RANDOMIZED}, with a blood gas at baseline and on the day",
        answer=_median_change(board, enough),
        denominator=f"N = {size_of_all(board):,}; n by day in the table",
        picture=(
            lambda: courses(
                board.arms,
                enough,
                [Panel("change", "Change of PaO2/FiO2", "mmHg")],
                reference=0.0,
            )
        )
        if enough.height
        else None,
        description="A line of medians of the change over study days and a band of quartiles for "
        "each arm of this view; dotted: no change.",
        table=by_day.drop("position").with_columns(
            pl.col("mean", "deviation", "median", "lower_quartile", "upper_quartile").round(1)
        ),
        labels={
            "planned_day": "Study day",
            "arm": "Arm",
            "n": "n with both",
            "mean": "Mean change, mmHg",
            "deviation": "Standard deviation",
            "median": "Median",
            "lower_quartile": "Lower quartile",
            "upper_quartile": "Upper quartile",
            "no_baseline": "No baseline",
        }
        | {name: f"No gas: {words[0].lower()}{words[1:]}" for name, words in reasons.items()},
        footnotes=(
            f"Medians of fewer than {least} are in the table only.",
            *stays_note(board),
        ),
        assumptions=board.trial.assumptions("oxygenation", "schedule", "primary"),
    )


def _median_change(board: Board, medians: pl.DataFrame) -> str:
    """The medians of the change that are drawn on the primary day."""
    if medians.is_empty():
        return f"No day has a median: {_too_few(board)} on each."
    day = told_day(board, medians)
    of_day = medians.filter(pl.col("planned_day") == day)
    found = {row["arm"]: row for row in of_day.iter_rows(named=True)}
    parts = [
        ("" if len(board.arms) == 1 else f"{arm} ")
        + (
            f"{signed(found[arm]['median'], 0)} mmHg (n = {found[arm]['n']:,})"
            if arm in found
            else _too_few(board)
        )
        for arm in board.arms
    ]
    return (
        f"Median change by day {day}: {'; '.join(parts)}. Not a treatment effect if missingness "
        "differs."
    )


@exhibit(
    page="board-oxygenation",
    tab="Measured values",
    needs=("oxygenation",),
    data=("LB",),
    least_view=View.UNBLINDED,
    filtered=True,
    population="Participants who were given the dose",
    title="PaO2/FiO2 around each dose",
    method=(
        "Descriptive: there is no dose in the control arm to align with, and who gets a later "
        "dose is alive and well enough for it.",
        "Day 0 is the first 24 hours after the dose, day -1 the 24 hours before it; without "
        "clock times the difference of the dates. Of several blood gases of one participant "
        "on one day their mean, drawn at its middle. Those outside the schedule are among "
        "them. One between two doses counts for both.",
        "PaO2 and FiO2 of one minute and visit, arterial, with a ratio of 20 to 700 mmHg.",
    ),
)
def oxygenation_around_doses(board: Board) -> Exhibit:
    """PaO2/FiO2 in the days before and after each dose, by the clock where it is known."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    around = asked(board).around_dose_days
    found = board.ask("oxygenation/around_doses", around=around)
    told = (
        found.drop_nulls("day")
        .group_by("dose", "line", "arm", "position", "day")
        .agg(pl.col("value").mean())
    )
    if told.is_empty():
        return Exhibit(
            missing="No dose has a usable blood gas around it. Doses are in EX or EC, gases in LB.",
        )
    rows = (
        told.group_by("dose", "arm", "position", "day")
        .agg(
            pl.len().alias("n"),
            pl.col("value").median().alias("median"),
            pl.col("value").quantile(0.25, "linear").alias("lower_quartile"),
            pl.col("value").quantile(0.75, "linear").alias("upper_quartile"),
        )
        .sort("dose", "day", "position")
        .with_columns(_dose_name(), planned_day=pl.col("day") + 0.5)
    )
    doses = rows.select("measure", "dose").unique(maintain_order=True)
    lists = tuple(
        People(
            row_name(board, f"Dose {row['dose']} given", row["arm"]),
            "people/around_dose",
            (("dose", row["dose"]), ("arm", row["arm"])),
        )
        for row in rows.iter_rows(named=True)
    )
    lines = found.with_columns(
        _dose_name(),
        planned_day=pl.coalesce(pl.col("hours") / 24, pl.col("day").cast(pl.Float64)),
    ).drop_nulls("planned_day")
    few = found["line"].n_unique() <= MOST_LINES
    left_out = found["day"].null_count()
    last = rows.filter(pl.col("dose") == rows["dose"].max())
    before, after = (last.filter(pl.col("day") == day) for day in (-1, 0))
    return Exhibit(
        answer=f"Dose {last['dose'][0]}: median in the 24 hours before it "
        f"{_over_arms(before)}, in the 24 hours after it {_over_arms(after)} mmHg.",
        denominator=f"{found['line'].n_unique():,} participants with a blood gas around a dose",
        picture=lambda: courses(
            board.arms,
            rows.with_row_index("list"),
            [Panel(name, f"{name}: PaO2/FiO2", "mmHg") for name in doses["measure"]],
            lines=lines if few else None,
            x_title="Days from the dose",
        ),
        description="A panel for each dose with a line of medians and a band of quartiles over the "
        "days before and after it; thin lines are participants.",
        table=rows.select(
            "dose",
            "day",
            "arm",
            "n",
            pl.col("median", "lower_quartile", "upper_quartile").round(1),
        ),
        labels={
            "dose": "Dose",
            "day": "Day from the dose",
            "arm": "Arm",
            "n": "n",
            "median": "Median, mmHg",
            "lower_quartile": "Lower quartile",
            "upper_quartile": "Upper quartile",
        },
        lists=lists,
        row_lists=tuple(range(len(lists))),
        footnotes=(f"Left out, as the order on the dose's date is not known: {left_out:,}.",),
        assumptions=board.trial.assumptions("oxygenation", "dosing"),
    )


def _dose_name() -> pl.Expr:
    return pl.format("Dose {}", "dose").alias("measure")


def _over_arms(rows: pl.DataFrame) -> str:
    """The medians of one day; a dash where there is none."""
    parts = [
        f"{decimal(row['median'], 0)} (n = {row['n']:,})" for row in rows.iter_rows(named=True)
    ]
    return " / ".join(parts) or "–"
