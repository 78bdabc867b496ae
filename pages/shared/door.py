"""What a page asks before it shows anything."""

from pathlib import Path

import streamlit as st
from streamlit import config, runtime

from ecgapp.report.language import _
from ecgapp.service.access import AccessError, check_address, read_access
from pages.shared.session import speak_to_visitor


def check_door() -> None:
    """Stop the page where others could reach it without a login; offer the way out.

    `pages.shared.gate` turns away whoever may not enter before a page runs. It stands in front of
    the server that ``ecgapp app`` starts, and not of ``streamlit run app.py``.
    """
    if not runtime.exists():  # a test runs the page
        return
    try:
        access = read_access()
        check_address(config.get_option("server.address") or "", access)
    except AccessError as error:
        stop(f"This app is not served: {error}.")
        return
    if not access.login:
        return
    if not st.user.get("is_logged_in"):
        stop("Please log in: start the app with `python -m ecgapp app`, which asks for it.")
    st.html(f"<div style='text-align:right'><a href='/auth/logout'>{_('Log out')}</a></div>")


def stop(said: str) -> None:
    st.title("ECG sheet reader")
    st.error(said, icon=":material/lock:")
    st.stop()


def come_through_the_router(page: str) -> None:
    """Begin a page in the visitor's language, opened by ``app.py`` with what its address says.

    Before the router's first run, Streamlit opens a page of pages/ by itself when its address is
    asked for, without what the router sets.

    Parameters
    ----------
    page : str
        File of the page.
    """
    if "routed" not in st.session_state:
        st.session_state.wanted = f"pages/{Path(page).name}", st.query_params.to_dict()
        st.switch_page("app.py")
    speak_to_visitor()


def go_on_to_what_was_asked() -> None:
    """Open the page that `come_through_the_router` sent away; for the router."""
    wanted = st.session_state.pop("wanted", None)
    if wanted is not None:
        page, parameters = wanted
        st.switch_page(page, query_params=parameters)
