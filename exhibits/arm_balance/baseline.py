"""Who is in the trial: allocation, and baseline characteristics by arm."""

import plotly.graph_objects as go
import polars as pl

from estimators.balance import (
    ContinuousSummary,
    PairwiseDifference,
    categorical_difference,
    chance_band,
    continuous_difference_of_summaries,
    largest_pairwise,
)
from exhibits.exhibit import Exhibit, Number, exhibit, without_arm
from exhibits.parts.comparison import has_enough, too_few_note, with_share
from exhibits.parts.theme import arm_style, counts_axis, figure, hatch, in_lines
from exhibits.parts.together import any_of, members
from exhibits.parts.words import NOT_RECORDED, decimal, number, percent, rounded, share, unit
from queries import Board

UNITS = {
    "age": ("Age", "years"),
    "bmi": ("Body mass index", "kg/m²"),
    "pao2_fio2": ("PaO2/FiO2", "mmHg"),
}

CATEGORIES = {"sex": "Sex", "race": "Race", "support": "Respiratory support"}

VALUES = {"F": "Female", "M": "Male", "U": "Unknown", "ECMO": "ECMO"}

SMALL_WORDS = {"or", "of", "and"}


@exhibit(
    page="board-arm-balance",
    tab="Baseline",
    leads=82,
    population="Randomized participants, as randomized",
    title="Allocation",
    method=("Intervals: exact binomial (Clopper & Pearson 1934).",),
)
def allocation(board: Board) -> Exhibit:
    """Participants randomized to each arm of this view, against the planned ratio."""
    arms = board.ask("arm_balance/allocation")
    total, (without, randomized) = int(arms["randomized"].sum()), without_arm(board)
    table = with_share(board, arms.with_columns(of=pl.lit(total)), events="randomized", of="of")
    ratio = " : ".join(str(arm.ratio) for arm in board.trial.arms.list)

    def draw() -> "go.Figure":
        drawn = figure(x_title="Participants randomized", y_title="", height=130 + 60 * arms.height)
        for name, position, count in arms.rows():
            style = arm_style(position)
            drawn.add_trace(
                go.Bar(
                    y=[in_lines(name, 12)],
                    x=[count],
                    orientation="h",
                    text=[percent(count / total) if total else "0"],
                    textposition="outside",
                    cliponaxis=False,
                    marker={"color": style.color, "pattern": hatch(style.pattern)},
                    hovertemplate="%{y}: " + share(count, total) + " randomized<extra></extra>",
                    showlegend=False,
                )
            )
        drawn.update_yaxes(autorange="reversed", rangemode="normal", showgrid=False)
        drawn.update_xaxes(counts_axis(arms["randomized"], room=1.3))
        return drawn

    return Exhibit(
        answer=(
            f"{total:,} of {randomized:,} randomized participants have a known arm"
            if without
            else f"{total:,} participants are randomized"
        )
        + f"; the planned ratio is {ratio}.",
        denominator=f"N = {total:,}",
        numbers=tuple(Number(str(name), f"{count:,}") for name, _, count in arms.rows()),
        picture=draw,
        description="One bar for each arm of this view.",
        table=table.drop("position", "of"),
        labels={"percent": "Share (%)"},
        footnotes=too_few_note(board, [total]),
        assumptions=board.trial.assumptions("arms"),
    )


@exhibit(
    page="board-arm-balance",
    tab="Baseline",
    population="Randomized participants, as randomized",
    title="Baseline characteristics",
    method=(
        "Baseline: last usable value on or before the date of randomization. Percentages are of "
        "participants with a value.",
    ),
)
def baseline_characteristics(board: Board) -> Exhibit:
    """Table 1: baseline characteristics of each arm of this view; differences with two and more."""
    wanted = ["age", "bmi", "pao2_fio2", *_baseline_measures(board)]
    continuous = board.ask("arm_balance/baseline_measurements", characteristics=wanted)
    categorical = board.ask("arm_balance/baseline_categories")
    allocated = board.ask("arm_balance/allocation")
    arms = [str(name) for name in allocated["arm"]]
    sizes = {str(name): int(count) for name, _, count in allocated.rows()}
    if not any(sizes.values()):
        return Exhibit(
            missing="Nobody is randomized yet, so there is no baseline to describe.",
        )
    rows: list[dict[str, object]] = []
    absent: list[str] = []
    few: list[str] = []  # of a limited role
    for name in wanted:
        part = continuous.filter(pl.col("characteristic") == name)
        if part["n"].null_count() == 0 and part["n"].sum() == 0:
            absent.append(_label(board, name)[0])
            continue
        if part["n"].null_count() and not part["mean"].count():
            few.append(_label(board, name)[0])
            continue
        rows.extend(_continuous_rows(board, name, part, arms))
    for name, label in CATEGORIES.items():
        part = categorical.filter(pl.col("characteristic") == name)
        if part.is_empty():
            few.append(label)
            continue
        if part.filter(pl.col("value").is_not_null()).is_empty():
            absent.append(label)
            continue
        rows.extend(_categorical_rows(board, label, part, arms))
    table = _in_order(rows, arms)
    return Exhibit(
        denominator="; ".join(f"{arm}: N = {sizes[arm]:,}" for arm in arms),
        table=table,
        labels=_labels(arms, sizes),
        footnotes=(
            *_table_one_footnotes(arms, absent),
            *((f"Too few to show: {', '.join(few)}.",) if few else ()),
            *too_few_note(board, sizes.values()),
        ),
        assumptions=board.trial.assumptions("schedule"),
    )


def _baseline_measures(board: Board) -> list[str]:
    shown = (
        "oxygen_saturation",
        "systolic_pressure",
        "pulse",
        "crp",
        "d_dimer",
        "creatinine",
        "alt",
    )
    known = {item.name for item in board.trial.measures}
    return [name for name in shown if name in known]


def _label(board: Board, name: str) -> tuple[str, str]:
    if name in UNITS:
        return UNITS[name]
    measure = next(item for item in board.trial.measures if item.name == name)
    return measure.label, unit(measure.unit)


def _continuous_rows(
    board: Board, name: str, part: pl.DataFrame, arms: list[str]
) -> list[dict[str, object]]:
    label, in_unit = _label(board, name)
    by_arm = {str(row["arm"]): row for row in part.iter_rows(named=True)}
    summaries = [
        ContinuousSummary(mean=row["mean"], sd=row["sd"], n=row["n"])
        if (row := by_arm.get(arm)) and has_enough(board, row["n"])
        else ContinuousSummary(mean=None, sd=None, n=0)
        for arm in arms
    ]
    mean: dict[str, object] = {"characteristic": f"{label} ({in_unit})", "statistic": "mean (SD)"}
    median: dict[str, object] = {"characteristic": "", "statistic": "median (quartiles)"}
    missing: dict[str, object] = {"characteristic": "", "statistic": "missing"}
    for arm in arms:
        row = by_arm.get(arm)
        if row is None:
            continue
        # For a limited role a mean may be of enough whose number is not shown beside it.
        if has_enough(board, row["n"]) or (row["n"] is None and row["mean"] is not None):
            mean[arm] = f"{decimal(row['mean'])} ({decimal(row['sd'])})"
            quartiles = f"{decimal(row['lower_quartile'])} to {decimal(row['upper_quartile'])}"
            median[arm] = f"{decimal(row['median'])} ({quartiles})"
        if row["missing"] is not None:
            missing[arm] = number(row["missing"])
    largest = largest_pairwise(summaries, continuous_difference_of_summaries)
    mean.update(_difference(largest, len(arms)))
    rows = [mean, median]
    if any(missing.get(arm, "0") != "0" for arm in arms):
        rows.append(missing)
    return rows


def _categorical_rows(
    board: Board, label: str, part: pl.DataFrame, arms: list[str]
) -> list[dict[str, object]]:
    # A value that is not recorded can stand together with one that is.
    named = members(part, "value")
    with_missing = any(None in values and len(values) > 1 for values in named)
    part = part.with_columns(
        value=pl.Series(
            [
                None
                if values == [None]
                else any_of(_value_in_words(value) if value else NOT_RECORDED for value in values)
                for values in named
            ],
            dtype=pl.String,
        )
    )
    counts: dict[str, dict[str, int]] = {
        arm: dict(
            part.filter(pl.col("arm") == arm, pl.col("value").is_not_null())
            .select("value", "participants")
            .rows()
        )
        for arm in arms
    }
    values = [
        str(value)
        for value in part.filter(pl.col("value").is_not_null())["value"].unique(maintain_order=True)
    ]
    compared = [
        counts_of_arm if has_enough(board, sum(counts_of_arm.values())) else {}
        for counts_of_arm in counts.values()
    ]
    largest = largest_pairwise(compared, categorical_difference)
    difference = _difference(largest, len(arms))
    rows: list[dict[str, object]] = []
    for place, value in enumerate(values):
        row: dict[str, object] = {
            "characteristic": label if place == 0 else "",
            "statistic": f"{value}, n (%)",
        }
        for arm in arms:
            count = counts[arm].get(value, 0)
            total = sum(counts[arm].values())
            row[arm] = number(count)
            # Of how many it would be a share is not known where some are without a value.
            if has_enough(board, total) and not with_missing:
                row[arm] = f"{number(count)} ({decimal(100 * count / total)} %)"
        if place == 0:
            row.update(difference)
        rows.append(row)
    unknown = dict(part.filter(pl.col("value").is_null()).select("arm", "participants").rows())
    if unknown:
        missing: dict[str, object] = {"characteristic": "", "statistic": "missing"}
        rows.append(missing | {arm: number(unknown.get(arm, 0)) for arm in arms})
    return rows


def _value_in_words(value: str) -> str:
    """`NOT REPORTED` as `Not Reported`; mixed case stays as it is."""
    if value in VALUES or not value.isupper():
        return VALUES.get(value, value)
    words = value.lower().split(" ")
    return " ".join(word if word in SMALL_WORDS else word.capitalize() for word in words)


def _difference(found: PairwiseDifference, arms: int) -> dict[str, object]:
    """The largest standardized difference between two arms, and the band that chance gives it.

    Of several pairs the largest is larger by chance: the band is Bonferroni's over the pairs.
    """
    if found.value is None or found.n1 is None or found.n2 is None:
        return {}
    pairs = arms * (arms - 1) // 2
    band = chance_band(
        found.n1, found.n2, 1 - 0.05 / pairs, degrees_of_freedom=found.degrees_of_freedom
    )
    return {
        "smd": rounded(abs(found.value), 2),
        "chance_band": None if band is None else rounded(band, 2),
    }


def _in_order(rows: list[dict[str, object]], arms: list[str]) -> pl.DataFrame:
    columns = ["characteristic", "statistic", *arms]
    compared = len(arms) > 1
    schema: dict[str, type[pl.DataType]] = dict.fromkeys(columns, pl.String)
    if compared:
        schema |= {"smd": pl.Float64, "chance_band": pl.Float64}
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def _labels(arms: list[str], sizes: dict[str, int]) -> dict[str, str]:
    return {
        "characteristic": "Characteristic",
        "statistic": "Statistic",
        **{arm: f"{arm} (N = {sizes[arm]:,})" for arm in arms},
        "smd": "Std. difference",
        "chance_band": "Chance alone (95 %)",
    }


def _table_one_footnotes(arms: list[str], absent: list[str]) -> tuple[str, ...]:
    notes = []
    if len(arms) > 1:
        pairs = (
            "; of more than two arms, the largest between any two, with the band of all pairs"
            if len(arms) > 2
            else ""
        )
        notes.append(
            "Standardized difference: difference of means over the pooled SD (Austin 2009), for "
            f"categories by Mahalanobis distance (Yang & Dalton 2012){pairs}. Chance alone gives "
            "differences up to the band in 95 of 100 perfectly randomized trials of this size; a "
            "difference inside the band is no sign of imbalance."
        )
    if absent:
        notes.append(f"No baseline value in the extract: {', '.join(absent)}.")
    return tuple(notes)
