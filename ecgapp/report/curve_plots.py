"""Plotly figures and tables of receiver operating characteristics and of precision over recall."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from ecgapp.report.language import _, told
from ecgapp.report.plots import plain
from ecgapp.report.words import ACCENT, CLASS_STYLES, FAINT_GREY, GREY, class_name, interval_text

if TYPE_CHECKING:
    from ecgapp.evaluation.curves import Curve

_HEIGHT_PX = 400  # chosen by eye
# Of curves that are no classes, by their place. Safe for colour-blind readers, and dashed apart.
_STYLES = ((ACCENT, "solid"), ("#D55E00", "dash"), ("#0072B2", "dot"), (GREY, "dashdot"))
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")


def roc_figure(curves: Mapping[str, Curve]) -> go.Figure:
    """Draw sensitivity over false alarms.

    Parameters
    ----------
    curves : mapping of str to Curve
        By class, or by any other name.

    Returns
    -------
    plotly.graph_objects.Figure
        On the dashed line a score tells nothing.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": GREY, "dash": "dash", "width": 1},
        hoverinfo="skip",
        showlegend=False,
    )
    for place, (name, curve) in enumerate(curves.items()):
        figure.add_scatter(
            x=curve.false_alarms,
            y=curve.sensitivity,
            **_line(place, name),
            hovertemplate=f"{_title(name)}<br>{_('False alarms')} %{{x:.0%}}, "
            f"{_('found')} %{{y:.0%}}<extra></extra>",
        )
    figure.update_xaxes(title={"text": _("False alarms (1 - specificity)")})
    figure.update_yaxes(title={"text": _("Found (sensitivity)")})
    return _square(figure)


def precision_recall_figure(curves: Mapping[str, Curve]) -> go.Figure:
    """Draw precision over sensitivity; curves as for `roc_figure`."""
    figure = go.Figure()
    for place, (name, curve) in enumerate(curves.items()):
        figure.add_scatter(
            x=curve.sensitivity,
            y=curve.precision,
            **_line(place, name),
            hovertemplate=f"{_title(name)}<br>{_('Found')} %{{x:.0%}}, {_('right')} %{{y:.0%}}"
            "<extra></extra>",
        )
    figure.update_xaxes(title={"text": _("Found (sensitivity, recall)")})
    figure.update_yaxes(title={"text": _("Right (precision)")})
    return _square(figure)


def curve_rows(curves: Mapping[str, Curve]) -> list[dict[str, str]]:
    """Lay out one row a curve: areas, and the sensitivity at fixed specificities."""
    return [
        {
            "": _title(name),
            "n": str(curve.n),
            _("With it"): str(curve.n_members),
            "AUROC": _area(curve.auroc.value, curve.auroc.low, curve.auroc.high),
            _("Average precision"): _area(
                curve.average_precision.value,
                curve.average_precision.low,
                curve.average_precision.high,
            ),
        }
        | {
            _("Found at {specificity:.0%} specificity", specificity=specificity): interval_text(
                found
            )
            for specificity, found in curve.sensitivity_at.items()
        }
        for name, curve in curves.items()
    ]


def _title(name: str) -> str:
    return class_name(name) if name in CLASS_STYLES else told(name)


def _line(place: int, name: str) -> dict[str, object]:
    colour, dash = _STYLES[place % len(_STYLES)]
    if name in CLASS_STYLES:
        colour, dash = CLASS_STYLES[name].colour, _DASHES[place % len(_DASHES)]
    return {
        "name": _title(name),
        "mode": "lines",
        "line": {"color": colour, "dash": dash, "width": 2.5},
    }


def _area(value: float, low: float, high: float) -> str:
    return _("{value:.2f} ({low:.2f}\u2013{high:.2f})", value=value, low=low, high=high)


def _square(figure: go.Figure) -> go.Figure:
    shares = {"range": [-0.02, 1.02], "tickformat": ".0%", "nticks": 6}
    figure.update_xaxes(gridcolor=FAINT_GREY, zeroline=False, fixedrange=True, **shares)
    figure.update_yaxes(gridcolor=FAINT_GREY, zeroline=False, fixedrange=True, **shares)
    figure = plain(figure, height=_HEIGHT_PX)
    figure.update_layout(
        showlegend=True, legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
    )
    return figure
