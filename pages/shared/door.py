"""What a page asks before it shows anything."""

import streamlit as st
from streamlit import config, runtime

from ecgapp.service.access import AccessError, check_address, read_access


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
    st.html("<div style='text-align:right'><a href='/auth/logout'>Log out</a></div>")


def stop(said: str) -> None:
    st.title("ECG sheet reader")
    st.error(said, icon=":material/lock:")
    st.stop()
