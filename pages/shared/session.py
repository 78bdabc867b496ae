"""The visitor's readings, kept over page switches, Back, a reload and a lost connection."""

import re

import streamlit as st

from ecgapp.report.language import LANGUAGES, _, best_language, speak, told
from ecgapp.service.readings import Readings, of_tab

# What a drawn sample is called, before its name.
SAMPLE = "Sample: "
# The number, and a mark where the tab held sheets in its last session.
TAB_NUMBER = re.compile(r"([0-9a-f]{32})(\+?)")
# Both lie in the tab's own storage: a reload keeps them, and closing the tab deletes them.
TAB_SCRIPT = """
export default function ({ data, setStateValue }) {
  const name = "ecgapp-tab";
  let number = sessionStorage.getItem(name);
  if (!number) {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    number = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    sessionStorage.setItem(name, number);
  }
  const held = "ecgapp-held";
  if (data.number !== number) {
    setStateValue("number", number + (sessionStorage.getItem(held) ? "+" : ""));
  } else if (data.holds) {
    sessionStorage.setItem(held, "1");
  } else {
    sessionStorage.removeItem(held);
  }
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
    with st.container(key="languages"):
        st.segmented_control(
            "Language / Sprache",
            list(LANGUAGES),
            # Not by the session: a page that runs twice at once would show none chosen.
            default=best_language(st.context.locale),
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
    # A message that comes later must not move the uploader: an upload may be on its way.
    notice = st.empty()
    learn_which_tab()
    own: Readings = st.session_state.readings
    if st.session_state.get("sheets_lost") and not holds_sheets():
        notice.info(
            _(
                "The sheets of this tab are gone: the server was started anew, or the connection "
                "was lost for longer than a minute. Please drop them again."
            )
        )
    return own


@st.fragment
def learn_which_tab() -> None:
    """Learn which tab this is, and give the session the readings of the tab's earlier one.

    A fragment: the browser answers by itself, and an answer that ran the whole page would bring it
    back to a visitor who has just pressed another page's name.
    """
    own = st.session_state.setdefault("readings", Readings())
    # Asked before the component is drawn, which tells the browser that it was understood.
    answer = st.session_state.get("tab") or {}
    found = TAB_NUMBER.fullmatch(str(answer.get("number")))
    is_new = found is not None and st.session_state.get("tab_number") != found[1]
    if found and is_new:
        st.session_state.tab_number = found[1]
        st.session_state.readings = of_tab(found[1], own)
        # A tab says so at the beginning of a session, and after a lost connection once more.
        if found[2]:
            st.session_state.setdefault("sheets_lost", not st.session_state.readings.all)
    st.components.v2.component("tab_number", js=TAB_SCRIPT)(
        key="tab",
        data={"number": st.session_state.get("tab_number"), "holds": holds_sheets()},
        on_number_change=lambda: None,
    )
    if is_new and (st.session_state.readings is not own or st.session_state.get("sheets_lost")):
        st.rerun()


def holds_sheets() -> bool:
    """Whether this session has sheets, read or waiting to be."""
    return bool(st.session_state.readings.all or st.session_state.get("waiting"))
