"""Figures and tables as every page shows them, each to be taken along."""

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from ecgapp.evaluation.predictions import Predictions
from ecgapp.report import confusion, plots, words
from ecgapp.report.language import _

# Rows of a list of sheets that are shown without scrolling.
MOST_IN_FULL = 12

# The one button saves the figure as SVG, in the browser. It stands there always: what shows only
# under a pointer is not found, and not at all on a phone.
_SAVE_ALONE = {"displayModeBar": True, "modeBarButtons": [["toImage"]], "displaylogo": False}
_CELL_SCRIPT = """
export default function ({ data, parentElement, setStateValue }) {
  let matrix = parentElement.querySelector("div.matrix");
  if (!matrix) {
    matrix = document.createElement("div");
    matrix.className = "matrix";
    parentElement.append(matrix);
  }
  matrix.innerHTML = data.html;
  const mark = (chosen) => matrix.querySelectorAll("button[data-cell]").forEach(
    (one) => one.setAttribute("aria-pressed", String(one.dataset.cell === chosen)));
  mark(data.chosen);
  matrix.onclick = (event) => {
    const button = event.target.closest("button[data-cell]");
    if (!button) return;
    mark(button.dataset.cell);
    setStateValue("cell", button.dataset.cell);
  };
}
"""
_CELL_STYLE = """
button[data-cell] { all: unset; cursor: pointer; display: block; width: 100%; }
button[data-cell]:focus-visible, button[aria-pressed=true] { outline: 3px solid #D55E00; }
table { color: var(--st-text-color); font-family: var(--st-font); }
"""


def draw(figure: go.Figure, key: str, alt: str) -> None:
    """Draw a Plotly figure in the visitor's theme; it can be saved as SVG, its numbers as CSV.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
    key : str
        Unlike any other figure's on the page.
    alt : str
        What it shows, for those who cannot see it.
    """
    figure = plots.with_button_above(plots.in_theme(figure, st.context.theme.type))
    options = {"format": "svg", "filename": key}
    st.plotly_chart(figure, config=_SAVE_ALONE | {"toImageButtonOptions": options}, key=key,
                    alt=alt)  # fmt: skip
    save_csv(plots.figure_rows(figure), f"{key}_figure")


def show_table(rows: Sequence[dict[str, str]], name: str) -> None:
    """Show a table with a button that saves it as CSV.

    Parameters
    ----------
    rows : sequence of dict of str to str
        At least one.
    name : str
        Of the file, without its ending; unlike any other table's on the page.
    """
    shown = [{title: _unmarked(cell) for title, cell in row.items()} for row in rows]
    st.table(shown, hide_index=True, border="horizontal")
    save_csv(rows, name)


def show_confusion(
    counts: NDArray[np.int64],
    classes: Sequence[str],
    caption: str,
    name: str,
    of_sheets: Predictions | None = None,
    by_file: bool = False,
) -> None:
    """Show a confusion matrix that is saved as CSV or SVG, and the sheets of a cell.

    Parameters
    ----------
    counts : ndarray of int, shape (n_classes, n_classes)
    classes : sequence of str
    caption : str
    name : str
        Of the files, without their endings; unlike any other matrix's on the page.
    of_sheets : Predictions, optional
        What was counted, one entry a sheet; with it, a cell that is pressed lists its sheets.
    by_file : bool
        Whether ``of_sheets`` are a visitor's own, told by their files' names.
    """
    if of_sheets is None:
        st.html(confusion.confusion_tiles(counts, classes, caption))
        cell = None
    else:
        tiles = confusion.confusion_tiles(
            counts, classes, _("{caption}. Press a cell for its sheets", caption=caption), True
        )
        matrix = st.components.v2.component(
            "confusion", css=_CELL_STYLE, js=_CELL_SCRIPT, isolate_styles=True
        )
        key = f"cell_{name}"
        chosen = (st.session_state.get(key) or {}).get("cell")
        data = {"html": tiles, "chosen": chosen}
        pressed = matrix(key=key, data=data, on_cell_change=lambda: None)
        cell = confusion.cell_of(pressed.get("cell"), len(classes))
    with st.container(horizontal=True):
        save_csv(confusion.confusion_rows(counts, classes), name)
        _save("SVG", confusion.confusion_svg(counts, classes, caption), name)
    if cell is None or of_sheets is None:
        return
    rows = confusion.sheet_rows(of_sheets, cell, by_file)
    label, said = (words.class_within(classes[number]) for number in cell)
    st.markdown(
        _(
            "**Labelled {label}, read as {said}: {n} sheets**",
            label=label,
            said=said,
            n=len(rows),
        )
    )
    if rows:
        st.dataframe(rows, hide_index=True, height="content" if len(rows) < MOST_IN_FULL else 400)
        save_csv(rows, f"{name}_sheets")
    if rows and not by_file:
        st.caption(
            _(
                "Sheet: the first {n} characters of its file's SHA-256, "
                "by which whoever has the collection finds it. Session: sheets of one "
                "header number share it.",
                n=confusion.NUMBER_CHARACTERS,
            )
        )


def save_csv(rows: Sequence[Mapping[str, object]], name: str) -> None:
    """Offer rows as a CSV file.

    Parameters
    ----------
    rows : sequence of mapping of str to object
    name : str
        Of the file, without its ending; unlike any other's on the page.
    """
    _save("CSV", lambda: str(pd.DataFrame(rows).to_csv(index=False)), name)


def _save(kind: str, content: str | Callable[[], str], name: str) -> None:
    mime = {"CSV": "text/csv", "SVG": "image/svg+xml"}[kind]
    st.download_button(
        kind,
        content,
        f"{name}.{kind.lower()}",
        mime,
        key=f"{kind.lower()}_{name}",
        on_click="ignore",
        icon=":material/download:",
        type="tertiary",
    )


def _unmarked(text: str) -> str:
    """Keep a table from taking ``>99%`` for a quotation, and an interval from breaking inside."""
    text = f"\\{text}" if text.startswith(">") else text
    return re.sub(r"(?<=\d)\N{EN DASH}", "\N{EN DASH}\N{WORD JOINER}", text)
