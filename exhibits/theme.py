"""Colors, marks and layout of every figure, in one place.

Arms differ by color, marker and dash, so that they stay apart in print and for color-blind readers
(hues after Okabe & Ito 2008, darkened until each has a contrast of 3 : 1 and more on the light and
on the dark background). No color stands for good or bad.
"""

import html
from dataclasses import dataclass

import plotly.graph_objects as go

ACCENT = "#2f7fbf"
QUIET = "#7d8790"
BAND = "rgba(47, 127, 191, 0.18)"
GRID = "rgba(125, 135, 144, 0.22)"
FONT_SIZE = 15


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


def arm_style(position: int) -> ArmStyle:
    """The style of the arm at `position`, counted from 1 as the views count."""
    return ARM_STYLES[(position - 1) % len(ARM_STYLES)]


def hatch(shape: str) -> dict[str, object]:
    """Hatching over a bar's color, so that bars stay apart in print."""
    return {"shape": shape, "fillmode": "overlay", "fgcolor": "rgba(255,255,255,0.55)", "size": 7}


def safe(text: str) -> str:
    """Text from an extract as a figure may carry it: Plotly reads HTML in labels."""
    return html.escape(text, quote=False)


def figure(*, x_title: str, y_title: str, height: int = 420) -> go.Figure:
    """An empty figure with the house's axes; axis titles carry units."""
    empty = go.Figure()
    empty.update_layout(
        height=height,
        margin={"l": 10, "r": 10, "t": 36, "b": 10},
        font={"size": FONT_SIZE},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
        hoverlabel={"font": {"size": FONT_SIZE}},
        bargap=0.25,
    )
    axis = {"gridcolor": GRID, "zeroline": False, "automargin": True, "tickfont": {"size": 14}}
    empty.update_xaxes(title={"text": x_title}, **axis)
    empty.update_yaxes(title={"text": y_title}, rangemode="tozero", **axis)
    return empty
