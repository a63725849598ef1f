"""Every case of special interest, and what supports it."""

import polars as pl

from exhibits.exhibit import Exhibit, Number, exhibit
from exhibits.parts.events import list_of_interest, sealed_terms
from exhibits.parts.words import NOT_RECORDED, counted, number, share, unit
from exhibits.special_interest.groups import (
    COUNTED,
    GROUPS,
    groups_by_id,
    standard_queries,
)
from queries import Board


@exhibit(
    page="board-special-interest",
    title="Cases of special interest",
    population="Events of randomized participants",
    needs=("special_interest",),
    data=("AE.AESTDTC",),
    filtered=True,
    method=(
        COUNTED,
        GROUPS + " An event that belongs to two groups is a case of each.",
        "A result beyond a limit supports a case and does not prove it; one that is missing "
        "speaks neither for nor against it.",
    ),
)
def special_interest_cases(board: Board) -> Exhibit:
    """Every case: whose, what, when, and which results around the onset support it."""
    groups = groups_by_id(board)
    cases = board.ask("special_interest/cases")
    table = (
        cases.join(
            _support_by_case(board),
            on=["group", "record_key"],
            how="left",
            maintain_order="left",
        )
        .select(
            pl.col("group").replace_strict({key: group.name for key, group in groups.items()}),
            "subject",
            "site",
            *(["arm"] if len(board.arms) > 1 else []),
            "preferred_term",
            "grade",
            pl.when("is_fatal")
            .then(pl.lit("fatal"))
            .when("is_serious")
            .then(pl.lit("serious"))
            .when(pl.col("is_serious").is_null())
            .then(pl.lit(NOT_RECORDED))
            .otherwise(pl.lit("")),
            "start_date",
            "study_day",
            "outcome",
            pl.col("beyond").fill_null(0),
            pl.col("support").fill_null("no limits are defined for this group"),
        )
        .rename({"literal": "seriousness"})
    )
    people = cases["subject"].n_unique()
    supported = table.filter(pl.col("beyond") > 0).height
    keys = cases.select("group", "arm").rows()
    places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    asked_for = dict.fromkeys(thing for group in groups.values() for thing in group.asked_for)
    return Exhibit(
        answer=f"{counted(cases.height, 'case')} of {counted(people, 'participant')}; of "
        f"{number(supported)} a result around the onset is beyond a limit that supports it."
        if cases.height
        else "There is no case of special interest.",
        denominator=counted(cases.height, "case"),
        numbers=(
            Number("Cases", number(cases.height)),
            Number("Participants", number(people)),
            Number("With a supporting result", share(supported, cases.height)),
        ),
        table=table,
        labels=CASE_LABELS,
        footnotes=(
            _limits_in_words(board),
            *(
                (f"Not in the extract, to be asked for: {', '.join(asked_for)}.",)
                if asked_for
                else ()
            ),
            *standard_queries(board),
            *sealed_terms(board),
        ),
        assumptions=board.trial.assumptions("special_interest"),
        lists=tuple(list_of_interest(board, groups[group], arm) for group, arm in places),
        row_lists=tuple(places[key] for key in keys),
    )


CASE_LABELS = {
    "start_date": "Began",
    "beyond": "Results beyond a limit",
    "support": "Results around the onset",
}


def _support_by_case(board: Board) -> pl.DataFrame:
    """By `group`, `record_key`: how many results around the onset are `beyond`, all as `support`.

    A case of a group without limits has no row.
    """
    supports = [
        {"group": group.id, "number": number, **support.model_dump()}
        for group in board.trial.special_interest
        for number, support in enumerate(group.supports)
    ]
    if not supports:
        return pl.DataFrame(schema=_SUPPORT)
    measures = {measure.name: measure for measure in board.trial.measures}
    rules = pl.DataFrame(
        [
            {
                "group": rule["group"],
                "number": rule["number"],
                "label": measures[rule["measure"]].label,
                "unit": measures[rule["measure"]].unit,
            }
            for rule in supports
        ],
        schema={"group": pl.String, "number": pl.Int32, "label": pl.String, "unit": pl.String},
    )
    value = pl.col("value").map_elements(lambda value: f"{value:g}", return_dtype=pl.String)
    is_beyond = pl.col("is_beyond").fill_null(value=False)
    words = (
        pl.when(pl.col("value").is_null())
        .then(pl.format("{} not measured", "label"))
        .otherwise(
            pl.format(
                "{} {} {} on day {}{}",
                "label",
                value,
                "unit",
                "day",
                pl.when(is_beyond).then(pl.lit(" (beyond)")).otherwise(pl.lit("")),
            )
        )
    )
    rows = board.ask("special_interest/case_support", supports=supports)
    return (
        rows.join(rules, on=["group", "number"], how="left", maintain_order="left")
        .group_by("group", "record_key", maintain_order=True)
        .agg(
            beyond=is_beyond.sum().cast(pl.Int64),
            support=words.unique(maintain_order=True).str.join("; "),
        )
    )


_SUPPORT = {"group": pl.String, "record_key": pl.String, "beyond": pl.Int64, "support": pl.String}


def _limits_in_words(board: Board) -> str:
    """Which results support a case of each group, and in which days around the onset."""
    measures = {measure.name: measure for measure in board.trial.measures}
    words = []
    for group in board.trial.special_interest:
        limits = []
        for support in group.supports:
            measure = measures[support.measure]
            limit = "at most" if support.at_least is None else "at least"
            value = support.at_most if support.at_least is None else support.at_least
            days = f"{counted(support.days_before, 'day')} before to {support.days_after} after"
            limits.append(f"{measure.label} {limit} {value:g} {unit(measure.unit)}, {days}")
        if limits:
            words.append(f"{group.name}: {'; '.join(limits)}")
    if not words:
        return "The trial definition names no results that support a case."
    return f"Supporting results, in days around the onset. {'. '.join(words)}."
