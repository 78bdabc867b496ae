"""Figures as every page draws them."""

import plotly.graph_objects as go
import streamlit as st

from ecgapp.report import plots


def draw(figure: go.Figure, key: str, alt: str) -> None:
    """Draw a Plotly figure in the visitor's theme, without the tool bar.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
    key : str
        Unlike any other figure's on the page.
    alt : str
        What it shows, for those who cannot see it.
    """
    figure = plots.in_theme(figure, st.context.theme.type)
    st.plotly_chart(figure, config={"displayModeBar": False}, key=key, alt=alt)
