"""What came after an instillation: worsening, and events of special interest."""

import plotly.graph_objects as go
import polars as pl

from access.view import View
from exhibits.exhibit import Exhibit, People, exhibit
from exhibits.parts.comparison import where_enough
from exhibits.parts.events import list_of_interest
from exhibits.parts.theme import ACCENT, figure, in_lines
from exhibits.parts.words import counted, share
from exhibits.special_interest.groups import GROUPS, groups_by_id
from queries import Board

# Criteria of worsening, by name as the question has them: in words, and the dataset that has them.
CRITERIA = {
    "vasopressor": ("Vasopressor started", "CM"),
    "PEEP": ("PEEP raised", "RE"),
    "FiO2": ("FiO2 raised", "RE"),
    "intubation": ("Intubated from high flow or non-invasive ventilation", "PR"),
    "arrhythmia": ("Ventricular arrhythmia", "AE"),
    "arrest or death": ("Cardiac arrest or death", "DM"),
}


@exhibit(
    page="board-special-interest",
    title="Worsening after an instillation",
    population="Instillations that were given to randomized participants",
    needs=("worsening",),
    data=(("EX", "EC"),),
    least_view=View.UNBLINDED,
    filtered=True,
    method=(
        "Descriptive: an arm that was given nothing has no such clock, so nothing is compared. "
        "Worsening after an instillation need not come of it.",
    ),
)
def worsening_near_instillation(board: Board) -> Exhibit:
    """Worsening in the hours after each instillation, by criterion, where it can be told."""
    rules = board.trial.worsening
    assert rules is not None
    bound = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in rules.model_dump(exclude={"not_recorded"}).items()
    }
    rows = board.ask("treatment/worsening", rules=bound)
    if rows.is_empty():
        return Exhibit(missing="No instillation is recorded as given.")
    can_be_told = {name: board.has(dataset) for name, (_, dataset) in CRITERIA.items()}
    table = rows.select(
        pl.col("criterion").replace_strict({name: words for name, (words, _) in CRITERIA.items()}),
        "arm",
        "doses",
        *(
            pl.when(pl.col("criterion").replace_strict(can_be_told)).then(pl.col(name))
            .otherwise(pl.lit(0 if name == "evaluable" else None)).alias(name)
            for name in ("evaluable", "with_worsening", "by_day_only", "participants")
        ),
    )  # fmt: skip
    lists = tuple(
        People(
            f"{CRITERIA[row['criterion']][0]} after an instillation, {row['arm']}",
            "treatment/who_worsened",
            (("rules", bound), ("arm", row["arm"]), ("criterion", row["criterion"])),
        )
        for row in rows.iter_rows(named=True)
    )
    happened = int(table["with_worsening"].sum())
    given = int(rows.filter(pl.col("criterion") == "vasopressor")["doses"].sum())
    untold = [
        words
        for words, told in zip(table["criterion"], table["evaluable"], strict=True)
        if not told
    ]
    unclear = list(dict.fromkeys(word for word in untold))
    return Exhibit(
        answer=(
            f"After {counted(given, 'instillation')} worsening is recorded "
            f"{counted(happened, 'time')}, by whatever criterion."
            + (f" Cannot be told: {', '.join(unclear)}." if unclear else "")
        ),
        denominator=counted(given, "instillation"),
        table=table,
        labels={
            "doses": "Instillations",
            "evaluable": "Where it can be told",
            "by_day_only": "Of these by the day only",
        },
        footnotes=(
            f"Within {rules.hours} hours of the beginning of an instillation, arrest and death "
            f"within {rules.arrest_hours}, where both times are recorded. Where one of them is a "
            "day only, the day of the instillation and the next count: more than the hours.",
            f"PEEP raised by {rules.peep_increase:g} cmH2O and more, FiO2 by "
            f"{100 * rules.fio2_increase:g} points and more: the highest value in the hours after, "
            "less the last one in the day before; it cannot be told where one of them is missing. "
            "A vasopressor counts with any start, whatever the dose.",
            *(
                (f"Not in the extract: {', '.join(rules.not_recorded)}.",)
                if rules.not_recorded
                else ()
            ),
        ),
        assumptions=board.trial.assumptions("worsening"),
        lists=lists,
        row_lists=tuple(
            place if some else None for place, some in enumerate(table["participants"])
        ),
    )


# Spans of time since the last instillation: what is known to the hour, then what only to the day.
SPANS = (
    ("within_6_hours", "Within 6 hours"),
    ("within_24_hours", "Over 6 to 24 hours"),
    ("same_or_next_day", "Same or next day, hour not known"),
    ("within_7_days", "Up to 7 days"),
    ("later", "Later"),
)


@exhibit(
    page="board-special-interest",
    title="Onset since the last instillation",
    population="Events of special interest after an instillation, of randomized participants",
    needs=("special_interest",),
    data=("AE", ("EX", "EC")),
    least_view=View.UNBLINDED,
    filtered=True,
    method=(
        "From the beginning of the last instillation at or before the onset. Where only days "
        "are known, an event on the day of an instillation counts as after it.",
        "Descriptive: an arm that was given nothing has no such clock, so nothing is compared.",
        GROUPS,
    ),
)
def hours_from_instillation(board: Board) -> Exhibit:
    """How long after the last instillation events of special interest began."""
    groups = groups_by_id(board)
    names = {key: group.name for key, group in groups.items()}
    onsets = board.ask("treatment/onset_since_dose")
    if onsets.is_empty():
        missing = "No event of special interest with a date of onset came after an instillation."
        return Exhibit(missing=missing)
    hours, days = pl.col("hours"), pl.col("days")
    span = (
        pl.when(hours <= 6).then(pl.lit("within_6_hours"))
        .when(hours <= 24).then(pl.lit("within_24_hours"))
        .when(hours.is_null() & (days <= 1)).then(pl.lit("same_or_next_day"))
        .when(pl.coalesce(hours / 24, days) <= 7).then(pl.lit("within_7_days"))
        .otherwise(pl.lit("later"))
    )  # fmt: skip
    placed = onsets.with_columns(span=span)
    table = placed.group_by("group", "arm", maintain_order=True).agg(
        pl.col("subject").n_unique().cast(pl.Int64).alias("participants"),
        pl.len().cast(pl.Int64).alias("events"),
        *((pl.col("span") == name).sum().cast(pl.Int64).alias(name) for name, _ in SPANS),
        pl.coalesce(hours / 24, days).median().alias("median_days"),
    )
    table = table.with_columns(where_enough(board, "participants", "median_days"))
    early = table.select("within_6_hours", "within_24_hours", "same_or_next_day").sum_horizontal()

    def draw() -> "go.Figure":
        drawn = figure(
            x_title="Days since the last instillation", y_title="", height=170 + 60 * len(groups)
        )
        for known, words, symbol in (
            (True, "Hour known", "circle"),
            (False, "Day only", "circle-open"),
        ):
            rows = placed.filter(hours.is_not_null() if known else hours.is_null())
            drawn.add_trace(
                go.Scatter(
                    x=rows.select(pl.coalesce(hours / 24, days)).to_series().to_list(),
                    y=[in_lines(names[group]) for group in rows["group"]],
                    mode="markers",
                    name=words,
                    marker={"color": ACCENT, "symbol": symbol, "size": 11, "opacity": 0.7},
                    hovertemplate="%{y}: %{x:.2g} days after an instillation<extra></extra>",
                )
            )
        drawn.update_yaxes(
            type="category",
            categoryorder="array",
            categoryarray=[in_lines(name) for name in reversed(names.values())],
            range=[-0.5, len(groups) - 0.5],
            rangemode="normal",
        )
        return drawn

    return Exhibit(
        answer=f"{share(int(early.sum()), onsets.height)} events began within 24 hours of an "
        "instillation, or on its day or the next.",
        denominator=counted(onsets.height, "event"),
        picture=draw,
        description="A row for each group, a dot for each event at the days since the last "
        "instillation before it; filled where the hour is known.",
        table=table.with_columns(pl.col("group").replace_strict(names)),
        labels={
            "median_days": "Days, median",
        }
        | dict(SPANS),
        assumptions=board.trial.assumptions("special_interest"),
        lists=tuple(
            list_of_interest(board, groups[key], arm)
            for key, arm in table.select("group", "arm").rows()
        ),
        row_lists=tuple(range(table.height)),
    )
