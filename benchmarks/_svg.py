"""Plots as inline SVG in the colours of the page around them."""

import io
from html import escape

import matplotlib
from matplotlib.figure import Figure

# Design: text and axes are drawn in a colour that stands for the page's own (`INK`), which the
# page's style sets for light and dark; the lines' colours are legible on both.

INK = "#010203"
STYLE = {
    "svg.fonttype": "none",  # text stays text: smaller, searchable, in the page's font
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.prop_cycle": matplotlib.cycler(
        color=["#2f7ed8", "#e07b00", "#2aa15a", "#d64550", "#8d6cd1", "#a0723c"]
    ),
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "legend.framealpha": 0,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.color": INK,
    **{
        name: INK
        for name in (
            "text.color",
            "axes.edgecolor",
            "axes.labelcolor",
            "xtick.color",
            "ytick.color",
        )
    },
}


def svg(draw, key, label, size=(8, 3.2)):
    """The SVG element of what `draw` draws into a figure; `key` makes its ids its own."""
    # The salt makes the ids of each plot its own, and the same in every run.
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": key}):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        file = io.StringIO()
        figure.savefig(
            file,
            format="svg",
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    text = file.getvalue()
    head = f'<svg role="img" aria-label="{escape(label)}" '
    return head + text[text.index("<svg") + 5 :].replace(INK, "currentColor")
