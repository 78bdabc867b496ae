"""The app: routes between the pages. `server.py` serves it, behind the gate."""

from pathlib import Path

import streamlit as st

from ecgapp.report.language import _
from pages.shared.door import check_door, go_on_to_what_was_asked
from pages.shared.server import prepare
from pages.shared.session import choose_language, speak_to_visitor

prepare()
speak_to_visitor()
check_door()
st.session_state["routed"] = True
# Shipped: the icon of a font would be fetched from the font's host.
ICON = Path(__file__).parent / "pages" / "shared" / "icon.png"
st.set_page_config(page_title=_("ECG sheet reader"), page_icon=ICON, layout="wide")
# Streamlit pales captions below the contrast that WCAG 2.2 asks for.
CAPTIONS = "[data-testid='stCaptionContainer'], [data-testid='stImageCaption']"
# The languages stand above the title, where they take no line of a phone's screen.
LANGUAGES = "[data-testid='stLayoutWrapper']:has(> .st-key-languages)"
st.html(
    f"<style>{CAPTIONS} {{ color: inherit; opacity: 0.85; }}"
    f"{LANGUAGES} {{ position: relative; margin-bottom: -1rem; z-index: 1; }}"
    ".st-key-languages { position: absolute; right: 0; top: -0.5rem; width: auto; }"
    # A phone's title is nearly as wide as the page.
    f"@media (max-width: 640px) {{ {LANGUAGES} {{ margin-bottom: -0.2rem; }} }}</style>"
)
choose_language()
router = st.navigation(
    [
        st.Page(
            "pages/diagnose.py", title=_("Diagnose"), icon=":material/ecg_heart:", default=True
        ),
        st.Page("pages/two_sheets.py", title=_("Two sheets"), icon=":material/compare:"),
        st.Page("pages/teach.py", title=_("Teach"), icon=":material/school:"),
        st.Page("pages/batch.py", title=_("Batch"), icon=":material/stacks:"),
        st.Page("pages/evaluation.py", title=_("Evaluation"), icon=":material/monitoring:"),
        st.Page("pages/compare.py", title=_("Compare"), icon=":material/compare_arrows:"),
        st.Page("pages/dataset.py", title=_("Dataset"), icon=":material/database:"),
        st.Page("pages/lead_lab.py", title=_("Lead lab"), icon=":material/science:"),
        st.Page(
            "pages/evaluate_your_own.py",
            title=_("Evaluate your own"),
            icon=":material/upload_file:",
        ),
        st.Page("pages/about.py", title=_("About"), icon=":material/info:"),
    ],
    position="top",
)
go_on_to_what_was_asked()
router.run()
