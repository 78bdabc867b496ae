"""Parts of a reading that several pages show."""

import streamlit as st

from ecgapp.inference.shipped_models import ModelError
from ecgapp.pipeline import Diagnosis
from ecgapp.report import html, words
from ecgapp.report.language import _


def show_findings(diagnosis: Diagnosis) -> None:
    """Show what was measured that a normal ECG does not show, and what the networks state."""
    st.subheader(_("Findings"))
    st.html(html.findings_list(diagnosis.findings))
    if diagnosis.statements:
        st.subheader(_("What the networks state"))
        st.html(html.statements_list(diagnosis.statements))


def show_lead_tiles(diagnosis: Diagnosis) -> None:
    """Show the probability of each class in each lead, a table a model, beside each other."""
    models = list(next(iter(diagnosis.lead_probabilities.values())))
    for column, model in zip(st.columns(len(models), gap="large"), models, strict=True):
        column.subheader(words.model_name(model))
        column.html(html.lead_tiles(diagnosis.lead_probabilities, model))


def show_incomplete(error: ModelError) -> None:
    """Say that a model is missing or is not the one that was shipped."""
    st.error(_("This installation is incomplete, so no sheet can be read. Details:"))
    st.text(str(error))
