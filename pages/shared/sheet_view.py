"""The sheet to work on, as one component: its script and style lie beside this file."""

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

_FOLDER = Path(__file__).parent


@cache
def _source(suffix: str) -> str:
    return (_FOLDER / f"sheet_view{suffix}").read_text("utf-8")


def sheet_view(data: dict[str, Any], key: str) -> dict[str, Any]:
    """Show a sheet that can be zoomed, measured and corrected.

    Parameters
    ----------
    data : dict
        From `ecgapp.report.sheet_view.view_data`.
    key : str
        Unlike any other view's on the page.

    Returns
    -------
    dict
        ``lead``, the lead that was clicked last; ``correction``, what was corrected, in the run
        after it was asked for; ``evidence``, where it was asked for in this run. None where there
        is nothing. What comes from a browser is not to be trusted.
    """
    component = st.components.v2.component(
        "sheet_view", css=_source(".css"), js=_source(".js"), isolate_styles=True
    )
    result = component(
        key=key,
        data=data,
        on_lead_change=lambda: None,
        on_correction_change=lambda: None,
        on_evidence_change=lambda: None,
    )
    return {name: result.get(name) for name in ("lead", "correction", "evidence")}
