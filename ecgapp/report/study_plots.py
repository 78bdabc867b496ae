"""Plotly figures of the study: models compared, the data set, what each lead contributes.

As in `ecgapp.report.plots`, figures fit any theme and a phone. Names of models stand at the left,
broken into short lines, since they are longer than a phone is wide; names with numbers stand above
their bar. Class colours mean classes and
nothing else; what is no class is told apart by shape and by greys.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go

from ecgapp.report import words
from ecgapp.report.language import _, localized, marked, told
from ecgapp.report.plots import error_bars, interval_dots, plain, tiles
from ecgapp.report.words import (
    ACCENT,
    CLASS_STYLES,
    FAINT_GREY,
    GREY,
    axis_name,
    lead_title,
    percent,
    points,
    reading_order,
    with_interval,
)

if TYPE_CHECKING:
    from ecgapp.evaluation.lead_contributions import LeadEffect
    from ecgapp.evaluation.out_of_fold import Estimate
    from ecgapp.evaluation.published import Gap, StudyResult

# Heights chosen by eye.
_ROW_PX = 46
_LEGEND = {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"}
_LEGEND_PX = 60
# Characters of a line of a model's name: half of a phone's width.
_NAME_CHARACTERS = 22


def model_title(title: str, shortened: bool, is_confounder: bool) -> str:
    """Name a model with what must be said of it wherever its figures stand."""
    said = told(title)
    if is_confounder:
        said = _("Check: {title}", title=said)
    return _("{title} (shortened schedule)", title=said) if shortened else said


def scores_figure(runs: Sequence[StudyResult], sheets: str, figure_name: str) -> go.Figure:
    """Draw one figure of every model with its interval.

    Parameters
    ----------
    runs : sequence of StudyResult
        From the top.
    sheets : str
        ``all`` or ``only_3x4``; runs without such sheets are left out.
    figure_name : str
        ``accuracy`` or ``macro_f1``.

    Returns
    -------
    plotly.graph_objects.Figure
        Models round and full, shortened ones hollow, checks of confounders as grey diamonds.
    """
    shown = [run for run in runs if sheets in run.scores]
    titles = [model_title(run.title, run.shortened, run.is_confounder) for run in shown]
    estimates = [getattr(run.scores[sheets], figure_name) for run in shown]
    figure = interval_dots(
        estimates,
        titles,
        [f"{title}: {with_interval(one)}" for title, one in zip(titles, estimates, strict=True)],
    )
    symbols = [
        ("diamond" if run.is_confounder else "circle") + ("-open" if run.shortened else "")
        for run in shown
    ]
    figure.update_traces(
        marker={
            "symbol": symbols,
            "size": 12,
            "color": [GREY if run.is_confounder else ACCENT for run in shown],
            "line": {"width": 2},
        }
    )
    figure.update_xaxes(tickformat=".0%", side="top")
    return _with_names_at_the_left(figure, titles)


def gap_figure(gaps: Sequence[Gap]) -> go.Figure:
    """Draw each model's published, leaky and honest accuracy on one line.

    Parameters
    ----------
    gaps : sequence of Gap
        From the top.
    """
    titles = [model_title(gap.title, gap.shortened, gap.is_confounder) for gap in gaps]
    figure = go.Figure()
    for title, gap in zip(titles, gaps, strict=True):
        if gap.leaky is not None and gap.honest is not None:
            figure.add_scatter(
                x=[gap.honest.value, gap.leaky.value], y=[title, title], mode="lines",
                line={"color": GREY, "width": 4}, opacity=0.5, hoverinfo="skip", showlegend=False,
            )  # fmt: skip
    for name, symbol, colour, values in (
        (
            _("Published"),
            "x-thin",
            GREY,
            [gap.published.value if gap.published else None for gap in gaps],
        ),
        (_("Ours, leaky split"), "circle-open", GREY, [_value(g.leaky) for g in gaps]),
        (_("Ours, honest split"), "circle", ACCENT, [_value(g.honest) for g in gaps]),
    ):
        pairs = [(v, t) for v, t in zip(values, titles, strict=True) if v is not None]
        figure.add_scatter(
            x=[value for value, _ in pairs],
            y=[title for _, title in pairs],
            name=name,
            mode="markers",
            marker={
                "symbol": symbol,
                "size": 12,
                "color": colour,
                "line": {"width": 2.5, "color": colour},
            },
            hovertemplate=[f"{t}<br>{name}: {percent(v)}<extra></extra>" for v, t in pairs],
        )
    honest = [(gap.honest, title) for gap, title in zip(gaps, titles, strict=True) if gap.honest]
    figure.data[-1].error_x = error_bars([estimate for estimate, _ in honest])
    figure.update_xaxes(
        tickformat=".0%", gridcolor=FAINT_GREY, zeroline=False, fixedrange=True, nticks=6
    )
    figure.update_yaxes(
        autorange="reversed", gridcolor=FAINT_GREY, fixedrange=True,
        categoryorder="array", categoryarray=titles,
    )  # fmt: skip
    return _with_legend(_with_names_at_the_left(figure, titles))


def classes_figure(classes: Mapping[str, Mapping[str, int]]) -> go.Figure:
    """Draw how many sheets each class has.

    Parameters
    ----------
    classes : mapping
        As the audit writes it: label -> ``files`` and ``different_images``.
    """
    labels = list(classes)
    total = sum(counts["files"] for counts in classes.values())
    names = [
        f"{class_name(label)}: <b>{classes[label]['files']}</b> "
        f"({percent(classes[label]['files'] / total)})"
        for label in labels
    ]
    figure = go.Figure()
    figure.add_bar(
        x=[classes[label]["files"] for label in labels],
        y=names,
        orientation="h",
        width=0.4,
        marker={"color": [_class_colour(label) for label in labels]},
        hovertemplate=[_("{name} sheets<extra></extra>", name=name) for name in names],
    )
    figure.update_xaxes(visible=False, fixedrange=True)
    figure.update_yaxes(autorange="reversed", fixedrange=True)
    return _with_names_above(figure, names)


def layouts_figure(layouts: Mapping[str, Mapping[str, int]]) -> go.Figure:
    """Draw the share of each layout in each class.

    Parameters
    ----------
    layouts : mapping
        As the audit writes it: label -> layout -> files.
    """
    labels = list(layouts)
    kinds = sorted({kind for counts in layouts.values() for kind in counts})
    names = [class_name(label) for label in labels]
    figure = go.Figure()
    for number, kind in enumerate(kinds):
        counts = [layouts[label].get(kind, 0) for label in labels]
        totals = [sum(layouts[label].values()) for label in labels]
        shares = [count / total for count, total in zip(counts, totals, strict=True)]
        figure.add_bar(
            x=shares,
            y=names,
            orientation="h",
            width=0.4,
            name=layout_name(kind),
            text=[str(count) if share > 0.06 else "" for count, share in zip(counts, shares,
                                                                             strict=True)],
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            textfont={"color": _SHADE_INKS[number % 4], "size": 13},
            marker={"color": _SHADES[number % 4], "line": {"color": GREY, "width": 1}},
            hovertemplate=[
                _(
                    "{name}, {layout}: {count} of {total}<extra></extra>",
                    name=name,
                    layout=layout_name(kind),
                    count=count,
                    total=total,
                )
                for name, count, total in zip(names, counts, totals, strict=True)
            ],
        )  # fmt: skip
    figure.update_layout(barmode="stack")
    figure.update_xaxes(visible=False, range=[0, 1], fixedrange=True)
    figure.update_yaxes(autorange="reversed", fixedrange=True)
    return _with_legend(_with_names_above(figure, names))


def copies_figure(version_2: Mapping[str, Mapping[str, Any]]) -> go.Figure:
    """Draw the files of the 928-file release against the different images in them.

    Parameters
    ----------
    version_2 : mapping
        As the audit writes it: label -> ``files`` and ``different_images``.
    """
    labels = list(version_2)
    names = [
        _(
            "{name}: {n} files, <b>{different} different</b>",
            name=class_name(label),
            n=version_2[label]["files"],
            different=version_2[label]["different_images"],
        )
        for label in labels
    ]
    figure = go.Figure()
    for key, title, colours in (
        ("files", _("Files"), [FAINT_GREY] * len(labels)),
        ("different_images", _("Different images"), [_class_colour(label) for label in labels]),
    ):
        figure.add_bar(
            x=[version_2[label][key] for label in labels],
            y=names,
            orientation="h",
            width=0.4,
            marker={"color": colours, "line": {"color": GREY, "width": 1}},
            hovertemplate=[
                f"{class_name(label)}, {title}: {version_2[label][key]}<extra></extra>"
                for label in labels
            ],
        )
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(visible=False, fixedrange=True)
    figure.update_yaxes(autorange="reversed", fixedrange=True)
    return _with_names_above(figure, names)


def sessions_figure(session_sizes: Mapping[str, int]) -> go.Figure:
    """Draw how many sheets lie in sessions of each size.

    Parameters
    ----------
    session_sizes : mapping
        As the audit writes it: sheets in a session -> sessions.
    """
    sizes = [int(size) for size in session_sizes]
    figure = go.Figure(
        go.Bar(
            x=sizes,
            y=[int(size) * count for size, count in session_sizes.items()],
            marker={"color": ACCENT},
            hovertemplate=[
                _(
                    "{count} sessions of {size}: {sheets} sheets<extra></extra>",
                    count=count,
                    size=size,
                    sheets=int(size) * count,
                )
                for size, count in session_sizes.items()
            ],
        )
    )
    figure.update_xaxes(title={"text": _("Sheets in the session")}, fixedrange=True, nticks=8)
    figure.update_yaxes(
        title={"text": _("Sheets")}, gridcolor=FAINT_GREY, fixedrange=True, nticks=6
    )
    return plain(figure, height=280)


def sizes_figure(sizes: Sequence[Mapping[str, int]]) -> go.Figure:
    """Draw the width and height of the files, the commoner the larger.

    Parameters
    ----------
    sizes : sequence of mapping
        As the audit writes it: ``width_px``, ``height_px`` and ``files``.
    """
    figure = go.Figure(
        go.Scatter(
            x=[size["width_px"] for size in sizes],
            y=[size["height_px"] for size in sizes],
            mode="markers",
            marker={
                "color": ACCENT,
                "opacity": 0.6,
                "size": [size["files"] for size in sizes],
                "sizemode": "area",
                "sizeref": 2 * max((size["files"] for size in sizes), default=1) / 34**2,
                "sizemin": 4,
            },
            hovertemplate=[
                f"{size['width_px']} x {size['height_px']} px: {size['files']}<extra></extra>"
                for size in sizes
            ],
        )
    )
    for axis, title in (
        (figure.update_xaxes, _("Width, px")),
        (figure.update_yaxes, _("Height, px")),
    ):
        axis(title={"text": title}, gridcolor=FAINT_GREY, zeroline=False, fixedrange=True, nticks=6)
    return plain(figure, height=280)


def lead_class_figure(effects: Mapping[str, LeadEffect]) -> go.Figure:
    """Draw how much of each class is found from each lead alone.

    Parameters
    ----------
    effects : mapping of str to LeadEffect
    """
    leads = reading_order(list(effects))
    classes = list(effects[leads[0]].recall)
    values = np.array([[effects[lead].recall[name].value for name in classes] for lead in leads])
    figure = tiles(
        values,
        [[percent(value) for value in row] for row in values],
        columns=[CLASS_STYLES[name].short for name in classes],
        rows=[axis_name(lead) for lead in leads],
        hover=[
            [
                _(
                    "{lead} alone, {name} found: {share}",
                    lead=lead_title(lead),
                    name=class_name(name),
                    share=with_interval(effects[lead].recall[name]),
                )
                for name in classes
            ]
            for lead in leads
        ],
    )
    for column, name in enumerate(classes):
        figure.add_shape(
            type="rect", xref="x", yref="paper", x0=column - 0.48, x1=column + 0.48,
            y0=1.002, y1=1.012, fillcolor=CLASS_STYLES[name].colour, line={"width": 0},
        )  # fmt: skip
    return plain(figure, height=len(leads) * 30 + 44)


def lead_change_figure(effects: Mapping[str, LeadEffect]) -> go.Figure:
    """Draw how the accuracy of the sum changes without each lead, in percentage points.

    Parameters
    ----------
    effects : mapping of str to LeadEffect
    """
    leads = reading_order(list(effects))
    changes = [effects[lead].change_without for lead in leads]
    figure = interval_dots(
        changes,
        [axis_name(lead) for lead in leads],
        [
            _(
                "Without {lead}: {value} points ({low} to {high})",
                lead=lead_title(lead),
                value=points(change.value),
                low=points(change.low),
                high=points(change.high),
            )
            for lead, change in zip(leads, changes, strict=True)
        ],
    )
    figure.add_vline(x=0, line={"color": GREY, "width": 1})
    ends = [abs(end) for change in changes for end in (change.low, change.high)]
    reach = 0.01 * (int(100 * max(ends)) + 1)
    ticks = [-reach, 0, reach]
    figure.update_xaxes(
        tickvals=ticks, ticktext=["0" if not tick else points(tick) for tick in ticks],
        range=[-1.2 * reach, 1.2 * reach],
    )  # fmt: skip
    return plain(figure, height=len(leads) * 30 + 44)


def weights_figure(weights: Mapping[str, float]) -> go.Figure:
    """Draw the learned weight of each lead beside the one that all would have alike.

    Parameters
    ----------
    weights : mapping of str to float
        Lead -> weight.
    """
    leads = reading_order(list(weights))
    figure = go.Figure(
        go.Bar(
            x=[weights[lead] for lead in leads],
            y=[axis_name(lead) for lead in leads],
            orientation="h",
            marker={"color": ACCENT},
            hovertemplate=[
                f"{lead_title(lead)}: {localized(f'{weights[lead]:.2f}')}<extra></extra>"
                for lead in leads
            ],
        )
    )
    figure.add_vline(x=1 / len(leads), line={"color": GREY, "width": 2, "dash": "dash"})
    figure.update_xaxes(gridcolor=FAINT_GREY, zerolinecolor=GREY, fixedrange=True, nticks=6)
    figure.update_yaxes(autorange="reversed", fixedrange=True)
    return plain(figure, height=len(leads) * 26 + 44)


def class_name(label: str) -> str:
    """Name a class for people, or a folder that is none by its own name."""
    return words.class_name(label) if label in CLASS_STYLES else label


def layout_name(kind: str) -> str:
    """Name a layout as the audit or a manifest writes it for people."""
    return _(_LAYOUT_NAMES.get(kind, kind.removeprefix("edan_")))


_LAYOUT_NAMES = {
    "other": marked("another device"),
    "unclear": marked("no 12-lead sheet"),
    "not found": marked("no known layout"),
}
_SHADES = ("#15697D", "#A9CFD8", "#7F8C96", "#E3E8EB")
_SHADE_INKS = ("#FFFFFF", "#16242E", "#111111", "#16242E")


def _value(estimate: Estimate | None) -> float | None:
    return None if estimate is None else estimate.value


def _class_colour(label: str) -> str:
    return CLASS_STYLES[label].colour if label in CLASS_STYLES else GREY


def _with_names_at_the_left(figure: go.Figure, names: Sequence[str]) -> go.Figure:
    """Write each row's name beside it, in as many lines as it needs."""
    lines = [textwrap.wrap(name, _NAME_CHARACTERS) for name in names]
    figure.update_yaxes(
        tickvals=list(names),
        ticktext=["<br>".join(of_name) for of_name in lines],
        showgrid=True,
        ticks="",
        autorange=False,
        range=[len(names) - 0.5, -0.5],
    )
    return plain(figure, height=_ROW_PX * len(names) + 40)


def _with_names_above(figure: go.Figure, names: Sequence[str]) -> go.Figure:
    """Write each row's name over it, where a phone has room."""
    for name in names:
        figure.add_annotation(
            x=0, xref="paper", y=name, text=name, xanchor="left", yanchor="bottom", yshift=11,
            showarrow=False, font={"size": 13},
        )  # fmt: skip
    figure.update_yaxes(showticklabels=False, ticks="", showgrid=False)
    return plain(figure, height=_ROW_PX * len(names) + 40)


def _with_legend(figure: go.Figure) -> go.Figure:
    figure.update_layout(showlegend=True, legend=_LEGEND, height=figure.layout.height + _LEGEND_PX)
    return figure
