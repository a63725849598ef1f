"""Arms held against the reference arm by order alone: win probability first, rank test second."""

from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from estimators.ranks import RankTest, WinProbability, rank_test, win_probability
from estimators.strata import Labels, stratified_win_probability
from exhibits.exhibit import Number
from exhibits.parts.comparison import arms_to_compare, limit_labels, too_few_note
from exhibits.parts.strata import Within, within
from exhibits.parts.words import NOT_ADJUSTED, decimal, p_value, percent, rounded
from queries import Board

WIN_METHOD = (
    "How likely a participant of the one arm did better than one of the other, a tie counted half; "
    "50 % is no difference. Limits: Brunner & Munzel (2000) on the logit scale."
)


WHOLE = Within()


class Ranked:
    """Scores of an arm against those of the reference: the larger is the better."""

    def __init__(
        self,
        arms: tuple[str, str],
        scores: tuple[Sequence[float], Sequence[float]],
        strata: Within = WHOLE,
    ):
        self.arm, self.reference = arms
        self.strata = strata
        self._scores = scores
        self.win: WinProbability
        self.test: RankTest
        if strata.labels is None:
            self.win, self.test = win_probability(*scores), rank_test(*scores)
        else:
            self.win, self.test = self._within(*strata.labels, 0.95)

    def at(self, level: float) -> WinProbability:
        """The win probability with its limits at a level; within strata where there are any."""
        if self.strata.labels is None:
            return win_probability(*self._scores, level)
        return self._within(*self.strata.labels, level)[0]

    def _within(
        self, mine: Labels, theirs: Labels, level: float
    ) -> tuple[WinProbability, RankTest]:
        first, second = self._scores
        n1, n2 = len(first), len(second)
        found = stratified_win_probability(first, second, mine, theirs, level)
        return (
            WinProbability(found.estimate, found.low, found.high, n1, n2, found.reason),
            RankTest(found.p_value, False, n1, n2, found.reason),
        )

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
        """`95 % 44.1 to 71.3 %`, or why there are none."""
        win = self.win
        if win.low is None or win.high is None:
            return (win.reason or "no interval").rstrip(".")
        return f"95 % {decimal(100 * win.low)} to {decimal(100 * win.high)} %"

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
        name = "Wilcoxon's rank test" if self.strata.labels is None else "van Elteren's rank test"
        said = f"{pair}: {name}, {how}, {p_value(test.p_value)}, {NOT_ADJUSTED}."
        return f"{said} {self.strata.note}".rstrip()


WIN_LABELS = {
    "win_percent": "Did better than the reference, %",
    **limit_labels("win_percent"),
    "p_value": "p (rank test)",
}


def composite_scores(board: Board, with_rank: pl.DataFrame) -> dict[str, list[float]]:
    """A score for each ranked participant of each arm: the place of the rung, from the worst.

    Within PaO2/FiO2 the value decides; it is below 1,000, so that no rung is left by it.

    Args:
        with_rank: one row a participant: `arm`, `state` (a rung) and `ratio`, mmHg.
    """
    assert board.trial.oxygenation is not None
    order = {rung: float(place) for place, rung in enumerate(board.trial.oxygenation.composite)}
    score = pl.col("state").replace_strict(order) + pl.col("ratio").fill_null(0) / 1_000
    scored = with_rank.select("arm", score=score)
    return {arm: scored.filter(pl.col("arm") == arm)["score"].to_list() for arm in board.arms}


def ranked(
    board: Board,
    scores: Mapping[str, Sequence[float]],
    strata: Mapping[str, Sequence[str]] | None = None,
) -> list[Ranked]:
    """Each arm held against the reference arm, where both have the minimum.

    Args:
        board: of any view; with one arm there is nobody to compare with.
        scores: of the participants of each arm.
        strata: what each of these was allocated within; None where there is no stratum to it.
    """
    against = board.reference_arm
    compared = arms_to_compare(board, {arm: len(of_arm) for arm, of_arm in scores.items()})
    return [
        Ranked((arm, against), (scores[arm], scores[against]), within(board, strata, arm))
        for arm in compared
    ]


def rank_notes(
    board: Board, pairs: Sequence[Ranked], scores: Mapping[str, Sequence[float]]
) -> tuple[str, ...]:
    """The footnotes of comparisons by rank: method, rank tests, and who has too few."""
    return (
        *((WIN_METHOD,) if pairs else ()),
        *(pair.footnote for pair in pairs),
        *too_few_note(board, map(len, scores.values())),
    )


def with_wins(board: Board, table: pl.DataFrame, pairs: Iterable[Ranked]) -> pl.DataFrame:
    """The table with columns of `WIN_LABELS`, once for each arm, in its first row.

    As it is where the view has one arm.
    """
    if len(board.arms) < 2:
        return table
    first = pl.col("arm").is_first_distinct()
    joined = table.join(_wins(pairs), on="arm", how="left", maintain_order="left")
    return joined.with_columns(pl.when(first).then(pl.col(name)) for name in WIN_LABELS)


def _wins(pairs: Iterable[Ranked]) -> pl.DataFrame:
    """One row an arm that is compared: columns of `WIN_LABELS`."""
    columns = ("arm", *WIN_LABELS)
    rows = [
        (
            pair.arm,
            *(
                None if value is None else rounded(100 * value, 1)
                for value in (pair.win.estimate, pair.win.low, pair.win.high)
            ),
            None if pair.test.p_value is None else rounded(pair.test.p_value, 4),
        )
        for pair in pairs
    ]
    schema = {name: pl.String if name == "arm" else pl.Float64 for name in columns}
    return pl.DataFrame(rows, schema=schema, orient="row")
