"""What people see of the numbers: class colours and names, Plotly figures.

Figures fit any theme: backgrounds are transparent, lines are greys that show on white and on
near-black, text on a colour brings its own, and `in_theme` sets the rest. A class is never told by
colour alone; its name or its abbreviation is always beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

# Never used here: Plotly takes pandas for loaded as soon as another visitor's thread has begun to
# load it, and fails on the half that is there. Loaded first, it is whole.
import pandas as pd  # noqa: F401
import plotly.graph_objects as go
from PIL import Image

from ecgapp.ecg import LEADS, RHYTHM_STRIP

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ecgapp.digitize.leads import NamedLead
    from ecgapp.evaluation.out_of_fold import Estimate, Histories, Summary


@dataclass(frozen=True)
class ClassStyle:
    """How one class is shown everywhere.

    Attributes
    ----------
    name : str
        For people.
    short : str
        Abbreviation, for the sheet and for axes.
    colour : str
        ``#RRGGBB``, from the Okabe-Ito palette, safe for colour-blind readers.
    ink : str
        Colour of text that stands on ``colour``.
    """

    name: str
    short: str
    colour: str
    ink: str


CLASS_STYLES = {
    "normal": ClassStyle("Normal", "N", "#009E73", "#111111"),
    "abnormal_heartbeat": ClassStyle("Abnormal heartbeat", "AHB", "#E69F00", "#111111"),
    "mi": ClassStyle("Myocardial infarction", "MI", "#D55E00", "#111111"),
    "history_of_mi": ClassStyle("History of infarction", "HMI", "#0072B2", "#FFFFFF"),
    "covid_19": ClassStyle("COVID-19", "COV", "#CC79A7", "#111111"),
}
CLASS_FIGURES = {
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "specificity": "Specificity",
}

MODEL_NAMES = {
    "cnn": "CNN",
    "crnn": "CRNN",
    "twelve_lead": "Twelve-lead network",
    "statements": "Statement network",
}

_TEXT_ON_LIGHT = "#16242E"
_TEXT_ON_DARK = "#E4ECF1"
GREY = "#7F8C96"
FAINT_GREY = "rgba(127, 140, 150, 0.25)"
_TILE_PAPER = "#F4F7F9"
ACCENT = "#2B8CA3"
_HEAT = [[0.0, _TILE_PAPER], [1.0, "#15697D"]]
# Share from which white text reads better than dark text on the shade above.
_WHITE_TEXT_FROM = 0.78


def percent(probability: float) -> str:
    """Write a probability as a whole percentage, never as a false 0% or 100%.

    Parameters
    ----------
    probability : float
        From 0 to 1, or not a number.

    Returns
    -------
    str
        Such as ``93%``, ``<1%`` or ``>99%``; a dash for what is not a number.
    """
    if math.isnan(probability):
        return "\u2013"
    rounded = round(100 * probability)
    if rounded == 0 and probability > 0:
        return "<1%"
    if rounded == 100 and probability < 1:
        return ">99%"
    return f"{rounded}%"


def with_interval(estimate: Estimate) -> str:
    """Write a share with its interval, such as ``70% (60% to 80%)``."""
    return f"{percent(estimate.value)} ({percent(estimate.low)} to {percent(estimate.high)})"


def interval_text(estimate: Estimate) -> str:
    """Write a share with its interval as briefly as a table needs, such as ``70% (60-80)``."""
    if math.isnan(estimate.value):
        return "not defined"
    return f"{percent(estimate.value)} ({100 * estimate.low:.0f}\u2013{100 * estimate.high:.0f})"


def class_rows(summary: Summary, classes: Sequence[str]) -> list[dict[str, str]]:
    """Lay out a summary class by class: one row a figure, one column a class.

    Parameters
    ----------
    summary : Summary
    classes : sequence of str
        In the order of the summary's confusion matrix.

    Returns
    -------
    list of dict of str to str
        The first column's key is the empty text.
    """
    short = {name: CLASS_STYLES[name].short for name in classes}
    counts = summary.confusion.sum(axis=1)
    rows = [{"": "n"} | {short[name]: str(n) for name, n in zip(classes, counts, strict=True)}]
    for figure, title in CLASS_FIGURES.items():
        texts = {short[name]: interval_text(summary.by_class[name][figure]) for name in classes}
        rows.append({"": title} | texts)
    return rows


def points(difference: float) -> str:
    """Write a difference of two shares in percentage points, such as ``+1.6``."""
    return f"{100 * difference:+.1f}"


def class_legend(classes: Sequence[str]) -> str:
    """Spell out the abbreviations of some classes in one sentence."""
    styles = [CLASS_STYLES[name] for name in classes]
    return ", ".join(f"{style.short}: {style.name.lower()}" for style in styles) + "."


def one_of(classes: Sequence[str]) -> str:
    """Name alternatives in words, such as ``normal, abnormal heartbeat or myocardial infarction``.

    Parameters
    ----------
    classes : sequence of str
        At least one.
    """
    *others, last = [CLASS_STYLES[name].name.lower() for name in classes]
    return f"{', '.join(others)} or {last}" if others else last


def lead_title(lead: str) -> str:
    """Name a lead for people: ``aVR``, ``Rhythm strip`` (of whichever lead it was printed)."""
    return lead.replace(RHYTHM_STRIP, "Rhythm strip").replace("_", " ")


def axis_name(lead: str) -> str:
    """Name a lead where there is little room."""
    return lead.replace(RHYTHM_STRIP, "strip").replace("_", " ")


def reading_order(leads: Sequence[str]) -> list[str]:
    """Sort leads as a sheet prints them, column by column, the rhythm strip last."""
    return [lead for lead in (*LEADS, RHYTHM_STRIP) if lead in leads]


def leading_class(probabilities: dict[str, float]) -> str:
    """Name the class with the highest probability."""
    return max(probabilities, key=probabilities.__getitem__)


def lead_picture(lead: NamedLead) -> Image.Image:
    """Frame a lead's black-and-white image in paper, so that it has an edge on any theme."""
    margin = 8
    framed = Image.new("L", (lead.image.width + 2 * margin, lead.image.height + 2 * margin), 255)
    framed.paste(lead.image, (margin, margin))
    return framed


def probability_bars(probabilities: dict[str, float]) -> go.Figure:
    """Draw one bar per class with its percentage, in the order given.

    Parameters
    ----------
    probabilities : dict of str to float
        Class -> probability.

    Returns
    -------
    plotly.graph_objects.Figure
        Names above the bars, so that it needs no wide margin on a phone.
    """
    figure = go.Figure()
    names = list(probabilities)
    figure.add_bar(
        x=[1.0] * len(names),
        y=names,
        orientation="h",
        marker={"color": FAINT_GREY},
        hoverinfo="skip",
        width=0.32,
    )
    figure.add_bar(
        x=[probabilities[name] for name in names],
        y=names,
        orientation="h",
        marker={"color": [CLASS_STYLES[name].colour for name in names]},
        hovertemplate=[
            f"{CLASS_STYLES[name].name}: {percent(probabilities[name])}<extra></extra>"
            for name in names
        ],
        width=0.32,
    )
    for name in names:
        for x, anchor, text in (
            (0, "left", CLASS_STYLES[name].name),
            (1, "right", f"<b>{percent(probabilities[name])}</b>"),
        ):
            figure.add_annotation(
                x=x, y=name, text=text, xanchor=anchor, yanchor="bottom", yshift=7,
                showarrow=False, font={"size": 14},
            )  # fmt: skip
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(visible=False, range=[0, 1], fixedrange=True)
    figure.update_yaxes(visible=False, autorange="reversed", fixedrange=True)
    return plain(figure, height=52 * len(names) + 8)


def lead_heat_map(
    lead_probabilities: dict[str, dict[str, dict[str, float]]], model: str
) -> go.Figure:
    """Draw one model's probability of every class in every lead.

    Parameters
    ----------
    lead_probabilities : dict of str to dict
        Lead -> model -> class -> probability.
    model : str
        Which model's.

    Returns
    -------
    plotly.graph_objects.Figure
        Leads from the top in the order in which the sheet prints them, column by column; a rule
        parts the groups of three.
    """
    leads = reading_order(list(lead_probabilities))
    classes = list(lead_probabilities[leads[0]][model])
    values = np.array(
        [[lead_probabilities[lead][model][name] for name in classes] for lead in leads]
    )
    figure = tiles(
        values,
        [[percent(value) for value in row] for row in values],
        columns=[CLASS_STYLES[name].short for name in classes],
        rows=[axis_name(lead) for lead in leads],
        hover=[
            [
                f"Lead {lead_title(lead)}<br>{CLASS_STYLES[name].name}: {percent(value)}"
                for name, value in zip(classes, row, strict=True)
            ]
            for lead, row in zip(leads, values, strict=True)
        ],
    )
    for below in range(3, len(leads), 3):
        figure.add_hline(y=below - 0.5, line={"color": GREY, "width": 1})
    for column, name in enumerate(classes):
        figure.add_shape(
            type="rect", xref="x", yref="paper", x0=column - 0.48, x1=column + 0.48,
            y0=1.002, y1=1.012, fillcolor=CLASS_STYLES[name].colour, line={"width": 0},
        )  # fmt: skip
    return plain(figure, height=len(leads) * 30 + 44)


def confusion_figure(counts: NDArray[np.int64], classes: Sequence[str]) -> go.Figure:
    """Draw a confusion matrix, true class in rows, with counts and row percentages.

    Parameters
    ----------
    counts : ndarray of int, shape (n_classes, n_classes)
        Row: the data set's label; column: the verdict.
    classes : sequence of str
        Class order of rows and columns.

    Returns
    -------
    plotly.graph_objects.Figure
        Tiles are shaded by the share of the row's total.
    """
    counts = np.asarray(counts)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    styles = [CLASS_STYLES[name] for name in classes]
    figure = tiles(
        shares,
        [
            [f"<b>{count}</b><br>{percent(share)}" for count, share in zip(*rows, strict=True)]
            for rows in zip(counts, shares, strict=True)
        ],
        columns=[style.short for style in styles],
        rows=[style.short for style in styles],
        hover=[
            [
                f"Labelled {true.name}, read as {read.name}: {counts[i, j]} of {counts[i].sum()}"
                for j, read in enumerate(styles)
            ]
            for i, true in enumerate(styles)
        ],
    )
    figure.update_xaxes(title={"text": "Read as", "standoff": 10})
    figure.update_yaxes(title={"text": "Labelled", "standoff": 12})
    return plain(figure, height=62 * len(classes) + 70)


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
    for column, name, colour, dash in (
        (quantity, "Training", GREY, "dash"),
        (f"val_{quantity}", "Validation", ACCENT, "solid"),
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
                hovertemplate=f"{name}, {fold}, epoch %{{x}}: %{{y:.2f}}<extra></extra>",
            )
        # Folds stop early at different epochs; a mean over those still running would jump.
        n_shared = min(len(history[column]) for history in histories.values())
        figure.add_scatter(
            x=next(iter(histories.values()))["epoch"][:n_shared],
            y=np.mean([history[column][:n_shared] for history in histories.values()], axis=0),
            mode="lines",
            name=name,
            line={"color": colour, "width": 3, "dash": dash},
            hovertemplate=f"{name}, mean of folds, epoch %{{x}}: %{{y:.2f}}<extra></extra>",
        )
    figure.update_xaxes(title={"text": "Epoch"}, gridcolor=FAINT_GREY, fixedrange=True)
    figure.update_yaxes(title={"text": title}, gridcolor=FAINT_GREY, fixedrange=True)
    figure = plain(figure, height=300)
    figure.update_layout(
        showlegend=True, legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
    )
    return figure


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
    colour = _TEXT_ON_DARK if theme == "dark" else _TEXT_ON_LIGHT
    text = {"color": colour, "size": 13}
    figure.update_layout(font_color=colour, legend_font=text)
    figure.update_xaxes(tickfont=text, title_font=text)
    figure.update_yaxes(tickfont=text, title_font=text)
    return figure


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
    for row, of_row in enumerate(texts):
        for column, text in enumerate(of_row):
            ink = "#FFFFFF" if shares[row][column] >= _WHITE_TEXT_FROM else _TEXT_ON_LIGHT
            figure.add_annotation(
                x=column, y=row, text=text, showarrow=False, font={"color": ink, "size": 13}
            )
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
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        dragmode=False,
        showlegend=False,
    )
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True)
    return figure
