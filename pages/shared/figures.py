"""Figures and tables as every page shows them, each to be taken along."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from ecgapp.report import plots

# The one button saves the figure as SVG, in the browser.
_SAVE_ALONE = {
    "modeBarButtons": [["toImage"]],
    "toImageButtonOptions": {"format": "svg", "filename": "figure"},
    "displaylogo": False,
}


def draw(figure: go.Figure, key: str, alt: str) -> None:
    """Draw a Plotly figure in the visitor's theme; it can be saved as SVG.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
    key : str
        Unlike any other figure's on the page.
    alt : str
        What it shows, for those who cannot see it.
    """
    figure = plots.in_theme(figure, st.context.theme.type)
    st.plotly_chart(figure, config=_SAVE_ALONE, key=key, alt=alt)


def show_table(rows: Sequence[dict[str, str]], name: str) -> None:
    """Show a table with a button that saves it as CSV.

    Parameters
    ----------
    rows : sequence of dict of str to str
        At least one.
    name : str
        Of the file, without its ending; unlike any other table's on the page.
    """
    st.table(rows, hide_index=True, border="horizontal")

    def as_csv() -> str:
        return str(pd.DataFrame(rows).to_csv(index=False))

    st.download_button(
        "CSV",
        as_csv,
        f"{name}.csv",
        "text/csv",
        key=f"csv_{name}",
        on_click="ignore",
        icon=":material/download:",
        type="tertiary",
    )
