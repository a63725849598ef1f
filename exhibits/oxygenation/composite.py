"""Who did better by the rank-based composite of the primary day, death worst."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from exhibits.exhibit import RANDOMIZED, Conclusion, Exhibit, People, exhibit
from exhibits.oxygenation.day_values import BY_THE_VISIT, asked, rules_of, stays_note, support_bands
from exhibits.parts.comparison import arms_to_compare, too_few_to_compare
from exhibits.parts.populations import nobody_to_show, row_name
from exhibits.parts.ranks import WIN_LABELS, WIN_METHOD, Ranked, wins
from exhibits.parts.stacked_bars import FATES, SHADES, stacked
from exhibits.parts.theme import STATES, State
from exhibits.parts.words import share
from queries import Board

UNRANKED = ("missing", "left", "to_come")

RUNG_STYLES = {
    "died": STATES.died,
    "support_4": SHADES[5],
    "support_3": SHADES[4],
    "support_2": SHADES[3],
    "support_1": SHADES[2],
    "ratio": SHADES[1],
    "discharged_without_oxygen": FATES[0][2],
}


def rung_names(board: Board) -> dict[str, str]:
    """What each rung of the composite is called, the worst first, and why somebody has none."""
    of_rank = {f"support_{band.at_least:g}": band.name for band in support_bands(board)[1:]}
    names = of_rank | {
        "died": "Died",
        "ratio": "By PaO2/FiO2",
        "discharged_without_oxygen": "Discharged without oxygen",
    }
    fates = {name: words for name, words, _ in FATES}
    ranked = {rung: names.get(rung, rung) for rung in asked(board).composite}
    return ranked | {name: fates[name] for name in UNRANKED}


@exhibit(
    page="board-oxygenation",
    tab="Composite and PaO2/FiO2",
    leads=61,
    title="Rank-based composite",
    needs=("oxygenation",),
    data=("LB",),
    conclusions=(Conclusion("win_percent", ("arm",), "doing better than"),),
    filtered=True,
    method=(BY_THE_VISIT,),
)
def oxygenation_composite(board: Board) -> Exhibit:
    """The rank-based composite at the primary day, death worst: its parts, and who did better."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    if board.trial.primary is None:
        missing = "The trial definition has no primary day. Add [primary] to it."
        return Exhibit(missing=missing)
    day, rules = board.trial.primary.day, asked(board)
    people = board.ask(
        "oxygenation/composite",
        planned_day=day,
        composite=list(rules.composite),
        rules=rules_of(board),
    )
    ranked = people.filter("is_ranked")
    if ranked.is_empty():
        return Exhibit(missing=f"Nobody can be ranked on day {day} yet.")
    names = rung_names(board)
    counts = people.group_by("arm", "position", "state").agg(
        pl.len().alias("participants"), pl.col("ratio").median().round(0)
    )
    order = {state: place for place, state in enumerate(names)}
    table = counts.sort("position", pl.col("state").replace_strict(order)).with_columns(
        of=pl.col("participants").sum().over("position")
    )
    lists = tuple(_on_rung(board, day, names, row) for row in table.iter_rows(named=True))
    unranked = people.height - ranked.height
    scores = _scores(ranked, rules.composite)
    compared = arms_to_compare(board, {arm: len(values) for arm, values in scores.items()})
    against = board.reference_arm
    pairs = [Ranked(arm, against, scores[arm], scores[against]) for arm in compared]
    shown = table.select(
        "arm",
        pl.col("state").replace_strict(names),
        "participants",
        "of",
        (100 * pl.col("participants") / pl.col("of")).round(1).alias("percent"),
        "ratio",
    )
    if len(board.arms) > 1:
        # Once for each arm, in its first row.
        first = pl.col("arm").is_first_distinct()
        shown = shown.join(wins(pairs), on="arm", how="left", maintain_order="left").with_columns(
            pl.when(first).then(pl.col(name)) for name in WIN_LABELS
        )
    return Exhibit(
        title=f"Rank-based composite on day {day}",
        population=f"{RANDOMIZED}, the worst of what happened ranks",
        answer=" ".join([*(pair.sentence for pair in pairs), _on_day(board, day, people)]),
        denominator=f"n = {ranked.height:,} ranked of N = {people.height:,}",
        numbers=tuple(pair.number for pair in pairs),
        picture=lambda: stacked(
            [(arm, {state: _count(table, arm, state) for state in names}) for arm in board.arms],
            tuple(
                (state, words, RUNG_STYLES.get(state) or _fate_style(state))
                for state, words in names.items()
            ),
            "Participants, the worst left",
        ),
        description="A stacked bar for each arm of this view, the worst left: died, by respiratory "
        "support, by PaO2/FiO2, discharged without oxygen; then who is not ranked, and why.",
        table=shown,
        labels={
            "arm": "Arm",
            "state": f"State on day {day}, the worst first",
            "participants": "n",
            "of": "N",
            "percent": "%",
            "ratio": "Median PaO2/FiO2 of these, mmHg",
        }
        | WIN_LABELS,
        lists=lists,
        row_lists=tuple(range(len(lists))),
        footnotes=(
            f"From the worst to the best: {', '.join(names[rung] for rung in rules.composite)}. "
            "Within PaO2/FiO2 a higher value is better; all others of one state are tied.",
            f"Of those whose day {day} was reached by the cut-off, who died on it or before counts "
            f"as died. Not ranked: {unranked:,}, who left the study, whose day is not reached, "
            "dead or not, or who have neither a blood gas nor support on record.",
            *((WIN_METHOD,) if pairs else ()),
            *(pair.footnote for pair in pairs),
            *too_few_to_compare(board, compared),
            *stays_note(board),
        ),
        assumptions=board.trial.assumptions("oxygenation", "primary"),
    )


def _scores(ranked: pl.DataFrame, rungs: Sequence[str]) -> dict[str, list[float]]:
    """A score for each ranked participant of each arm: the place of the rung, from the worst.

    Within PaO2/FiO2 the value decides; it is below 1,000, so that no rung is left by it.
    """
    order = {rung: float(place) for place, rung in enumerate(rungs)}
    score = pl.col("state").replace_strict(order) + pl.col("ratio").fill_null(0) / 1_000
    scored = ranked.select("arm", score=score)
    return {str(arm): part["score"].to_list() for (arm,), part in scored.group_by("arm")}


def _fate_style(state: str) -> State:
    return next(style for name, _, style in FATES if name == state)


def _count(table: pl.DataFrame, arm: str, state: str) -> int:
    found = table.filter((pl.col("arm") == arm) & (pl.col("state") == state))
    return int(found["participants"].sum())


def _on_day(board: Board, day: int, people: pl.DataFrame) -> str:
    """Who died and who is discharged without oxygen, of those ranked."""
    parts = []
    ranked = people.filter("is_ranked")
    for arm in board.arms:
        of_arm = ranked.filter(pl.col("arm") == arm)
        died = of_arm.filter(pl.col("state") == "died").height
        home = of_arm.filter(pl.col("state") == "discharged_without_oxygen").height
        words = f"died {share(died, of_arm.height)}, discharged without oxygen {home:,}"
        parts.append(words if len(board.arms) == 1 else f"{arm}: {words}")
    return (
        f"By day {day}, of {ranked.height:,} whose day {day} is reached and who can be ranked: "
        f"{'; '.join(parts)}."
    )


def _on_rung(board: Board, day: int, names: dict[str, str], row: dict[str, Any]) -> People:
    words = names[row["state"]]
    return People(
        row_name(board, f"{words}, day {day}", row["arm"]),
        "people/on_rung",
        (
            ("planned_day", day),
            ("composite", list(asked(board).composite)),
            ("rules", rules_of(board)),
            ("state", row["state"]),
            ("label", words),
            ("arm", row["arm"]),
        ),
    )
