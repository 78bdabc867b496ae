"""The page on which visitors judge the shipped models by sheets of their own."""

import time

import streamlit as st

from ecgapp.datasets import user_data
from ecgapp.datasets.audit import AuditReport
from ecgapp.datasets.user_data import UserArchive, UserReading
from ecgapp.ecg import DISCLAIMER
from ecgapp.errors import Refusal
from ecgapp.evaluation import out_of_fold
from ecgapp.evaluation.out_of_fold import Summary
from ecgapp.inference import shipped_models
from ecgapp.inference.shipped_models import ModelError
from ecgapp.report import html, words

MAX_LISTED = 200


def forget() -> None:
    """Drop all that was kept of the archive before."""
    for key in ("own_archive", "own_refusal", "own_report", "own_readings", "own_stopped"):
        st.session_state.pop(key, None)


def stop() -> None:
    st.session_state.own_stopped = True


def go_on() -> None:
    st.session_state.own_stopped = False


def model_classes() -> list[str]:
    return next(iter(shipped_models.load_models().values())).metadata["classes"]


def open_upload(data: bytes) -> None:
    try:
        st.session_state.own_archive = user_data.open_archive(data, model_classes())
    except Refusal as refusal:
        st.session_state.own_refusal = refusal.message
    st.session_state.own_readings = []


def time_left(start: float, done: int, left: int) -> str:
    seconds = (time.monotonic() - start) / done * left
    if seconds < 60:
        return f"about {max(1, round(seconds))} s left"
    return f"about {round(seconds / 60)} min left"


def work(own: UserArchive) -> None:
    """Audit and read what is not done yet; what is done stays when the visitor stops it."""
    readings: list[UserReading] = st.session_state.own_readings
    row = st.empty()
    with row.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0, "Checking the files")
        st.button("Stop", on_click=stop, key="stop", icon=":material/stop:")
    start = time.monotonic()

    def show_progress(what: str, done: int, total: int, since: float, done_since: int) -> None:
        left = time_left(since, done_since, total - done)
        bar.progress(done / total, f"{what}: {done} of {total}, {left}")

    if "own_report" not in st.session_state:
        st.session_state.own_report = user_data.audit_archive(
            own, lambda done, total: show_progress("Checking the files", done, total, start, done)
        )
    reading_start, n_before = time.monotonic(), len(readings)
    for number, file in enumerate(own.files[n_before:], start=1):
        readings.append(user_data.read_sheet(own, file))
        show_progress("Reading sheets", len(readings), len(own.files), reading_start, number)
    row.empty()


def show_findings(own: UserArchive, audit: AuditReport, readings: list[UserReading]) -> None:
    refused = [reading for reading in readings if reading.refusal is not None]
    read, not_read, left_out = st.columns(3)
    read.metric("Sheets read", len(readings) - len(refused), border=True)
    not_read.metric("Sheets refused", len(refused), border=True)
    left_out.metric("Files left out", len(own.bad), border=True)
    for warning in user_data.warnings(audit):
        st.warning(warning, icon=":material/content_copy:")
    listed = [
        {"File": reading.path, "What": "refused", "Why": reading.refusal.message}
        for reading in refused
        if reading.refusal is not None
    ] + [{"File": entry.path, "What": "left out", "Why": entry.reason} for entry in own.bad]
    if listed:
        with st.expander(f"Files without a verdict ({len(listed)})"):
            st.dataframe(listed[:MAX_LISTED], hide_index=True)
            if len(listed) > MAX_LISTED:
                st.caption(f"The first {MAX_LISTED}; the CSV holds all.")


def show_summary(classes: tuple[str, ...], summary: Summary) -> None:
    accuracy, macro_f1 = st.columns(2)
    accuracy.metric("Accuracy (95% interval)", words.interval_text(summary.accuracy), border=True)
    macro_f1.metric("Macro-F1 (95% interval)", words.interval_text(summary.macro_f1), border=True)
    matrix, table = st.columns([2, 3], gap="large")
    with matrix:
        st.subheader("Confusion matrix")
        st.html(
            html.confusion_tiles(
                summary.confusion, classes, "Confusion matrix; counts and percentages of each row"
            )
        )
    with table:
        st.subheader("Class by class")
        rows = words.class_rows(summary, classes)
        st.table(rows, hide_index=True, border="horizontal")
        st.caption(words.class_legend(classes))
    st.caption(
        f"n = {summary.n} sheets, {summary.n_sessions} different pictures. Intervals: 95% "
        "bootstrap over different pictures. Several sheets of one patient would make them "
        "too narrow, since which belong together is not known here."
    )


def show_results(own: UserArchive, audit: AuditReport, readings: list[UserReading]) -> None:
    show_findings(own, audit, readings)
    groups = user_data.content_groups(audit)
    read = [reading for reading in readings if reading.refusal is None]
    if read:
        with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
            source = st.segmented_control(
                "Judge", list(read[0].probabilities), default=user_data.VERDICT, required=True,
                key="own_source",
                format_func=lambda name: "Verdict (all models)"
                if name == user_data.VERDICT else words.MODEL_NAMES.get(name, name),
            )  # fmt: skip
            count_copies = st.toggle(
                "Count copies, too", key="own_copies",
                help="Off: of files that show the same under the same label, one counts.",
            )  # fmt: skip
        predictions = user_data.to_predictions(readings, source, groups, count_copies)
        show_summary(predictions.classes, out_of_fold.summarize(predictions))
    else:
        st.error("None of the sheets could be read, so there are no figures.")
    st.download_button(
        "Download CSV, one row a file",
        user_data.to_csv(readings, own.bad, groups),
        "own_evaluation.csv",
        "text/csv",
        on_click="ignore",
        icon=":material/download:",
    )


def show_archive(own: UserArchive) -> None:
    if not st.session_state.get("own_stopped", False):
        work(own)
    elif len(st.session_state.own_readings) < len(own.files):
        st.warning(
            f"Stopped after {len(st.session_state.own_readings)} of {len(own.files)} sheets. "
            "Figures are of these alone.",
            icon=":material/pause_circle:",
        )
        st.button("Go on", on_click=go_on, key="go_on", icon=":material/play_arrow:")
    if "own_report" in st.session_state and st.session_state.own_readings:
        show_results(own, st.session_state.own_report, st.session_state.own_readings)


if "routed" not in st.session_state:
    st.switch_page("app.py")
st.title("Evaluate your own")
st.markdown(
    "How do the models of this app read **your** sheets? Put the sheets of each class into a "
    "folder named after it (`normal`, `abnormal_heartbeat`, `mi`, `history_of_mi`; the folder "
    "names of the public data set are understood too) and upload the folders as one ZIP file."
)
upload = st.file_uploader(
    f"ZIP file, up to {user_data.MAX_ARCHIVE_BYTES // 10**6} MB and {user_data.MAX_ENTRIES} files. "
    "It stays in memory and is gone about a minute after you leave.",
    max_upload_size=user_data.MAX_ARCHIVE_BYTES // 10**6,
    key="own_upload",
    on_change=forget,
)
try:
    if upload is None:
        # As after a visit to another page, which empties the uploader.
        forget()
    else:
        if "own_readings" not in st.session_state:
            open_upload(upload.getvalue())
        if "own_refusal" in st.session_state:
            st.html(html.alert("This archive was not read.", st.session_state.own_refusal))
        else:
            show_archive(st.session_state.own_archive)
except ModelError as error:
    st.error(f"This installation is incomplete, so no sheet can be read. Details: {error}.")
st.caption(
    "If your sheets are from the public data set, the models have seen them: their figures will "
    "be too good. The Evaluation page has honest ones."
)
st.caption(DISCLAIMER)
