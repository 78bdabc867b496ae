"""Plotly figures that every theme and a phone can show.

Backgrounds are transparent, lines are greys that show on white and on near-black, text on a colour
brings its own, and `in_theme` sets the rest. Bars and tables of tiles that need no axis are HTML:
`ecgapp.report.html`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

# Never used here: Plotly takes pandas for loaded as soon as another visitor's thread has begun to
# load it, and fails on the half that is there. Loaded first, it is whole.
import pandas as pd  # noqa: F401
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ecgapp.report.language import _, localized
from ecgapp.report.words import (
    ACCENT,
    FAINT_GREY,
    GREY,
    TEXT_ON_DARK,
    TEXT_ON_LIGHT,
    TILE_FULL,
    TILE_PAPER,
    axis_name,
    ink_on_tile,
    lead_title,
    reading_order,
    with_interval,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ecgapp.evaluation.out_of_fold import Estimate, Histories
    from ecgapp.report.comparison import BeatPair

# Height of the button that saves a figure, and of a legend's line, as Plotly draws them.
_BUTTON_PX, _LINE_PX = 26, 26
# Shares, from the first colour to the second.
_HEAT = [[0.0, TILE_PAPER], [1.0, TILE_FULL]]


def lead_accuracy_figure(accuracy: dict[str, Estimate]) -> go.Figure:
    """Draw each lead's accuracy with its interval.

    Parameters
    ----------
    accuracy : dict of str to Estimate
        Lead -> share of sheets read right from that lead alone.

    Returns
    -------
    plotly.graph_objects.Figure
        Leads from the top in the order in which a sheet prints them.
    """
    leads = reading_order(list(accuracy))
    figure = interval_dots(
        [accuracy[lead] for lead in leads],
        [axis_name(lead) for lead in leads],
        [f"{lead_title(lead)}: {with_interval(accuracy[lead])}" for lead in leads],
    )
    figure.update_xaxes(tickformat=".0%")
    return plain(figure, height=len(leads) * 26 + 50)


def interval_dots(
    estimates: Sequence[Estimate], rows: Sequence[str], hover: Sequence[str]
) -> go.Figure:
    """Draw a dot with its interval in every row, the first on top.

    Parameters
    ----------
    estimates : sequence of Estimate
        Shares, or differences of shares.
    rows, hover : sequence of str
        What each row is called on the axis, and what it says in full; as long as ``estimates``.

    Returns
    -------
    plotly.graph_objects.Figure
        Not yet of a height.
    """
    figure = go.Figure(
        go.Scatter(
            x=[estimate.value for estimate in estimates],
            y=list(rows),
            mode="markers",
            marker={"size": 10, "color": ACCENT},
            error_x=error_bars(estimates),
            hovertemplate=[f"{text}<extra></extra>" for text in hover],
        )
    )
    figure.update_xaxes(gridcolor=FAINT_GREY, zeroline=False, fixedrange=True, nticks=6)
    figure.update_yaxes(autorange="reversed", gridcolor=FAINT_GREY, fixedrange=True)
    return figure


def error_bars(estimates: Sequence[Estimate]) -> dict[str, object]:
    """Describe the intervals of some estimates to Plotly."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [estimate.high - estimate.value for estimate in estimates],
        "arrayminus": [estimate.value - estimate.low for estimate in estimates],
        "color": GREY,
        "thickness": 1.5,
    }


def training_figure(histories: Histories, quantity: str, title: str) -> go.Figure:
    """Draw training and validation curves, one thin line a fold and a thick mean.

    Parameters
    ----------
    histories : dict of str to dict of str to list of float
        Fold -> ``epoch``, ``<quantity>`` and ``val_<quantity>`` -> one value an epoch; a model
        that was trained for a fixed number of epochs has no validation.
    quantity : str
        ``accuracy`` or ``loss``.
    title : str
        Title of the vertical axis.

    Returns
    -------
    plotly.graph_objects.Figure
        Training dashed and grey, validation solid and coloured.
    """
    figure = go.Figure()
    epoch = _("epoch")
    for column, name, colour, dash in (
        (quantity, _("Training"), GREY, "dash"),
        (f"val_{quantity}", _("Validation"), ACCENT, "solid"),
    ):
        if not all(column in history for history in histories.values()):
            continue
        for fold, history in histories.items():
            figure.add_scatter(
                x=history["epoch"],
                y=history[column],
                mode="lines",
                line={"color": colour, "width": 1, "dash": dash},
                opacity=0.45,
                showlegend=False,
                hovertemplate=f"{name}, {fold}, {epoch} %{{x}}: %{{y:.2f}}<extra></extra>",
            )
        # Folds stop early at different epochs; a mean over those still running would jump.
        n_shared = min(len(history[column]) for history in histories.values())
        figure.add_scatter(
            x=next(iter(histories.values()))["epoch"][:n_shared],
            y=np.mean([history[column][:n_shared] for history in histories.values()], axis=0),
            mode="lines",
            name=name,
            line={"color": colour, "width": 3, "dash": dash},
            hovertemplate=f"{name}, {_('mean of runs')}, {epoch} %{{x}}: %{{y:.2f}}<extra></extra>",
        )
    figure.update_xaxes(title={"text": _("Epoch")}, gridcolor=FAINT_GREY, fixedrange=True)
    figure.update_yaxes(title={"text": title}, gridcolor=FAINT_GREY, fixedrange=True)
    figure = plain(figure, height=300)
    figure.update_layout(
        showlegend=True, legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
    )
    return figure


def beats_figure(pairs: Sequence[BeatPair]) -> go.Figure:
    """Draw the average beats of two readings over each other, one small plot a lead.

    Parameters
    ----------
    pairs : sequence of BeatPair
        At least one; all are drawn at one scale.

    Returns
    -------
    plotly.graph_objects.Figure
        Two plots a row; the earlier beat dashed and grey, the later solid and coloured.
    """
    n_rows = (len(pairs) + 1) // 2
    figure = make_subplots(
        rows=n_rows,
        cols=2,
        shared_xaxes="all",
        shared_yaxes="all",
        horizontal_spacing=0.04,
        vertical_spacing=0.16 / n_rows,
        subplot_titles=[pair.lead for pair in pairs],
    )
    for number, pair in enumerate(pairs):
        place = {"row": number // 2 + 1, "col": number % 2 + 1}
        for name, values, colour, dash, width in (
            (_("Earlier"), pair.earlier_mv, GREY, "dot", 2),
            (_("Later"), pair.later_mv, ACCENT, "solid", 2),
        ):
            figure.add_scatter(
                x=pair.time_ms[::2].round(),
                y=values[::2].round(3),
                mode="lines",
                name=name,
                legendgroup=name,
                showlegend=number == 0,
                line={"color": colour, "dash": dash, "width": width},
                hovertemplate=f"{pair.lead}, {name.lower()}: %{{y:.2f}} mV at %{{x}} ms"
                "<extra></extra>",
                **place,
            )
    figure.update_xaxes(gridcolor=FAINT_GREY, zeroline=False, fixedrange=True, dtick=200)
    figure.update_yaxes(gridcolor=FAINT_GREY, zerolinecolor=GREY, fixedrange=True, nticks=5)
    figure = plain(figure, height=150 * n_rows + 60)
    figure.update_layout(
        showlegend=True,
        margin={"t": 50},
        legend={"orientation": "h", "x": 0, "y": 1, "yref": "container", "yanchor": "top"},
    )
    return figure


def figure_rows(figure: go.Figure) -> list[dict[str, object]]:
    """List the numbers that a figure draws, one row a point.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
        Of lines, dots and bars.

    Returns
    -------
    list of dict of str to object
        ``series``, ``x`` and ``y``, and ``x_low`` and ``x_high`` or ``y_low`` and ``y_high`` where
        the figure draws intervals. Lines that only guide the eye are left out.
    """
    rows: list[dict[str, object]] = []
    for trace in figure.data:
        if trace.x is None or trace.y is None or trace.hoverinfo == "skip":
            continue
        # Plotly takes long to give anything of a trace, so each is asked for once.
        points: dict[str, Sequence[object]] = {"x": trace.x, "y": trace.y}
        series = trace.name or ""
        for axis in ("x", "y"):
            up, down = (trace[f"error_{axis}"][side] for side in ("array", "arrayminus"))
            if up is not None:
                middle = np.asarray(points[axis])
                points |= {f"{axis}_low": middle - down, f"{axis}_high": middle + up}
        for values in zip(*points.values(), strict=True):
            rows.append({"series": series, **dict(zip(points, values, strict=True))})
    return rows


def in_theme(figure: go.Figure, theme: str | None) -> go.Figure:
    """Give the text that stands on the page itself the theme's contrast.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
        Changed in place.
    theme : str or None
        ``light``, ``dark`` or None for unknown, which is taken for light.

    Returns
    -------
    plotly.graph_objects.Figure
        The same.
    """
    colour = TEXT_ON_DARK if theme == "dark" else TEXT_ON_LIGHT
    text = {"color": colour, "size": 13}
    bar = {"bgcolor": "rgba(0,0,0,0)", "color": colour, "activecolor": ACCENT}
    figure.update_layout(font_color=colour, legend_font=text, modebar=bar)
    figure.update_xaxes(tickfont=text, title_font=text)
    figure.update_yaxes(tickfont=text, title_font=text)
    figure.for_each_annotation(
        lambda note: note.update(font=text) if note.font.color is None else None
    )
    return figure


def with_button_above(figure: go.Figure) -> go.Figure:
    """Leave room above a figure for the button that saves it, beside nothing else.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
        Of a height; changed in place.

    Returns
    -------
    plotly.graph_objects.Figure
        The same.
    """
    line_above = figure.layout.showlegend or figure.layout.xaxis.side == "top"
    line_px = _LINE_PX if line_above else 0
    return figure.update_layout(
        height=figure.layout.height + _BUTTON_PX,
        margin_t=max(figure.layout.margin.t or 0, line_px) + _BUTTON_PX,
    )


def tiles(
    shares: NDArray[np.float64],
    texts: list[list[str]],
    columns: list[str],
    rows: list[str],
    hover: list[list[str]],
) -> go.Figure:
    """Draw a table of tiles, shaded from paper to full colour, each with its text on it."""
    figure = go.Figure(
        go.Heatmap(
            z=shares,
            zmin=0,
            zmax=1,
            colorscale=_HEAT,
            showscale=False,
            xgap=2,
            ygap=2,
            hovertext=hover,
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )
    # In one list: added one by one, each is checked against all before it.
    annotations = [
        {
            "x": column,
            "y": row,
            "text": text,
            "showarrow": False,
            "font": {
                "color": ink_on_tile(shares[row][column]),
                "size": 13,
            },
        }
        for row, of_row in enumerate(texts)
        for column, text in enumerate(of_row)
    ]
    figure.update_layout(annotations=annotations)
    figure.update_xaxes(
        tickvals=list(range(len(columns))), ticktext=columns, side="top", showgrid=False,
        zeroline=False, fixedrange=True, ticks="",
    )  # fmt: skip
    figure.update_yaxes(
        tickvals=list(range(len(rows))), ticktext=rows, autorange="reversed", showgrid=False,
        zeroline=False, fixedrange=True, ticks="",
    )  # fmt: skip
    return figure


def plain(figure: go.Figure, height: int) -> go.Figure:
    """Take away what a theme or a phone would trip over: background, wide margins, dragging."""
    figure.update_layout(
        height=height,
        # The decimal sign, then the one between thousands.
        separators=localized("0.0")[1] + localized("0,000")[1],
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        dragmode=False,
        showlegend=False,
    )
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True)
    return figure
