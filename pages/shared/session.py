"""The visitor's readings, kept over page switches, Back, a reload and a lost connection."""

import re

import streamlit as st

from ecgapp.report.language import LANGUAGES, _, best_language, speak, told
from ecgapp.service.readings import Readings, of_tab

# What a drawn sample is called, before its name.
SAMPLE = "Sample: "
TAB_NUMBER = re.compile(r"[0-9a-f]{32}")
# The number lies in the tab's own storage: a reload keeps it, and closing the tab deletes it.
TAB_SCRIPT = """
export default function ({ data, setStateValue }) {
  const name = "ecgapp-tab";
  let number = sessionStorage.getItem(name);
  if (!number) {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    number = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    sessionStorage.setItem(name, number);
  }
  if (data !== number) setStateValue("number", number);
}
"""


def speak_to_visitor() -> None:
    """Speak the visitor's language from here on; at the beginning of a run or of a fragment."""
    speak(st.session_state.get("language") or best_language(st.context.locale))


def shown_name(name: str) -> str:
    """What a file is called on a page; a sample by its name in the visitor's language."""
    if not name.startswith(SAMPLE):
        return name
    return _("Sample: {sample}", sample=told(name.removeprefix(SAMPLE)))


def choose_language() -> None:
    """Offer the languages, at the top of every page; at first the browser's."""
    st.session_state.setdefault("language", best_language(st.context.locale))
    with st.container(key="languages"):
        st.segmented_control(
            "Language / Sprache",
            list(LANGUAGES),
            required=True,
            key="language",
            persist_state="session",
            format_func=str.upper,
            label_visibility="collapsed",
        )
    speak_to_visitor()


def visitor_readings() -> Readings:
    """Give this visitor's readings; call it once a run.

    Returns
    -------
    Readings
        In the visitor's session alone.
    """
    own = st.session_state.setdefault("readings", Readings())
    asked = st.components.v2.component("tab_number", js=TAB_SCRIPT)(
        key="tab", data=st.session_state.get("tab_number"), on_number_change=lambda: None
    )
    number = asked.get("number")
    if isinstance(number, str) and TAB_NUMBER.fullmatch(number):
        if st.session_state.get("tab_number") != number:
            st.session_state.readings = own = of_tab(number, own)
        st.session_state.tab_number = number
    return own
