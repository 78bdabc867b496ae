"""Plotly figures and tables of how sure the models are, and how sure they should be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from ecgapp.evaluation.calibration import Bools, confident_coverage, groups_of, set_coverage
from ecgapp.report.language import _, localized
from ecgapp.report.plots import error_bars, plain
from ecgapp.report.words import (
    ACCENT,
    CLASS_STYLES,
    FAINT_GREY,
    GREY,
    interval_text,
    percent,
    with_interval,
)

if TYPE_CHECKING:
    from ecgapp.evaluation.calibration import Coverage, JudgedVerdicts, ReliabilityBin, RiskCoverage

_ACCENT_BAND = "rgba(43, 140, 163, 0.22)"
_MARKER = "#D55E00"
# Where the number of sheets in a bin stands, as a share right.
_FOOT = 0.04


def reliability_figure(bins: Sequence[ReliabilityBin]) -> go.Figure:
    """Draw how often verdicts are right against how probable they are said to be.

    Parameters
    ----------
    bins : sequence of ReliabilityBin

    Returns
    -------
    plotly.graph_objects.Figure
        On the dashed line probabilities mean what they say; the number of sheets of each bin
        stands at the foot.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": GREY, "dash": "dash"}, hoverinfo="skip"
    )
    figure.add_scatter(
        x=[one.probability for one in bins],
        y=[one.accuracy.value for one in bins],
        error_y=error_bars([one.accuracy for one in bins]),
        mode="lines+markers",
        line={"color": ACCENT, "width": 2},
        marker={"size": 9, "color": ACCENT},
        hovertemplate=[
            _(
                "Said: {probability}<br>Right: {accuracy}<br>{n} sheets<extra></extra>",
                probability=percent(one.probability),
                accuracy=with_interval(one.accuracy),
                n=one.n,
            )
            for one in bins
        ],
    )
    for one in bins:
        figure.add_annotation(x=one.probability, y=_FOOT, text=str(one.n), showarrow=False)
    lowest = min(one.low for one in bins)
    figure.update_xaxes(
        title={"text": _("Probability of the likeliest class")}, range=[lowest - 0.02, 1.02]
    )
    figure.update_yaxes(title={"text": _("Share that is right")}, range=[-0.02, 1.04])
    return _of_shares(figure)


def risk_coverage_figure(
    curve: RiskCoverage, confident: Coverage | None = None, target: float | None = None
) -> go.Figure:
    """Draw the accuracy of the surest verdicts over how many of all they are.

    Parameters
    ----------
    curve : RiskCoverage
    confident : Coverage, optional
        Of the verdicts that the shipped rule calls confident, which is marked.
    target : float, optional
        Accuracy that they should have.

    Returns
    -------
    plotly.graph_objects.Figure
        With a 95% band.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=[*curve.coverage, *curve.coverage[::-1]],
        y=[*(one.high for one in curve.accuracy), *(one.low for one in curve.accuracy[::-1])],
        fill="toself",
        fillcolor=_ACCENT_BAND,
        line={"width": 0},
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=curve.coverage,
        y=[one.value for one in curve.accuracy],
        mode="lines",
        line={"color": ACCENT, "width": 3},
        hovertemplate=[
            _(
                "The surest {share}: from {least} on<br>Right: {accuracy}<extra></extra>",
                share=percent(share),
                least=percent(least),
                accuracy=with_interval(accuracy),
            )
            for share, least, accuracy in zip(
                curve.coverage, curve.probability, curve.accuracy, strict=True
            )
        ],
    )
    if target is not None:
        figure.add_hline(y=target, line={"color": GREY, "dash": "dash", "width": 1})
    if confident is not None and confident.n_confident:
        figure.add_scatter(
            x=[confident.share.value],
            y=[confident.accuracy.value],
            error_x=error_bars([confident.share]),
            error_y=error_bars([confident.accuracy]),
            mode="markers",
            marker={"size": 12, "symbol": "diamond", "color": _MARKER},
            hovertemplate=_(
                "Called confident: {share}<br>Right: {accuracy}<extra></extra>",
                share=with_interval(confident.share),
                accuracy=with_interval(confident.accuracy),
            ),
        )
    lowest = min(one.low for one in curve.accuracy)
    figure.update_xaxes(title={"text": _("Share of the sheets, the surest first")}, range=[0, 1.01])
    figure.update_yaxes(title={"text": _("Share that is right")}, range=[lowest - 0.02, 1.005])
    return _of_shares(figure)


def coverage_rows(verdicts: JudgedVerdicts, called: bool) -> list[dict[str, str]]:
    """Lay out how many verdicts are confident and right, class by class, the last row for all.

    Parameters
    ----------
    verdicts : JudgedVerdicts
    called : bool
        Whether the sheets are parted by what they were called, and not by their label.
    """
    found = confident_coverage(verdicts, _classes_and_all(verdicts, called))
    return [
        {
            _("Read as") if called else _("Labelled"): name,
            "n": str(one.n),
            _("Confident"): interval_text(one.share),
            _("n confident"): str(one.n_confident),
            _("Of these right"): interval_text(one.accuracy),
        }
        for name, one in zip(_names_and_all(verdicts), found, strict=True)
    ]


def set_rows(verdicts: JudgedVerdicts) -> list[dict[str, str]]:
    """Lay out how well prediction sets hold the label, class by class, the last row for all."""
    found = set_coverage(verdicts, _classes_and_all(verdicts, called=False))
    return [
        {
            _("Labelled"): name,
            "n": str(one.n),
            _("Set holds the label"): interval_text(one.coverage),
            _("Classes in a set"): localized(f"{one.mean_size:.1f}"),
            _("One class alone"): percent(one.single),
        }
        for name, one in zip(_names_and_all(verdicts), found, strict=True)
    ]


def of_all(verdicts: JudgedVerdicts) -> Coverage:
    """Count the confident verdicts, and the right ones among them, of all sheets."""
    return confident_coverage(verdicts, np.ones((len(verdicts.confident), 1), dtype=bool))[0]


def _classes_and_all(verdicts: JudgedVerdicts, called: bool) -> Bools:
    """Part sheets by class; the last group is all of them."""
    groups = groups_of(verdicts.predictions, called)
    return np.column_stack([groups, np.ones(len(groups), dtype=bool)])


def _names_and_all(verdicts: JudgedVerdicts) -> list[str]:
    return [*(CLASS_STYLES[name].short for name in verdicts.predictions.classes), _("All")]


def _of_shares(figure: go.Figure) -> go.Figure:
    figure.update_xaxes(
        tickformat=".0%", gridcolor=FAINT_GREY, zeroline=False, fixedrange=True, nticks=6
    )
    figure.update_yaxes(tickformat=".0%", gridcolor=FAINT_GREY, zeroline=False, fixedrange=True)
    return plain(figure, height=340)
