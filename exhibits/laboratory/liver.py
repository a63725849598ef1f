"""Is there liver injury? Peaks, and signs of Hy's law."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from exhibits.exhibit import Exhibit, Number, People, exhibit
from exhibits.laboratory.results import AFTER, SEALED_VISITS, of_all_and_by_arm
from exhibits.parts.comparison import share_of_arm, shares_in_arms, too_few_note
from exhibits.parts.populations import row_name
from exhibits.parts.theme import QUIET, arm_style, figure, in_lines, safe
from exhibits.parts.words import counted, decimal, rounded_column
from queries import Board
from trials import Liver

LIVER_METHOD = (
    "Multiples of the upper limit of normal that is recorded with the result; one of 0 or below is "
    "none.",
    "Not judged, and in no other box: who has a result without a limit that is higher than all of "
    "its measure with one, unless the others are in the range of Hy's law.",
    AFTER.replace("After baseline: after", "Results after"),
    SEALED_VISITS,
)

QUADRANTS = {
    "hys_law": "Hy's law range",
    "temple": "Temple's corollary",
    "cholestasis": "Cholestasis",
    "neither": "Neither",
    "not_judged": "Not judged",
}
# Of a participant: multiples of the upper limit of normal, and a ratio of two of them.
MULTIPLES = (
    "aminotransferase",
    "bilirubin",
    "alkaline_phosphatase",
    "alkaline_phosphatase_between",
    "r_ratio",
)
OF_ALKALINE_PHOSPHATASE = MULTIPLES[2:]


NOT_MEASURED = "Cholestasis cannot be excluded: alkaline phosphatase is not measured."


def _rules(board: Board) -> Liver:
    assert board.trial.liver is not None
    return board.trial.liver


def _with_liver_signs(title: str, **chosen: Any) -> People:
    anybody = {"quadrant": None, "arm": None}
    any_course = dict.fromkeys(("in_window", "under_limit", "unexplained"), False)
    return People(title, "people/with_liver_signs", tuple((anybody | any_course | chosen).items()))


def _liver_notes(board: Board) -> tuple[str, ...]:
    liver = _rules(board)
    cholestasis = (
        f"alkaline phosphatase between the two under {liver.alkaline_phosphatase_below:g} × ULN, "
        if liver.alkaline_phosphatase
        else ""
    )
    notes = [
        f"Hy's law ({liver.source}): {_aminotransferases(board)} of at least "
        f"{liver.aminotransferase_at_least:g} × the upper limit of normal (ULN) and, on the day or "
        f"up to {liver.window_days} days later, bilirubin of at least "
        f"{liver.bilirubin_at_least:g} × ULN, {cholestasis}and no other cause. The last is for a "
        "physician to judge: no finding here is a diagnosis.",
    ]
    if not liver.alkaline_phosphatase:
        notes.append(NOT_MEASURED)
    if liver.context:
        notes.append(
            f"Could explain it: {' or '.join(item.name for item in liver.context)} in the "
            f"{liver.context_days} days before the rise (hypoxic hepatitis)."
        )
    return tuple(notes)


def _aminotransferases(board: Board) -> str:
    measures = board.trial.measures_by_name
    return " or ".join(measures[name].label for name in _rules(board).aminotransferases)


def _no_peaks(board: Board, tested: pl.DataFrame) -> str:
    """Why there is nothing to show; empty where anybody has a peak that is known."""
    if any(tested[name].count() for name in MULTIPLES[:2]):
        return ""
    return (
        f"Nobody has both {_aminotransferases(board)} and bilirubin with an upper limit of normal "
        f"after day 1.{_not_judged(tested)}"
    )


def _not_judged(tested: pl.DataFrame) -> str:
    """How many are not judged, as a sentence; empty where all are."""
    unjudged = tested.filter(pl.col("quadrant") == "not_judged").height
    if not unjudged:
        return ""
    return (
        f" Not judged, for the highest value has no upper limit of normal: {unjudged:,} of "
        f"{tested.height:,}."
    )


@exhibit(
    page="board-laboratory",
    tab="Liver",
    leads=51,
    title="Liver: highest aminotransferase against highest bilirubin (eDISH)",
    needs=("liver",),
    data=("LB",),
    filtered=True,
    method=(
        *LIVER_METHOD,
        "ALP: alkaline phosphatase. Peaks may be of different days; the course (rise, days to "
        "bilirubin, R) is there where bilirubin followed within the window. R: the "
        "aminotransferase over ALP on the day of the rise, both × ULN; at least 5 is "
        "hepatocellular, at most 2 cholestatic. Larger marks: ALP was under its limit. Who is not "
        "judged has no mark.",
    ),
)
def liver(board: Board) -> Exhibit:
    """Each participant's highest aminotransferase against the highest bilirubin (eDISH)."""
    rows = board.ask("laboratory/liver")
    order = {quadrant: place for place, quadrant in enumerate(QUADRANTS)}
    shown = rows.drop_nulls("quadrant").sort(
        pl.col("quadrant").replace_strict(order), maintain_order=True
    )
    if nothing := _no_peaks(board, shown):
        return Exhibit(missing=nothing)
    boxes = list(dict.fromkeys(shown.select("quadrant", "arm").rows()))
    shown = shown.with_columns(
        pl.Series("list", [boxes.index(box) for box in shown.select("quadrant", "arm").rows()])
    )
    judged = shown.filter(pl.col("quadrant") != "not_judged")
    in_box = {
        quadrant: of_all_and_by_arm(
            board,
            judged.group_by("arm", "position")
            .agg(participants=(pl.col("quadrant") == quadrant).sum(), tested=pl.len())
            .sort("position"),
            "participants",
            "tested",
        )
        for quadrant in ("hys_law", "temple")
    }
    in_range = shown.filter(pl.col("quadrant") == "hys_law").height
    unjudged = _not_judged(shown)
    hys_law = f"In Hy's law range: {in_box['hys_law']}." if in_range else ""
    multiples = [
        name
        for name in MULTIPLES
        if _rules(board).alkaline_phosphatase or name not in OF_ALKALINE_PHOSPHATASE
    ]
    without = ["without_limit"] if unjudged else []
    return Exhibit(
        answer=f"In Hy's law range by their peaks: {in_box['hys_law']}; in that of Temple's "
        f"corollary: {in_box['temple']}.{unjudged}",
        attention=f"{hys_law}{unjudged}".strip(),
        denominator=f"n = {judged.height:,} judged of {rows.height:,}; {shown.height:,} with both "
        "tests after day 1",
        picture=(lambda: _edish(board, judged)) if judged.height else None,
        description="A mark for each participant, the highest aminotransferase to the right and "
        "the highest bilirubin upwards, both as multiples of the upper limit of normal on log "
        f"axes; lines divide four boxes. {counted(in_range, 'mark')} in Hy's law range.",
        table=shown.select(
            pl.col("quadrant").replace_strict(QUADRANTS),
            "arm",
            *(rounded_column(shown[name], 2) for name in multiples),
            "rise_day",
            "days_after",
            "context",
            *without,
        ),
        labels={
            "quadrant": "Box",
            "aminotransferase": f"Peak {_aminotransferases(board)}, × ULN",
            "bilirubin": "Peak bilirubin, × ULN",
            "alkaline_phosphatase": "Peak ALP, × ULN",
            "alkaline_phosphatase_between": "ALP in the course, × ULN",
            "r_ratio": "R ratio",
            "rise_day": "Rise on day",
            "days_after": "Days to bilirubin",
            "context": "May explain it",
            "without_limit": "No upper limit of normal",
        },
        lists=tuple(
            _with_liver_signs(row_name(board, QUADRANTS[quadrant], arm), quadrant=quadrant, arm=arm)
            for quadrant, arm in boxes
        ),
        row_lists=tuple(shown["list"].to_list()),
        footnotes=_liver_notes(board),
        assumptions=board.trial.assumptions("liver"),
    )


# Lower values are drawn here: a log axis has no zero.
LOWEST_DRAWN = 0.1


def _edish(board: Board, shown: pl.DataFrame) -> "go.Figure":
    limits = _rules(board)
    traces = []
    for position, arm in enumerate(board.arms, start=1):
        style = arm_style(position)
        rows = shown.filter(pl.col("position") == position)
        traces.append(
            go.Scatter(
                x=rows["aminotransferase"].clip(LOWEST_DRAWN).to_list(),
                y=rows["bilirubin"].clip(LOWEST_DRAWN).to_list(),
                mode="markers",
                marker={
                    "color": style.color,
                    "symbol": style.symbol,
                    "size": [15 if under else 9 for under in rows["is_under_limit"]],
                    "opacity": 0.8,
                    "line": {"width": 1, "color": "white"},
                },
                name=safe(arm),
                showlegend=len(board.arms) > 1,
                text=[_course(row) for row in rows.iter_rows(named=True)],
                customdata=rows["list"].to_list(),
                hovertemplate="%{text}<extra>" + safe(arm) + "</extra>",
            )
        )
    axes = {
        "type": "log",
        "rangemode": "normal",
        "tickvals": [0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 20, 50, 100],
    }
    drawn = figure(
        x_title=f"{_aminotransferases(board)}, highest × ULN",
        y_title="Bilirubin, highest × ULN",
        height=520,
        traces=traces,
        layout={
            "xaxis": axes | {"range": _log_range(shown["aminotransferase"].max(), 20)},
            "yaxis": axes | {"range": _log_range(shown["bilirubin"].max(), 10)},
        },
    )
    line = {"color": QUIET, "width": 1.5, "dash": "dash"}
    drawn.add_vline(x=limits.aminotransferase_at_least, line=line)
    drawn.add_hline(y=limits.bilirubin_at_least, line=line)
    for name, right, top in (("hys_law", 1, 1), ("temple", 1, 0), ("cholestasis", 0, 1)):
        drawn.add_annotation(
            text=in_lines(QUADRANTS[name], 11),
            x=right,
            y=top,
            xref="paper",
            yref="paper",
            xanchor="right" if right else "left",
            yanchor="top" if top else "bottom",
            align="right" if right else "left",
            showarrow=False,
        )
    return drawn


def _log_range(largest: Any, least: float) -> list[float]:
    return [float(np.log10(LOWEST_DRAWN * 0.85)), float(np.log10(max(largest * 1.3, least)))]


def _course(row: dict[str, Any]) -> str:
    parts = [
        QUADRANTS[row["quadrant"]],
        f"aminotransferase {decimal(row['aminotransferase'])} × ULN",
        f"bilirubin {decimal(row['bilirubin'])} × ULN",
    ]
    if row["days_after"] is not None:
        between, ratio = row["alkaline_phosphatase_between"], row["r_ratio"]
        parts += [
            f"bilirubin {counted(row['days_after'], 'day')} after the rise",
            "alkaline phosphatase not known"
            if between is None
            else f"alkaline phosphatase {decimal(between)} × ULN",
            "" if ratio is None else f"R {decimal(ratio)}",
            row["context"] or "",
        ]
    return "<br>".join(safe(part) for part in parts if part)


@exhibit(
    page="board-laboratory",
    tab="Liver",
    title="Liver: candidates for Hy's law",
    needs=("liver",),
    data=("LB",),
    filtered=True,
    method=LIVER_METHOD,
)
def liver_injury_signs(board: Board) -> Exhibit:
    """Participants with signs of severe liver injury, from peaks down to Hy's law, by arm."""
    limits = _rules(board)
    rows = board.ask("laboratory/liver")
    tested = rows.drop_nulls("quadrant")
    if nothing := _no_peaks(board, tested):
        return Exhibit(missing=nothing)
    judged = tested.filter(pl.col("quadrant") != "not_judged")
    in_window = pl.col("days_after").is_not_null()
    under = pl.col("is_under_limit").fill_null(value=False)
    below = f"{limits.alkaline_phosphatase_below:g} × ULN"
    is_measured = limits.alkaline_phosphatase is not None
    possible = in_window & under if is_measured else in_window
    signs: tuple[tuple[str, pl.Expr, dict[str, Any]], ...] = (
        ("Hy's law range by peaks", pl.col("quadrant") == "hys_law", {"quadrant": "hys_law"}),
        (f"Bilirubin within {limits.window_days} days of the rise", in_window, {"in_window": True}),
        *(
            (
                (
                    f"… and alkaline phosphatase under {below}",
                    possible,
                    {"in_window": True, "under_limit": True},
                ),
            )
            if is_measured
            else ()
        ),
        (
            "… and nothing recorded that could explain it",
            possible & pl.col("context").is_null(),
            {"in_window": True, "under_limit": is_measured, "unexplained": True},
        ),
        ("Temple's corollary", pl.col("quadrant") == "temple", {"quadrant": "temple"}),
        ("Cholestasis", pl.col("quadrant") == "cholestasis", {"quadrant": "cholestasis"}),
    )
    unjudged = _not_judged(tested)
    if unjudged:
        is_unjudged = pl.col("quadrant") == "not_judged"
        signs = (*signs, (QUADRANTS["not_judged"], is_unjudged, {"quadrant": "not_judged"}))
    counted_rows, lists = [], []
    for words, chosen, values in signs:
        for arm in board.arms:
            of_rows = tested if values.get("quadrant") == "not_judged" else judged
            of_arm = of_rows.filter(pl.col("arm") == arm)
            counted_rows.append((words, arm, of_arm.filter(chosen).height, of_arm.height))
            title_of_list = row_name(board, words.removeprefix("… and ").capitalize(), arm)
            lists.append(_with_liver_signs(title_of_list, arm=arm, **values))
    table = pl.DataFrame(
        counted_rows,
        schema={"sign": pl.String, "arm": pl.String, "participants": pl.Int64, "of": pl.Int64},
        orient="row",
    )
    in_all = [tested.filter(chosen).height for _, chosen, _ in signs]

    def by_arm(place: int) -> str:
        part = table[place * len(board.arms) : (place + 1) * len(board.arms)]
        several = len(board.arms) > 1
        return shares_in_arms(board, part.iter_rows(named=True), "of") if several else ""

    def list_of(place: int) -> People | None:
        return lists[place] if len(board.arms) == 1 and in_all[place] else None

    shown_numbers = [("Hy's law range by peaks", 0), ("Bilirubin within the window", 1)]
    if is_measured:
        shown_numbers.append((f"… and ALP under {below}", 2))
        unknown = tested.filter(in_window, pl.col("is_under_limit").is_null()).height
        further = f"; with alkaline phosphatase under {below}: {in_all[2]:,}"
        further += f", not known of {unknown:,}." * bool(unknown) or "."
    else:
        further = f". {NOT_MEASURED}"
    if unjudged:
        shown_numbers.append((QUADRANTS["not_judged"], len(signs) - 1))
    return Exhibit(
        answer=f"Bilirubin followed a rise of {_aminotransferases(board)} within the window in "
        f"{share_of_arm(board, in_all[1], judged.height)}{further}{unjudged}",
        denominator=f"n = {judged.height:,} judged of {rows.height:,}; {tested.height:,} with both "
        "tests after day 1",
        numbers=tuple(
            Number(words, f"{in_all[place]:,}", by_arm(place), list_of(place))
            for words, place in shown_numbers
        ),
        table=table,
        labels={"of": "Judged"},
        lists=tuple(lists),
        row_lists=tuple(
            place if count else None for place, count in enumerate(table["participants"])
        ),
        footnotes=(*_liver_notes(board), *too_few_note(board, table["of"])),
        assumptions=board.trial.assumptions("liver"),
    )
