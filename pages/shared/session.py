"""The visitor's readings, kept over page switches, Back, a reload and a lost connection."""

import re
from typing import Any

import streamlit as st

from ecgapp.service.readings import Readings, of_tab

TAB_NUMBER = re.compile(r"[0-9a-f]{32}")
# The number lies in the tab's own storage: a reload keeps it, and closing the tab deletes it. With
# it, how many sheets the server held for the tab, so that their loss can be told.
TAB_SCRIPT = """
export default function ({ data, setStateValue }) {
  const name = "ecgapp-tab", sheets = "ecgapp-sheets";
  let number = sessionStorage.getItem(name);
  if (!number) {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    number = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    sessionStorage.setItem(name, number);
  }
  if (data.number === number) sessionStorage.setItem(sheets, data.held);
  else setStateValue("tab", { number, held: Number(sessionStorage.getItem(sheets)) });
}
"""
LOST = (
    "The server has let go of this page's sheets: it was restarted, or the connection was lost for "
    "more than a minute. Please drop them again."
)


def visitor_readings() -> Readings:
    """Give this visitor's readings; call it once a run.

    Returns
    -------
    Readings
        In the visitor's session alone.
    """
    own = st.session_state.setdefault("readings", Readings())
    # With those that were just dropped, and are taken in after this.
    n_sheets = len(own.all) + len(st.session_state.get("waiting", []))
    known = {"number": st.session_state.get("tab_number"), "held": n_sheets}
    asked = st.components.v2.component("tab_number", js=TAB_SCRIPT)(
        key="tab", data=known, on_tab_change=lambda: None
    )
    tab: Any = asked.get("tab") or {}
    number = tab.get("number")
    if isinstance(number, str) and TAB_NUMBER.fullmatch(number):
        if known["number"] != number:
            st.session_state.readings = own = of_tab(number, own)
            st.session_state.sheets_lost = tab.get("held", 0) > 0 and not own.all
        st.session_state.tab_number = number
    if n_sheets:
        st.session_state.sheets_lost = False
    elif st.session_state.get("sheets_lost"):
        st.info(LOST, icon=":material/history:")
    return own
