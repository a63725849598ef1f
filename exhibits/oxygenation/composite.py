"""Who did better by the rank-based composite of the primary day, death worst."""

from typing import Any

import polars as pl

from exhibits.exhibit import DEATHS, RANDOMIZED, Conclusion, Estimand, Exhibit, People, exhibit
from exhibits.oxygenation.day_values import BY_THE_VISIT, definition, stays_note, support_bands
from exhibits.parts.comparison import share_of_arm, where_enough, with_percent
from exhibits.parts.populations import by_arm, earliest_deaths, row_name
from exhibits.parts.ranks import WIN_LABELS, composite_scores, rank_notes, ranked, with_wins
from exhibits.parts.stacked_bars import FATES, SHADES, stacked, state_counts
from exhibits.parts.strata import strata_by_arm
from exhibits.parts.words import with_rounded
from queries import Board

UNRANKED = ("missing", "left", "to_come")
RUNG_STYLES = {name: style for name, _, style in FATES} | {
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
    rungs = {rung: names.get(rung, rung) for rung in definition(board).composite}
    return rungs | {name: fates[name] for name in UNRANKED}


@exhibit(
    page="board-oxygenation",
    tab="Composite and PaO2/FiO2",
    leads=61,
    title="Rank-based composite",
    needs=("oxygenation",),
    data=("LB", DEATHS),
    conclusions=(Conclusion("win_percent", ("arm",), "doing better than"),),
    filtered=True,
    method=(BY_THE_VISIT,),
    estimand=Estimand(
        endpoint="state or PaO2/FiO2 on the primary day",
        events="death is worst, support ranked, discharge without oxygen best, who left as on the "
        "last known day",
        summary="probability of doing better (win probability)",
    ),
)
def oxygenation_composite(board: Board) -> Exhibit:
    """The rank-based composite at the primary day, death worst: its parts, and who did better."""
    if board.trial.primary is None:
        missing = "The trial definition has no primary day. Add [primary] to it."
        return Exhibit(missing=missing)
    day, rungs = board.trial.primary.day, definition(board).composite
    people = board.ask("oxygenation/composite", planned_day=day)
    with_rank = people.filter("is_ranked")
    if with_rank.is_empty():
        return Exhibit(missing=f"Nobody can be ranked on day {day} yet.")
    names = rung_names(board)
    order = {state: place for place, state in enumerate(names)}
    rows = (
        people.group_by("arm", "position", "state")
        .agg(pl.len().alias("participants"), pl.col("ratio").median())
        .sort("position", pl.col("state").replace_strict(order))
        .with_columns(of=pl.col("participants").sum().over("position"))
        .with_columns(where_enough(board, "participants", "ratio"))
    )
    rows = with_rounded(with_percent(board, rows, "participants", "of"), "ratio", places=0)
    scores = composite_scores(board, with_rank)
    pairs = ranked(board, scores, strata_by_arm(board, with_rank))
    return Exhibit(
        title=f"Rank-based composite on day {day}",
        population=f"{RANDOMIZED}, the worst of what happened ranks",
        answer=" ".join([*(pair.sentence for pair in pairs), _on_day(board, day, with_rank)]),
        denominator=f"n = {with_rank.height:,} ranked of N = {people.height:,}",
        numbers=tuple(pair.number for pair in pairs),
        picture=lambda: stacked(
            list(state_counts(board.arms, rows, names).items()),
            tuple((state, words, RUNG_STYLES[state]) for state, words in names.items()),
            "Participants, the worst left",
        ),
        description="A stacked bar for each arm of this view, the worst left: died, by respiratory "
        "support, by PaO2/FiO2, discharged without oxygen; then who is not ranked, and why.",
        table=with_wins(
            board,
            rows.select(
                "arm",
                pl.col("state").replace_strict(names),
                "participants",
                "of",
                "percent",
                "ratio",
            ),
            pairs,
        ),
        labels={
            "state": f"State on day {day}, the worst first",
            "participants": "n",
            "ratio": "Median PaO2/FiO2 of these, mmHg",
        }
        | WIN_LABELS,
        lists=tuple(_on_rung(board, day, names, row) for row in rows.iter_rows(named=True)),
        footnotes=(
            f"From the worst to the best: {', '.join(names[rung] for rung in rungs)}. "
            "Within PaO2/FiO2 a higher value is better; all others of one state are tied.",
            f"Of those whose day {day} was reached by the cut-off, who died on it or before counts "
            f"as died. Not ranked: {people.height - with_rank.height:,}, who left the study, whose "
            "day is not reached, dead or not, or who have neither a blood gas nor support on "
            "record.",
            *rank_notes(board, pairs, scores),
            *stays_note(board),
            *earliest_deaths(board),
        ),
        assumptions=board.trial.assumptions("oxygenation", "primary"),
    )


def _on_day(board: Board, day: int, with_rank: pl.DataFrame) -> str:
    """Who died and who is discharged without oxygen, of those ranked."""
    words = {}
    for arm in board.arms:
        states = with_rank.filter(pl.col("arm") == arm)["state"].to_list()
        died, home = states.count("died"), states.count("discharged_without_oxygen")
        words[arm] = (
            f"died {share_of_arm(board, died, len(states))}, discharged without oxygen {home:,}"
        )
    return (
        f"By day {day}, of {with_rank.height:,} whose day {day} is reached and who can be ranked: "
        f"{by_arm(board, words)}."
    )


def _on_rung(board: Board, day: int, names: dict[str, str], row: dict[str, Any]) -> People:
    words = names[row["state"]]
    return People(
        row_name(board, f"{words}, day {day}", row["arm"]),
        "people/on_rung",
        (("planned_day", day), ("state", row["state"]), ("label", words), ("arm", row["arm"])),
    )
