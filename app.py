"""The app: routes between the pages. Start it with ``streamlit run app.py``."""

import streamlit as st

st.set_page_config(page_title="ECG sheet reader", page_icon=":material/ecg_heart:", layout="wide")
st.navigation(
    [
        st.Page("pages/diagnose.py", title="Diagnose", icon=":material/ecg_heart:", default=True),
        st.Page("pages/evaluation.py", title="Evaluation", icon=":material/monitoring:"),
        st.Page("pages/about.py", title="About", icon=":material/info:"),
    ],
    position="top",
).run()
