"""A reading in HTML: headline, findings, measurements, bars and tables of tiles.

Every text is escaped here. Tables carry headings and captions for screen readers, colours are safe
for colour-blind readers and never stand alone, and everything prints as it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from ecgapp.report.headline import Headline
from ecgapp.report.language import _, localized, told
from ecgapp.report.measurement_rows import FIRST_MEASUREMENTS, flag_word, flagged_rows
from ecgapp.report.words import (
    CLASS_STYLES,
    FAINT_GREY,
    GREY,
    TILE_FULL,
    TILE_PAPER,
    axis_name,
    class_name,
    ink_on_tile,
    percent,
    reading_order,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ecgapp.inference.statements import Statement
    from ecgapp.io.pages import ValidationStep
    from ecgapp.measure.finding import Finding
    from ecgapp.measure.measurements import Measurement
    from ecgapp.report.comparison import Change, Said

_NARROW_NUMBERS = "font-variant-numeric:tabular-nums"
_CELL = "padding:.22rem .5rem"
_ALERT = "#D55E00"
_RULE = f"border-top:1px solid {FAINT_GREY}"


def text(value: str) -> str:
    """Escape a text and break its lines."""
    return escape(value).replace("\n", "<br>")


def alert(title: str, said: str, code: str = "") -> str:
    """Say what went wrong, in a box that a screen reader reads out.

    Parameters
    ----------
    title : str
    said : str
        May hold text from a file: it is never taken for markup.
    code : str
        The reason's short name, where it has one.

    Returns
    -------
    str
    """
    reason = f"<small>{_('Reason code:')} {text(code)}.</small>" if code else ""
    return (
        f"<div role='alert' style='border:1px solid {_ALERT};border-left-width:6px;"
        f"border-radius:6px;padding:.5rem .8rem'><b>{text(title)}</b>"
        f"<p style='margin:.3rem 0'>{text(told(said))}</p>{reason}</div>"
    )


def headline_block(headline: Headline) -> str:
    """Write the headline with its notes.

    Parameters
    ----------
    headline : Headline

    Returns
    -------
    str
        In the class's colour with its abbreviation; with a grey edge where it is neutral.
    """
    tag, edge = "", GREY
    if headline.label is not None:
        style = CLASS_STYLES[headline.label]
        edge = style.colour
        tag = (
            f"<span style='background:{style.colour};color:{style.ink};font-weight:650;"
            f"padding:.15rem .55rem;border-radius:6px'>{style.short}</span>"
        )
    notes = "".join(f"<p style='margin:.25rem 0 0'>{text(note)}</p>" for note in headline.notes)
    return (
        f"<div style='border-left:6px solid {edge};padding:.1rem 0 .1rem .8rem'>"
        "<div style='display:flex;gap:.6rem;align-items:center;flex-wrap:wrap'>"
        f"{tag}<h2 style='font-size:1.4rem;font-weight:650;line-height:1.25;margin:0;padding:0'>"
        f"{text(headline.title)}</h2></div>{notes}</div>"
    )


def findings_list(findings: Sequence[Finding]) -> str:
    """List findings in plain words with the leads they show in."""
    if not findings:
        none = _(
            "Nothing was measured that a normal ECG does not show. What could not be measured is "
            "not judged."
        )
        return f"<p style='margin:0'>{none}</p>"
    rows = "".join(
        f"<li style='margin:.2rem 0'>{text(told(finding.text))}"
        + "".join(
            f" <span style='border:1px solid {GREY};border-radius:5px;padding:0 .35rem;"
            f"white-space:nowrap;font-size:.88em'>{escape(lead)}</span>"
            for lead in finding.leads
        )
        + "</li>"
        for finding in findings
    )
    return f"<ul style='margin:0;padding-left:1.2rem'>{rows}</ul>"


def measurement_table(
    measurements: Mapping[str, Measurement], names: Sequence[str] = FIRST_MEASUREMENTS
) -> str:
    """Lay out what was measured beside its normal range, with a flag in words.

    Parameters
    ----------
    measurements : mapping of str to Measurement
    names : sequence of str
        Which measurements, in which order; what was not measurable is left out.

    Returns
    -------
    str
        A table, or a sentence where nothing could be measured.
    """
    rows = []
    for row in flagged_rows(measurements, names):
        sign = {"low": "&#9660; ", "high": "&#9650; "}.get(row.flag, "")
        mark = sign + text(flag_word(row.flag))
        weight = "650" if row.flag in ("low", "high") else "400"
        rows.append(
            f"<tr style='{_RULE};font-weight:{weight}'>"
            f"<th scope='row' style='{_CELL};text-align:left;font-weight:inherit'>"
            f"{escape(row.title)}</th>"
            f"<td style='{_CELL};text-align:right;white-space:nowrap'>{escape(row.value)}</td>"
            f"<td style='{_CELL};white-space:nowrap'>{row.normal}</td>"
            f"<td style='{_CELL};white-space:nowrap'>{mark}</td></tr>"
        )
    if not rows:
        return f"<p style='margin:0'>{_('Nothing could be measured on this sheet.')}</p>"
    head = "".join(
        _column_head(title, side)
        for title, side in (
            (_("Measured"), "left"), (_("Value"), "right"), (_("Normal"), "left"), ("", "left"),
        )
    )  # fmt: skip
    return (
        f"<table style='border-collapse:collapse;width:100%;{_NARROW_NUMBERS}'>"
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _column_head(title: str, side: str) -> str:
    """Head a column; one without a title is no heading."""
    if not title:
        return "<td></td>"
    return f"<th scope='col' style='{_CELL};text-align:{side};font-weight:600'>{text(title)}</th>"


def change_table(
    changes: Sequence[Change], caption: str, columns: tuple[str, str] | None = None
) -> str:
    """Lay out quantities of two readings beside each other, with what changed.

    Parameters
    ----------
    changes : sequence of Change
    caption : str
        What the table shows.
    columns : (str, str), optional
        What the two readings are called; earlier and later when left out.

    Returns
    -------
    str
        A table, or a sentence where there is nothing to compare.
    """
    if not changes:
        return f"<p style='margin:0'>{_('Nothing was measured on both sheets.')}</p>"
    columns = columns or (_("Earlier"), _("Later"))
    head = "".join(
        _column_head(title, "right" if place else "left")
        for place, title in enumerate(["", *columns, _("Change")])
    )
    body = "".join(
        f"<tr style='{_RULE}'><th scope='row' style='{_CELL};text-align:left;font-weight:400'>"
        f"{text(row.title)}{f'<br><b>{text(row.note)}</b>' if row.note else ''}</th>"
        + "".join(
            f"<td style='{_CELL};text-align:right;white-space:nowrap'>{text(cell)}</td>"
            for cell in (row.earlier, row.later, row.change)
        )
        + "</tr>"
        for row in changes
    )
    return (
        f"<table style='border-collapse:collapse;width:100%;{_NARROW_NUMBERS}'>"
        f"<caption style='text-align:left'>{text(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def said_list(rows: Sequence[Said]) -> str:
    """List what is said of the later reading alone, of the earlier one alone, and of both.

    Parameters
    ----------
    rows : sequence of Said

    Returns
    -------
    str
    """
    if not rows:
        return f"<p style='margin:0'>{_('Nothing on either sheet.')}</p>"
    items = []
    for row in rows:
        said = row.later or row.earlier
        if row.earlier and row.later:
            mark = _("In both")
            said += f" {_('Earlier:')} {row.earlier}" if row.earlier != row.later else ""
        else:
            mark = f"+ {_('New')}" if row.later else f"\N{MINUS SIGN} {_('Gone')}"
        items.append(
            f"<li style='margin:.25rem 0'><span style='border:1px solid {GREY};border-radius:5px;"
            f"padding:0 .35rem;white-space:nowrap;font-size:.88em'>{mark}</span> {text(said)}</li>"
        )
    return f"<ul style='list-style:none;margin:0;padding:0'>{''.join(items)}</ul>"


def checks_line(checks: Sequence[ValidationStep]) -> str:
    """Say in one line that every check passed, and what was found."""
    # The picture's size, which is the first check, stands in the second's words too.
    found = " \N{MIDDLE DOT} ".join(text(told(check.found)) for check in checks[1:])
    passed = _("All checks passed:")
    return f"<p style='margin:0;font-size:.92rem'>&#10003; {passed} {found}</p>"


def checks_grid(checks: Sequence[ValidationStep], failed_step: str | None) -> str:
    """List every check with what was found and what was expected.

    Parameters
    ----------
    checks : sequence of ValidationStep
    failed_step : str or None
        Name of the step that refused the file.

    Returns
    -------
    str
    """
    cells = []
    for check in checks:
        failed = check.name == failed_step
        mark, word = ("&#10003;", _("passed")) if check.passed else ("&#8505;", _("differs"))
        if failed:
            mark, word = "&#10005;", _("failed")
        found = _("The reason stands above.") if failed else text(told(check.found))
        expected = ""
        if check.expected:
            expected = f"<br><small>{_('Expected:')} {text(told(check.expected))}</small>"
        cells.append(
            f"<div style='padding:.4rem .8rem;border-left:3px solid {FAINT_GREY}'>"
            f"<b>{mark} {text(told(check.name))}</b> "
            f"<small>({word})</small><br>{found}{expected}</div>"
        )
    return (
        "<div style='display:grid;gap:.5rem 1rem;font-size:.92rem;"
        "grid-template-columns:repeat(auto-fit,minmax(min(230px,100%),1fr))'>"
        f"{''.join(cells)}</div>"
    )


def probability_bars(probabilities: Mapping[str, float]) -> str:
    """Draw one bar per class with its name and percentage, in the order given.

    Parameters
    ----------
    probabilities : mapping of str to float
        Class -> probability.

    Returns
    -------
    str
    """
    rows = []
    for name, probability in probabilities.items():
        style = CLASS_STYLES[name]
        rows.append(
            "<li style='margin:.3rem 0'><div style='display:flex;justify-content:space-between'>"
            f"<span>{class_name(name)}</span><b>{escape(percent(probability))}</b></div>"
            f"<div style='height:.6rem;background:{FAINT_GREY};border-radius:3px'>"
            f"<div style='width:{100 * probability:.1f}%;height:100%;border-radius:3px;"
            f"background:{style.colour}'></div></div></li>"
        )
    return f"<ul style='list-style:none;margin:0;padding:0'>{''.join(rows)}</ul>"


def statements_list(statements: Mapping[str, Statement]) -> str:
    """List the learnt statements that are present, the likeliest first; the others fold away.

    Parameters
    ----------
    statements : mapping of str to Statement
        By PTB-XL's codes.

    Returns
    -------
    str
    """
    ordered = sorted(statements.values(), key=lambda one: -one.probability)
    present = [_statement(one) for one in ordered if one.present]
    absent = [_statement(one) for one in ordered if not one.present]
    style = (
        "list-style:none;display:flex;flex-wrap:wrap;gap:.3rem .4rem;margin:0;padding:0;"
        "font-size:.92rem"
    )
    shown = (
        f"<ul style='{style}'>{''.join(present)}</ul>"
        if present
        else f"<p style='margin:0'>{_('None of those that the networks know.')}</p>"
    )
    return (
        f"{shown}<details style='margin-top:.3rem'><summary>{_('Not stated')} "
        f"({len(absent)})</summary>"
        f"<ul style='{style}'>{''.join(absent)}</ul></details>"
    )


def _statement(statement: Statement) -> str:
    share = escape(percent(statement.probability))
    said = f"{text(told(statement.title))} ({text(statement.code)}) {share}"
    if statement.present:
        said = f"<b>&#10003; {said}</b>"
    style = f"border:1px solid {GREY};border-radius:6px;padding:.05rem .45rem"
    return f"<li style='{style}'>{said}</li>"


def signed_bars(
    values: Mapping[str, float],
    caption: str,
    above: tuple[int, int, int],
    below: tuple[int, int, int],
) -> str:
    """Draw one bar a name to the right of zero or to the left, with its number.

    Parameters
    ----------
    values : mapping of str to float
    caption : str
        What the numbers are.
    above, below : (int, int, int)
        Red, green and blue of bars above zero and below.

    Returns
    -------
    str
    """
    reach = max(0.1, *(abs(value) for value in values.values()))
    rows = []
    for name, value in values.items():
        width = 50 * abs(value) / reach
        left = 50 if value >= 0 else 50 - width
        rows.append(
            f"<tr><th scope='row' style='text-align:left;font-weight:400;{_CELL}'>"
            f"{text(name)}</th><td style='width:100%'><div style='position:relative;height:.7rem;"
            f"background:linear-gradient(90deg,transparent calc(50% - 1px),{GREY} "
            "calc(50% - 1px),"
            f"{GREY} 50%,transparent 50%)'><div style='position:absolute;left:{left:.1f}%;"
            f"width:{width:.1f}%;height:100%;background:rgb{above if value >= 0 else below}'>"
            "</div></div></td>"
            f"<td style='text-align:right;{_CELL}'>{localized(f'{value:+.2f}')}</td></tr>"
        )
    return (
        f"<table style='border-collapse:collapse;width:100%;{_NARROW_NUMBERS}'>"
        f"<caption style='text-align:left'>{text(caption)}</caption>{''.join(rows)}</table>"
    )


def tile_table(
    shares: NDArray[np.float64],
    texts: Sequence[Sequence[str]],
    columns: Sequence[str],
    rows: Sequence[str],
    caption: str,
    corner: str = "",
    column_colours: Sequence[str] = (),
    group_of: int = 0,
) -> str:
    """Draw a table of tiles, shaded from paper to full colour, each with its text on it.

    Parameters
    ----------
    shares : ndarray of float, shape (n_rows, n_columns)
        0 to 1, what the shade shows.
    texts : sequence of sequence of str
        What stands on each tile, in HTML.
    columns, rows : sequence of str
        Headings.
    caption : str
        For screen readers and above the table.
    corner : str
        What the headings are, where it needs saying.
    column_colours : sequence of str
        A line of colour below each column's heading.
    group_of : int
        A rule after every so many rows; 0 for none.

    Returns
    -------
    str
    """
    colours = column_colours or ["transparent"] * len(columns)
    head = "".join(
        f"<th scope='col' style='font-weight:600;padding:.1rem;border-bottom:4px solid {colour}'>"
        f"{text(name)}</th>"
        for name, colour in zip(columns, colours, strict=True)
    )
    body = []
    for number, (row, of_row, of_texts) in enumerate(zip(rows, shares, texts, strict=True)):
        rule = (
            f"border-top:1px solid {GREY};" if group_of and number and not number % group_of else ""
        )
        cells = "".join(
            f"<td style='{rule}background:{shade(share)};text-align:center;padding:.2rem;"
            f"color:{ink_on_tile(share)}'>{content}</td>"
            for share, content in zip(of_row, of_texts, strict=True)
        )
        body.append(
            f"<tr><th scope='row' style='{rule}font-weight:600;text-align:right;"
            f"padding:.2rem .5rem .2rem 0;white-space:nowrap'>{text(row)}</th>{cells}</tr>"
        )
    return (
        "<table style='border-collapse:separate;border-spacing:2px;width:100%;table-layout:auto;"
        f"{_NARROW_NUMBERS}'><caption style='text-align:left;padding-bottom:.2rem'>"
        f"{text(caption)}</caption><thead><tr><td style='font-size:.85rem'>{text(corner)}</td>"
        f"{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    )


def shade(share: float) -> str:
    """Mix the tiles' colours by a share from 0 to 1; paper for what is not a number."""
    low, high = (
        [int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in (TILE_PAPER, TILE_FULL)
    )
    known = 0.0 if np.isnan(share) else min(max(float(share), 0.0), 1.0)
    mixed = (round(a + (b - a) * known) for a, b in zip(low, high, strict=True))
    return "#{:02X}{:02X}{:02X}".format(*mixed)


def lead_tiles(lead_probabilities: Mapping[str, Mapping[str, dict[str, float]]], model: str) -> str:
    """Draw one model's probability of every class in every lead.

    Parameters
    ----------
    lead_probabilities : mapping of str to mapping
        Lead -> model -> class -> probability.
    model : str
        Which model's.

    Returns
    -------
    str
        Leads from the top in the order in which the sheet prints them, column by column; a rule
        parts the groups of three.
    """
    leads = reading_order(list(lead_probabilities))
    classes = list(lead_probabilities[leads[0]][model])
    shares = np.array(
        [[lead_probabilities[lead][model][name] for name in classes] for lead in leads]
    )
    return tile_table(
        shares,
        [[escape(percent(share)) for share in row] for row in shares],
        [CLASS_STYLES[name].short for name in classes],
        [axis_name(lead) for lead in leads],
        _("Probability of each class in each lead"),
        column_colours=[CLASS_STYLES[name].colour for name in classes],
        group_of=3,
    )
