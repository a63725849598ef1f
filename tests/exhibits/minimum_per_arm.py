"""What of an exhibit is an estimate, and of which arm: told by labels, names and numbers.

A column is an estimate by its name and label (`ESTIMATE`), unless these say that it is none
(`NO_ESTIMATE`). A number with decimals by arm whose name says neither is reported, so that a new
name is looked at once. Text is an estimate where it has a percentage, a decimal or a range.

Not estimates, and why:

- values of single participants: rows or marks of one participant each;
- what share of the data is there (*Recorded*, *Received*, *Known*): it is of records, not of what
  became of participants;
- shares of all arms together, as allocation has them: their denominator is everybody;
- limits of normal, limits of rules, and what chance alone gives;
- bars of a composition whose text says counts: they draw how many of how many.
"""

import re
from base64 import b64decode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from exhibits import Exhibit

ESTIMATE = re.compile(
    r"%|percent|percentage|share|\brates?\b|rate_|_rate|per 100|\bmeans?\b|mean_|median|quartile|"
    r"deviation|\bsd\b|standardized|std\.|\bsmd\b|difference|\bwins?\b|win_|odds|hazard|"
    r"correlation|slope|p_value|\bp \(|p-value|\blow\b|\bhigh\b|low_|high_|_low|_high|"
    r"\binterval|probability|incidence|survival|estimate|posterior|least squares|points\b|"
    r"standard error|degrees of freedom|\b[tz] statistic|^p p$"
)
NO_ESTIMATE = re.compile(
    r"limits? of normal|chance alone|^(received|recorded|known)\b|\bknown, %|information so far|"
    r"^as it is stated|^method$|^boundary\b|^shift\b|counted on average|"
    r"^patient-days\b|^difference to .*, participants$|^statistic$"
)
# Of all arms together, where there are several.
OF_ALL_ARMS = re.compile(r"^share \(%\)$")
# Between two arms, so that both have to have the minimum.
CONTRAST = re.compile(
    r"difference|interaction|standardized|std\.|\bsmd\b|did better|win_|odds ratio|hazard|"
    r"p_value|\bp \(|p-value|\bminus\b|standard error|degrees of freedom|\b[tz] statistic|^p p$"
)
# The largest between any two arms that have the minimum, and what chance gives it; and against the
# other levels of a characteristic, which have to have it, too.
OF_PAIRS = ("smd", "chance_band", "interaction", "interaction_low", "interaction_high")
LIMIT = re.compile(r"^(.*_)?(low|high)(_.*)?$")
TEXT = re.compile(r"\d\s?%|\d\.\d|\d \(\S+ to \S+\)|\bmedian\b.*\d|\bmean\b.*\d")
# In the order in which they are looked for: the column that says of how many an estimate is.
DENOMINATORS = ("n", "graded", "asked", "of", "randomized", "participants")
OF_THESE = re.compile(r"\bof these\b")

SHARE = re.compile(r"(\d[\d,]*) of (\d[\d,]*)\S* \((?:under |over )?[\d.,]+\s?%")
OF_SO_FEW = re.compile(r"\(?\bn = (\d[\d,]*)\b")
ESTIMATED = re.compile(
    r"median|\bmean|per 100|percentage point|hazard|odds|correlat|probability|\brate\b|\d\s?%|"
    r"\bp = |\bp < |interval",
    re.IGNORECASE,
)
COUNTS = re.compile(r"^(Participants|Randomized|Events|With an event|Patient-days)\b")
DATA = re.compile(r"\b(received|recorded|known) (of those due|for\b)", re.IGNORECASE)
OF_PARTICIPANTS = re.compile(r"for each participant|are participants", re.IGNORECASE)


def plain(text: str | None) -> str:
    """Text without line breaks and hard spaces of a figure."""
    return (text or "").replace("<br>", " ").replace("\N{NO-BREAK SPACE}", " ")


@dataclass(frozen=True)
class Few:
    """Which arm of a Board has too few.

    Attributes:
        arms: all of the Board, in their order.
        small: the arm under the minimum; the only one where the view is pooled.
        reference: the arm that others are compared with.
        least: the minimum.
    """

    arms: tuple[str, ...]
    small: str
    reference: str
    least: int

    @property
    def pooled(self) -> bool:
        """Whether everybody is one arm."""
        return len(self.arms) == 1

    def names(self, text: str | None) -> set[str]:
        """The arms that a text names."""
        return {arm for arm in self.arms if re.search(rf"{re.escape(arm)}(?!\w)", plain(text))}


@dataclass(frozen=True)
class Column:
    """A column of a table, with the arm that its label names, if it does."""

    name: str
    label: str
    arm: str | None
    contrast: bool
    kind: str  # "estimate", "count", "text", or "unknown"


def by_participant(shown: Exhibit) -> bool:
    """Whether each row is of a single participant, or of a record of one."""
    table = shown.table if shown.table is not None else pl.DataFrame()
    return (
        "subject" in table.columns
        or "One randomized participant" in shown.population
        or bool(shown.figure is not None and re.search("mark for each part", shown.description))
    )


def by_arm(shown: Exhibit, few: Few) -> bool:
    """Whether it is about arms: it says so in its population, or names them in its table."""
    if shown.table is None or by_participant(shown):
        return False
    labels = [shown.labels.get(name, name) for name in shown.table.columns]
    return (
        "as randomized" in shown.population
        or "arm" in shown.table.columns
        or any(few.names(label) for label in labels)
        or any(
            few.names(text) for column in shown.table.select(pl.col(pl.String)) for text in column
        )
    )


def columns_of(shown: Exhibit, few: Few) -> list[Column]:
    """The columns of a table; a limit is of what the estimate before it is of."""
    assert shown.table is not None
    columns: list[Column] = []
    contrast, is_none = False, False
    for name, dtype in shown.table.schema.items():
        label = plain(shown.labels.get(name, name))
        words = f"{name} {label}".lower()
        if not LIMIT.match(name) or "difference" in words:
            contrast = bool(CONTRAST.search(words))
            is_none = bool(OF_ALL_ARMS.match(label.lower())) and not few.pooled
        is_none |= bool(NO_ESTIMATE.search(label.lower()))
        is_estimate = ESTIMATE.search(words) and not is_none
        if dtype == pl.String:
            kind = "text" if not is_none else "count"
        elif dtype.is_integer():
            # A whole number can be a median, and the difference of two counts is none.
            says = re.search(r"median|quartile|\bmean|%", words)
            kind = "estimate" if is_estimate and says else "count"
        elif dtype.is_float() or dtype == pl.Null:
            kind = "estimate" if is_estimate else "count" if is_none else "unknown"
        else:
            kind = "count"
        named = few.names(label)
        if contrast and not few.pooled:
            # `Difference to Arm A` is of the arm of the row, `Arm B minus Arm A` of Arm B.
            named -= {few.reference}
        arm = few.small if few.small in named else next(iter(named), None)
        columns.append(Column(name, label, arm, contrast, kind))
    return columns


def arm_of_row(row: dict[str, Any], few: Few) -> str | None:
    """The arm that a row is of: by its column `arm`, else the only one that its texts name."""
    if few.pooled:
        return few.small
    if isinstance(row.get("arm"), str) and few.names(row["arm"]):
        named = few.names(row["arm"])
    else:
        named = {arm for text in row.values() if isinstance(text, str) for arm in few.names(text)}
    return few.small if few.small in named else next(iter(named), None)


def denominator(row: dict[str, Any], column: Column, columns: Iterable[str]) -> int | None:
    """How many participants an estimate of a row is of; None where the table does not say."""
    if OF_THESE.search(column.label.lower()) and row.get("participants") is not None:
        return int(row["participants"])
    ending = re.search(r"_\d+$", column.name)
    if ending or column.arm is not None:
        return None
    for name in DENOMINATORS:
        if name in columns and isinstance(row[name], int):
            # A contrast is of the smaller of two.
            other = row.get(f"{name}_reference") if column.contrast else None
            return min(int(row[name]), row[name] if other is None else int(other))
    return None


def is_too_few(row: dict[str, Any], column: Column, few: Few, columns: Iterable[str]) -> bool:
    """Whether a cell would be an estimate of too few, or a contrast with too few."""
    arm = column.arm or arm_of_row(row, few)
    of = denominator(row, column, columns)
    if arm is not None and arm == few.small:
        return True
    if column.name in OF_PAIRS and len(few.arms) > 2:
        return False
    if column.contrast and few.small == few.reference:
        return True
    # Without an arm in row and column: of two arms it is between them.
    if arm is None and column.contrast and len(few.arms) == 2:
        return True
    return arm is not None and of is not None and of < few.least


def in_table(shown: Exhibit, few: Few) -> Iterator[str]:
    """Estimates of too few in the table, each in words."""
    assert shown.table is not None
    columns = columns_of(shown, few)
    names = shown.table.columns
    for row in shown.table.iter_rows(named=True):
        for column in columns:
            value = row[column.name]
            if value in (None, "") or not is_too_few(row, column, few, names):
                continue
            if column.kind == "text":
                is_key = column.name == "arm" or column.arm is None
                if is_key and not re.search(r"\d\s?%", str(value)):
                    continue
                if SHARE.search(str(value)) and column.arm is None and few.names(str(value)):
                    pass
                if not TEXT.search(plain(str(value))):
                    continue
            elif column.kind != "estimate":
                continue
            whose = [str(row[key]) for key in names if isinstance(row[key], str)][:3]
            yield f"table: {column.name} ({column.label}) = {value!r} in {' · '.join(whose)}"


def unknown_columns(shown: Exhibit, few: Few) -> Iterator[str]:
    """Columns with decimals of which neither name nor label says what they are."""
    assert shown.table is not None
    for column in columns_of(shown, few):
        if column.kind == "unknown" and shown.table[column.name].drop_nulls().len():
            yield f"{column.name} ({column.label})"


# Figures


def _colors(trace: dict[str, Any]) -> set[str]:
    found = {(trace.get(part) or {}).get("color") for part in ("marker", "line")}
    found.add(trace.get("fillcolor"))
    return {_base(color) for color in found if isinstance(color, str)}


def _base(color: str) -> str:
    """`#4c6fa5` and `rgba(76,111,165,0.2)` as the same color."""
    if found := re.match(r"rgba?\((\d+),\s*(\d+),\s*(\d+)", color):
        return "#" + "".join(f"{int(part):02x}" for part in found.groups())
    return color.lower()[:7]


def _values(packed: Any) -> list[Any]:
    """The values of an axis, which Plotly may have packed."""
    if isinstance(packed, dict):
        return list(np.frombuffer(b64decode(packed["bdata"]), packed["dtype"]).tolist())
    return [] if packed is None else list(packed)


def _named(trace: dict[str, Any], few: Few) -> set[str]:
    extra = re.search(r"<extra>(.*)</extra>", trace.get("hovertemplate") or "")
    words = [trace.get("name"), trace.get("legendgroup"), extra[1] if extra else ""]
    return {arm for text in words if isinstance(text, str) for arm in few.names(text)}


def _panels(figure: dict[str, Any], few: Few) -> dict[tuple[str, str], str]:
    """The arm of each panel, where panels are titled by arms."""
    titles = [plain(note.get("text")) for note in figure["layout"].get("annotations", [])]
    titled = [title for title in titles if few.names(title)]
    places = sorted({_place(trace) for trace in figure["data"]}, key=lambda place: (len(place[0]),
                    len(place[1]), place))  # fmt: skip
    if few.pooled or len(titled) != len(few.arms) or len(places) != len(few.arms):
        return {}
    arms = [next(iter(few.names(title))) for title in titled]
    return dict(zip(places, arms, strict=True))


def _place(trace: dict[str, Any]) -> tuple[str, str]:
    return trace.get("xaxis") or "x", trace.get("yaxis") or "y"


def arm_of_trace(
    trace: dict[str, Any], few: Few, colors: dict[str, str], panels: dict[tuple[str, str], str]
) -> str | None:
    """The arm of a trace: by name, by its panel, or by the color of one that has the name."""
    if few.pooled:
        return few.small
    if named := _named(trace, few):
        return few.small if few.small in named else next(iter(named))
    if _place(trace) in panels:
        return panels[_place(trace)]
    found = {colors[color] for color in _colors(trace) if color in colors}
    return next(iter(found)) if len(found) == 1 and not trace.get("name") else None


def _is_participants(trace: dict[str, Any], shown: Exhibit) -> bool:
    """A mark or a line for each participant, by the description and by gaps between lines."""
    if not OF_PARTICIPANTS.search(shown.description) or "error_x" in trace or "error_y" in trace:
        return False
    if "lines" not in (trace.get("mode") or ""):
        return True
    x = [value for value in (trace.get("x") or []) if value is not None]
    return not trace.get("name") and (None in (trace.get("x") or []) or len(set(x)) == len(x) < 30)


def _axis_title(figure: dict[str, Any], axis: str) -> str:
    title = figure["layout"].get(f"{axis[0]}axis{axis[1:]}", {}).get("title") or {}
    return plain(title.get("text"))


def in_figure(shown: Exhibit, few: Few) -> Iterator[str]:
    """Points, lines, error bars and hover texts that estimate too few."""
    if shown.figure is None:
        return
    figure = shown.figure.to_plotly_json()
    figure = {"data": [dict(trace) for trace in figure["data"]], "layout": figure["layout"]}
    for trace in figure["data"]:
        trace |= {axis: _values(trace[axis]) for axis in ("x", "y") if axis in trace}
    panels = _panels(figure, few)
    colors: dict[str, str] = {}
    for trace in figure["data"]:
        if len(named := _named(trace, few)) == 1:
            colors |= dict.fromkeys(_colors(trace), next(iter(named)))
    for trace in figure["data"]:
        yield from _of_trace(trace, shown, few, arm_of_trace(trace, few, colors, panels), figure)


def _of_trace(
    trace: dict[str, Any], shown: Exhibit, few: Few, arm: str | None, figure: dict[str, Any]
) -> Iterator[str]:
    what = f"figure: {trace.get('type')} {trace.get('mode') or ''} of {trace.get('name')!r}"
    titles = [_axis_title(figure, axis) for axis in _place(trace)]
    texts = trace.get("text")
    texts = [texts] if isinstance(texts, str) else texts if isinstance(texts, Sequence) else []
    texts = [plain(text) for text in texts if isinstance(text, str)]
    for text in texts:
        if any(_small_share(text, few)) or (few.names(text) == {few.small} and "%" in text):
            yield f"{what}: text {text!r}"
            break
    if any(DATA.search(title) for title in titles) or trace.get("type") == "heatmap":
        return
    count_axes = [bool(COUNTS.match(title)) and "%" not in title for title in titles]
    # Points of the arm among those of others, by the name of the row.
    rows = [row for row in (trace.get("y") or []) if isinstance(row, str) and few.names(row)]
    if trace.get("type") == "scatter" and arm is None and any(
        few.names(row) == {few.small} for row in rows
    ) and not any(count_axes):  # fmt: skip
        yield f"{what}: point in the row of {few.small}"
    if arm != few.small or trace.get("type") != "scatter":
        return
    if few.pooled and "as randomized" not in shown.population:
        return
    # A key: all that it says is whose the bars beside it are.
    if few.names(hover := trace.get("hovertemplate")) and not re.search("%{", hover or ""):
        return
    points = [
        (x, y)
        for x, y in zip(trace.get("x") or [], trace.get("y") or [], strict=False)
        if x is not None and y is not None
    ]
    if not points or all(count_axes) or (any(count_axes) and "error_y" not in trace):
        return
    if few.pooled and not _estimates_something(trace, titles):
        return
    if _is_participants(trace, shown):
        return
    bars = [axis for axis in ("error_x", "error_y") if trace.get(axis)]
    yield (
        f"{what}: {len(points)} points"
        + (" with error bars" if bars else "")
        + (f", first {points[0]!r}, on {' / '.join(title or '–' for title in titles)!r}")
    )


def _estimates_something(trace: dict[str, Any], titles: Sequence[str]) -> bool:
    """Pooled, no trace has the name of an arm: a reference line is told by its hover text."""
    words = plain(trace.get("hovertemplate")) + " " + (trace.get("name") or "")
    if re.search(r"limit|plan|chance|no change|target|look", words, re.IGNORECASE):
        return False
    return bool(
        "markers" in (trace.get("mode") or "")
        or trace.get("fill")
        or any("%" in title for title in titles)
    )


# Sentences


def sentences(shown: Exhibit) -> Iterator[tuple[str, str]]:
    """Where it stands, and each clause of what an exhibit says."""
    parts = [
        ("answer", shown.answer),
        ("attention", shown.attention),
        ("denominator", shown.denominator),
        ("description", shown.description),
        *(("footnote", note) for note in shown.footnotes),
    ]
    for number in shown.numbers:
        if DATA.search(number.remark):
            continue
        parts.append(("tile", f"{number.label}: {number.value}"))
        parts.append(("tile", f"{number.label}: {number.remark}"))
    for where, text in parts:
        for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z])", plain(text)):
            yield where, sentence


def _small_share(text: str, few: Few) -> Iterator[str]:
    """`2 of 3 (67 %)`: a percentage of too few, whoever they are."""
    for found in SHARE.finditer(text):
        if 0 < int(found[2].replace(",", "")) < few.least:
            yield found[0]


def in_sentences(shown: Exhibit, few: Few) -> Iterator[str]:
    """Estimates of too few in what is said."""
    for where, sentence in sentences(shown):
        if few.pooled and "as randomized" not in shown.population:
            continue
        if DATA.search(sentence):
            continue
        for share in _small_share(sentence, few):
            yield f"{where}: {share!r} in {sentence!r}"
        if any(_small_share(sentence, few)) or NO_ESTIMATE.search(sentence.lower()):
            continue
        if where in ("description", "denominator"):
            continue
        if not ESTIMATED.search(sentence) and not OF_SO_FEW.search(sentence):
            continue
        if any(_of_small(sentence, few)):
            yield f"{where}: {sentence!r}"


NUMBER = r"(?<![\w/])[+−-]?\d[\d,.]*(?!\w)"
# What has a number and is none of the arm: counts, days, methods with their years.
NO_VALUE = re.compile(
    rf"{NUMBER} of {NUMBER}|days? \d+|fewer than \d+|n = \d+|95 % (CI|intervals?)|"
    r"\b(19|20)\d\d\b|\([^()]*%\)"
)


def _of_small(sentence: str, few: Few) -> Iterator[bool]:
    """Whether a sentence with an estimate gives a number of the small arm that is no count."""
    for few_people in OF_SO_FEW.finditer(sentence):
        if int(few_people[1].replace(",", "")) < few.least and not re.search(
            r"fewer than|no rank test|not compared", sentence
        ):
            yield True
    if few.pooled:
        yield bool(re.search(rf"(median|mean)\b[^;.]*?{NUMBER}", sentence, re.IGNORECASE)
                   and not re.search("fewer than|cannot|not estimated", sentence))  # fmt: skip
        yield bool(re.search(rf"{NUMBER} per 100", sentence))
        return
    small = re.escape(few.small)
    # `(Arm A / Arm B): Hemoglobin 131 / 130 g/L`: the place of the arm says which number.
    if header := re.search(r"\(([^()]* / [^()]*)\)", sentence):
        order = [name.strip() for name in header[1].split("/")]
        if few.small in order:
            place = order.index(few.small)
            either = r"(?:[+−-]?\d[\d,.]*|fewer than \d+|–|none)"
            rest = sentence[header.end() :]
            for group in re.finditer(rf"{either}(?: / {either}){{{len(order) - 1}}}", rest):
                yield bool(re.fullmatch(NUMBER, group[0].split(" / ")[place]))
            return
    for piece in _pieces(sentence, few):
        counts = re.sub(small, "", NO_VALUE.sub("", piece))
        if re.search(r"cannot be compared|no rank test|not compared|too few", counts):
            continue
        if re.search(NUMBER, counts):
            yield bool(ESTIMATED.search(piece) or _is_value(sentence))


def _pieces(sentence: str, few: Few) -> Iterator[str]:
    """Parts of a sentence that are about the small arm only, or hold it against another."""
    for piece in sentence.split(";"):
        parts = re.split(rf": (?=[^:;]*{re.escape(few.small)})|, ", piece)
        for part in [piece] if few.names(piece) == {few.small} else parts:
            contrast = re.search(r"minus|than in|against|compared with|better", part)
            named = few.names(part)
            if named == {few.small} or (few.small in named and contrast):
                yield part


def _is_value(sentence: str) -> bool:
    """A sentence that gives one estimate an arm: its head says which."""
    return bool(re.match(r"[^:;]*\b(median|mean|rate)", sentence, re.IGNORECASE))


def estimates_of_too_few(shown: Exhibit, few: Few) -> list[str]:
    """Every estimate of too few that an exhibit gives: in table, figure and sentences."""
    if by_participant(shown) or not (by_arm(shown, few) or shown.numbers or shown.answer):
        return []
    table = list(in_table(shown, few)) if by_arm(shown, few) else []
    return [*table, *in_figure(shown, few), *in_sentences(shown, few)]
