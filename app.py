"""The app: routes between the pages. `server.py` serves it, behind the gate."""

from pathlib import Path

import streamlit as st

from pages.shared.door import check_door, go_on_to_what_was_asked
from pages.shared.server import prepare

prepare()
check_door()
st.session_state["routed"] = True
# Shipped: the icon of a font would be fetched from the font's host.
ICON = Path(__file__).parent / "pages" / "shared" / "icon.png"
st.set_page_config(page_title="ECG sheet reader", page_icon=ICON, layout="wide")
# Streamlit pales captions below the contrast that WCAG 2.2 asks for.
CAPTIONS = "[data-testid='stCaptionContainer'], [data-testid='stImageCaption']"
st.html(f"<style>{CAPTIONS} {{ color: inherit; opacity: 0.85; }}</style>")
router = st.navigation(
    [
        st.Page("pages/diagnose.py", title="Diagnose", icon=":material/ecg_heart:", default=True),
        st.Page("pages/two_sheets.py", title="Two sheets", icon=":material/compare:"),
        st.Page("pages/teach.py", title="Teach", icon=":material/school:"),
        st.Page("pages/batch.py", title="Batch", icon=":material/stacks:"),
        st.Page("pages/evaluation.py", title="Evaluation", icon=":material/monitoring:"),
        st.Page("pages/compare.py", title="Compare", icon=":material/compare_arrows:"),
        st.Page("pages/dataset.py", title="Dataset", icon=":material/database:"),
        st.Page("pages/lead_lab.py", title="Lead lab", icon=":material/science:"),
        st.Page(
            "pages/evaluate_your_own.py",
            title="Evaluate your own",
            icon=":material/upload_file:",
        ),
        st.Page("pages/about.py", title="About", icon=":material/info:"),
    ],
    position="top",
)
go_on_to_what_was_asked()
router.run()
