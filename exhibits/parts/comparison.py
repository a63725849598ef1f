"""Arms held against the reference arm by order alone: who is compared, and how it is said."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from estimators.ranks import RankTest, WinProbability, rank_test, win_probability
from exhibits.exhibit import Number
from exhibits.parts.words import decimal, number, percent, signed
from queries import Board

WIN_METHOD = (
    "How likely a participant of the one arm did better than one of the other, a tie counted half; "
    "50 % is no difference. Limits: Brunner & Munzel (2000) on the logit scale."
)


def arms_to_compare(board: Board, sizes: Mapping[str, int]) -> list[str]:
    """The arms that are held against the reference: those with enough participants, as it has.

    Args:
        board: of any view; with one arm there is nobody to compare with.
        sizes: participants of each arm who have what is compared.
    """
    least = board.trial.subgroups.minimum_per_arm
    enough = [arm for arm in board.arms if sizes.get(arm, 0) >= least]
    return [arm for arm in enough if arm != board.reference_arm and board.reference_arm in enough]


def too_few_to_compare(board: Board, compared: Sequence[str]) -> tuple[str, ...]:
    """A footnote where arms are not compared, since one of the two has too few."""
    if len(compared) == len(board.arms) - 1:
        return ()
    least = board.trial.subgroups.minimum_per_arm
    return (f"Compared are arms with at least {least} participants who have what is compared.",)


def counts_in_arms(rows: Iterable[Mapping[str, Any]], whole: str) -> str:
    """`14 of 20 in Arm A, 11 of 20 in Arm B`: `participants` of the column `whole` in `arm`."""
    return ", ".join(
        f"{number(row['participants'])} of {number(row[whole])} in {row['arm']}" for row in rows
    )


def contrast(board: Board, arm: str) -> str:
    """What a difference is of: `Arm B minus Arm A`."""
    return f"{arm} minus {board.reference_arm}"


def points(row: Mapping[str, Any], difference: str, low: str, high: str) -> str:
    """`−35.7 percentage points (95 % −63.6 to −0.5)` by these columns of a row."""
    return f"{signed(row[difference])} percentage points ({in_limits(row[low], row[high], 1)})"


def in_limits(low: float | None, high: float | None, places: int = 0) -> str:
    """`95 % −3 to 12`; says so where there is none."""
    if low is None or high is None:
        return "no interval"
    return f"95 % {decimal(low, places)} to {decimal(high, places)}"


class Ranked:
    """Scores of an arm against those of the reference: the larger is the better."""

    def __init__(self, arm: str, reference: str, mine: Iterable[float], theirs: Iterable[float]):
        self.arm, self.reference = arm, reference
        first, second = list(mine), list(theirs)
        self.win: WinProbability = win_probability(first, second)
        self.test: RankTest = rank_test(first, second)

    @property
    def number(self) -> Number:
        """The win probability as a headline number, its limits as the remark."""
        win = self.win
        return Number(
            f"Better in {self.arm} than in {self.reference}",
            "–" if win.estimate is None else percent(win.estimate),
            f"{self.limits}; 50 % is no difference",
        )

    @property
    def limits(self) -> str:
        """`95 % 44 to 71 %`, or why there are none."""
        win = self.win
        if win.low is None or win.high is None:
            return (win.reason or "no interval").rstrip(".")
        return f"95 % {100 * win.low:.0f} to {100 * win.high:.0f} %"

    @property
    def sentence(self) -> str:
        """The finding, as a member would say it."""
        if self.win.estimate is None:
            return f"{self.arm} and {self.reference} cannot be compared: {self.win.reason}"
        return (
            f"A participant of {self.arm} did better than one of {self.reference} with a "
            f"probability of {percent(self.win.estimate)} ({self.limits})."
        )

    @property
    def footnote(self) -> str:
        """What the rank test says, which comes second."""
        test, pair = self.test, f"{self.arm} (n = {self.win.n1:,}) and {self.reference} "
        pair += f"(n = {self.win.n2:,})"
        if test.p_value is None:
            return f"{pair}: no rank test. {test.reason}"
        how = "exact" if test.exact else "by the normal approximation"
        return f"{pair}: Wilcoxon's rank test, {how}, p = {p_value(test.p_value)}."


WIN_LABELS = {
    "win_percent": "Did better than the reference, %",
    "low_percent": "95 % low",
    "high_percent": "95 % high",
    "p_value": "p (rank test)",
}


def wins(pairs: Iterable[Ranked]) -> pl.DataFrame:
    """One row an arm that is compared: columns of `WIN_LABELS`."""
    columns = ("arm", *WIN_LABELS)
    rows = [
        (
            pair.arm,
            *(
                None if value is None else round(100 * value, 1)
                for value in (pair.win.estimate, pair.win.low, pair.win.high)
            ),
            None if pair.test.p_value is None else round(pair.test.p_value, 4),
        )
        for pair in pairs
    ]
    schema = {name: pl.String if name == "arm" else pl.Float64 for name in columns}
    return pl.DataFrame(rows, schema=schema, orient="row")


def p_value(value: float) -> str:
    """Two places that tell, never 0."""
    if value < 0.001:
        return "under 0.001"
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}"
