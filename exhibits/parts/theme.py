"""Colors, marks and layout of every figure, in one place.

Arms differ by color, marker and dash, so that they stay apart in print and for color-blind readers
(hues after Okabe & Ito 2008, darkened until each has a contrast of 3 : 1 and more on the light and
on the dark background). No color stands for good or bad.
"""

import html
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from exhibits.parts.words import readable

ACCENT = "#2f7fbf"
QUIET = "#7d8790"
BAND = "rgba(47, 127, 191, 0.18)"
GRID = "rgba(125, 135, 144, 0.22)"
FONT_SIZE = 15
TOOLBAR = 32  # pixels at the top that the legend leaves to the toolbar
LONGEST_NAME = 20  # on an axis, so that half a telephone's width is enough


@dataclass(frozen=True)
class ArmStyle:
    """How one arm is drawn everywhere."""

    color: str
    symbol: str
    dash: str
    pattern: str


ARM_STYLES = (
    ArmStyle("#2f7fbf", "circle", "solid", ""),
    ArmStyle("#d55e00", "square", "dash", "/"),
    ArmStyle("#b5548c", "diamond", "dot", "x"),
    ArmStyle("#4f7a28", "triangle-up", "dashdot", "."),
)

# The less of what was due is there, the darker. Opaque, so that text stands out in light and dark.
MISSING_SCALE = ((0.0, "#4c6fa5"), (1.0, "#e6edf6"))


@dataclass(frozen=True)
class State:
    """How one part of a whole is drawn: what became of people, which no arm's color may say."""

    color: str
    pattern: str = ""


class STATES:
    """What may have become of a participant; the same in every picture."""

    as_planned = State("#4c6fa5")
    to_come = State("rgba(125, 135, 144, 0.22)")
    died = State("#6a4c93", "x")
    left = State("#8f6d1d", "/")
    not_known = State(QUIET, ".")
    undated = State(QUIET, "|")


def arm_style(position: int) -> ArmStyle:
    """The style of the arm at `position`, counted from 1 as the views count."""
    return ARM_STYLES[(position - 1) % len(ARM_STYLES)]


def hatch(shape: str) -> dict[str, object]:
    """Hatching over a bar's color, so that bars stay apart in print."""
    return {"shape": shape, "fillmode": "overlay", "fgcolor": "rgba(255,255,255,0.55)", "size": 7}


def state_marker(state: State) -> dict[str, object]:
    """A bar of one state, outlined so that what is to come is seen on every background."""
    line = {"color": QUIET, "width": 1}
    return {"color": state.color, "pattern": hatch(state.pattern), "line": line}


def safe(text: str) -> str:
    """Text from an extract as a figure may carry it: Plotly reads HTML in labels."""
    return html.escape(readable(text), quote=False)


def axis_names(texts: Sequence[str], lines: int = 1) -> list[str]:
    """Texts from an extract as names on an axis: short, safe, and no two alike.

    Where they stand apart only behind what is left of them, a number tells them apart.

    Args:
        lines: over how many a name may go.
    """
    names: list[str] = []
    for text in (" ".join(readable(text).splitlines()) for text in texts):
        cut = text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"
        if lines > 1:
            parts = textwrap.wrap(text, LONGEST_NAME, max_lines=lines, placeholder="…")
            cut = "\n".join(parts) or cut
        number, candidate = 1, cut
        while candidate in names:
            number += 1
            candidate = f"{cut} ({number})"
        names.append(candidate)
    return ["<br>".join(map(safe, name.split("\n"))) for name in names]


def in_lines(text: str, longest: int = 18) -> str:
    """A long label in several lines, safe for a figure: on a telephone one line is cut off."""
    # A `%` stays with what it belongs to; a word is broken only where it would be cut off.
    text = re.sub(r" %(?! points)", "\u00a0%", text).replace("% points", "%\u00a0points")
    words = max(map(len, text.split(" ")))
    lines = textwrap.wrap(text, max(longest, min(words, LONGEST_NAME)))
    return "<br>".join(safe(line) for line in lines) or safe(text)


def error_bars(
    middle: Iterable[float], low: Iterable[float | None], high: Iterable[float | None]
) -> dict[str, object]:
    """An interval around each dot, as `error_x` or `error_y` of a trace; none without limits."""
    ends = list(zip(middle, low, high, strict=True))
    return {
        "type": "data",
        "symmetric": False,
        "array": [0.0 if above is None else above - value for value, _, above in ends],
        "arrayminus": [0.0 if below is None else value - below for value, below, _ in ends],
        "thickness": 1.5,
    }


def rows_axis(names: Sequence[str]) -> dict[str, object]:
    """A vertical axis with a named row for each place from 0 on, the first one on top.

    Args:
        names: safe already, in lines where they are long.
    """
    return {
        "tickmode": "array",
        "tickvals": list(range(len(names))),
        "ticktext": list(names),
        "range": [len(names) - 0.5, -0.5],
        "rangemode": "normal",
    }


def axis_beside(title: str) -> dict[str, object]:
    """A second horizontal axis, right of the first: for differences, with its zero marked."""
    return {
        "domain": [0.54, 1],
        "anchor": "y",
        "title": {"text": in_lines(title, 12)},
        "gridcolor": GRID,
        "zeroline": True,
        "zerolinecolor": QUIET,
        "zerolinewidth": 2,
        "tickfont": {"size": 14},
    }


# Where a figure has a second axis beside it, the first one's room.
LEFT_OF_AXIS_BESIDE = (0, 0.48)


def counts_axis(counts: Iterable[int | None], room: float = 1.05) -> dict[str, object]:
    """An axis of counts: from zero, also where all are zero, and without fractions between.

    Args:
        counts: what is drawn; of stacked bars the sums; None where nothing is.
        room: how much longer than the largest the axis is, so that text beside its bar fits.
    """
    most = max((count or 0 for count in counts), default=0) or 1
    return {"range": [0, most * room], "dtick": 1 if most <= 5 else None}


# An axis of every figure.
AXIS = {"gridcolor": GRID, "zeroline": False, "automargin": True, "tickfont": {"size": 14}}


def figure(
    *,
    x_title: str,
    y_title: str,
    height: int = 420,
    traces: Sequence[Mapping[str, object]] = (),
    layout: Mapping[str, Any] | None = None,
) -> "go.Figure":
    """A figure with the house's axes; axis titles carry units.

    Args:
        traces: all at once, where there are many: every one that is added to a figure later is
            copied and looked through twice, which takes longer than to draw it.
        layout: what is other than in every figure; parts of an axis are added to the house's.
    """
    house: dict[str, Any] = {
        "height": height + TOOLBAR,
        # Without a legend a name of several lines begins below the toolbar, too.
        "margin": {"l": 10, "r": 10, "t": TOOLBAR + 20, "b": 10},
        "font": {"size": FONT_SIZE},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        # In the order of the traces: of stacked bars Plotly would turn it round.
        "legend": {
            "orientation": "h",
            "yanchor": "bottom",
            "y": 1.02,
            "x": 0,
            "traceorder": "normal",
            # The legend grows upwards to where the toolbar is: there it has an empty title, which
            # is as high as 1.7 times its letters.
            "title": {"text": " ", "side": "top", "font": {"size": TOOLBAR / 1.69}},
        },
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": QUIET, "activecolor": ACCENT},
        "hoverlabel": {"font": {"size": FONT_SIZE}},
        "bargap": 0.25,
        # Beside numbers there is more room than beside names, which go without a title.
        "xaxis": {"title": {"text": in_lines(x_title, 36 if y_title else 18)}, **AXIS},
        "yaxis": {"title": {"text": y_title}, "rangemode": "tozero", **AXIS},
    }
    for name, part in (layout or {}).items():
        house[name] = house.get(name, {}) | part if isinstance(part, Mapping) else part
    return go.Figure(data=list(traces), layout=house)
