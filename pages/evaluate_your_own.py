"""The page on which visitors judge the shipped models by sheets of their own."""

import time
from datetime import date
from typing import Literal

import streamlit as st

from ecgapp.datasets import user_data
from ecgapp.datasets.audit import AuditReport
from ecgapp.datasets.sample_archive import SAMPLE_CASES, draw_sample_archive
from ecgapp.datasets.user_data import UserArchive, UserReading
from ecgapp.ecg import DISCLAIMER
from ecgapp.errors import Refusal
from ecgapp.evaluation import out_of_fold
from ecgapp.evaluation.out_of_fold import Summary
from ecgapp.evaluation.predictions import Predictions
from ecgapp.inference import shipped_models
from ecgapp.inference.shipped_models import ModelError
from ecgapp.report import html, own_rows, words
from ecgapp.report.language import ENGLISH, _, marked, speaking, told
from ecgapp.report.own_card import own_card
from pages.shared.door import come_through_the_router
from pages.shared.figures import show_confusion, show_table
from pages.shared.session import visitor_readings

KINDS: dict[str, Literal[True, "directory"]] = {
    marked("ZIP file or sheets"): True,
    marked("Folder"): "directory",
}
# Streamlit names a dropped file without its folders, which the browser tells it only of chosen
# ones; what reads the drop notes them as `path`.
FOLDERS_SCRIPT = """
export default function () {
  const own = Object.getOwnPropertyDescriptor(File.prototype, "webkitRelativePath");
  if (own.get.knowsDrops) return;
  const get = function () {
    return own.get.call(this) || (this.path ?? "").replace(/^[.]?[/]/, "");
  };
  get.knowsDrops = true;
  Object.defineProperty(File.prototype, "webkitRelativePath", { ...own, get });
}
"""
NAMES = {user_data.VERDICT: marked("Verdict (all models)"), **words.MODEL_NAMES}
EXACT = marked(
    "Intervals: 95%; of shares exact (Clopper and Pearson), of F1 bootstrap. "
    "Every picture counts once."
)
BOOTSTRAP = marked("Intervals: 95% bootstrap over different pictures.")
SAME_PATIENT = marked(
    "Several sheets of one patient would make them too narrow, since which "
    "belong together is not known here."
)


def source_name(source: str) -> str:
    """Name a model or the verdict, in the visitor's language."""
    return _(NAMES.get(source, source))


def forget() -> None:
    """Drop all that was kept of the files before."""
    for key in ("own_archive", "own_refusal", "own_report", "own_readings", "own_stopped"):
        st.session_state.pop(key, None)


def stop() -> None:
    st.session_state.own_stopped = True


def go_on() -> None:
    st.session_state.own_stopped = False


def model_classes() -> list[str]:
    return next(iter(shipped_models.load_models().values())).metadata["classes"]


def take_uploads(key: str) -> None:
    """Take the files out of the uploader, so that they outlive a visit to another page."""
    uploaded = st.session_state[key] or []
    forget()
    if uploaded:
        st.session_state.own_waiting = [(file.name, file.getvalue()) for file in uploaded]
        st.session_state.own_intakes = st.session_state.get("own_intakes", 0) + 1


def open_upload(files: list[tuple[str, bytes]]) -> None:
    try:
        st.session_state.own_archive = user_data.open_archive(
            user_data.pack(files), model_classes()
        )
    except Refusal as refusal:
        st.session_state.own_refusal = refusal.message
    st.session_state.own_readings = []


def choose_files() -> None:
    """Offer the uploader for files or for a folder, and sheets to try it with."""
    kind = st.segmented_control(_("What you have"), list(KINDS), default="ZIP file or sheets",
                                format_func=_,
                                required=True, key="own_kind")  # fmt: skip
    st.components.v2.component("dropped_folders", js=FOLDERS_SCRIPT)(key="dropped_folders")
    number = st.session_state.get("own_intakes", 0)
    st.file_uploader(
        _(
            "Up to {max_mb} MB and {max_files} files. They stay in "
            "memory until you clear them, or for about a minute after you leave.",
            max_mb=user_data.MAX_ARCHIVE_BYTES // 10**6,
            max_files=user_data.MAX_ENTRIES,
        ),
        accept_multiple_files=KINDS[kind],
        max_upload_size=user_data.MAX_ARCHIVE_BYTES // 10**6,
        key=f"own_upload_{number}_{kind == 'Folder'}",
        on_change=take_uploads,
        args=(f"own_upload_{number}_{kind == 'Folder'}",),
    )
    st.download_button(
        _(
            "Sample to try it with ({n} drawn sheets, ZIP)",
            n=len(SAMPLE_CASES),
        ),
        draw_sample_archive,
        "sample_sheets.zip",
        "application/zip",
        on_click="ignore",
        icon=":material/download:",
        type="tertiary",
        help=_("Drawn from simulated hearts; no patient is behind them."),
    )


def time_left(start: float, done: int, left: int) -> str:
    seconds = (time.monotonic() - start) / done * left
    if seconds < 60:
        return _("about {seconds} s left", seconds=max(1, round(seconds)))
    return _("about {minutes} min left", minutes=round(seconds / 60))


def work(own: UserArchive) -> None:
    """Audit and read what is not done yet; what is done stays when the visitor stops it."""
    readings: list[UserReading] = st.session_state.own_readings
    row = st.empty()
    with row.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0, _("Checking the files"))
        st.button(_("Stop"), on_click=stop, key="stop", icon=":material/stop:")
    start = time.monotonic()

    def show_progress(what: str, done: int, total: int, since: float, done_since: int) -> None:
        left = time_left(since, done_since, total - done)
        said = f"{what}: {_('{done} of {n}', done=done, n=total)}, {left}"
        bar.progress(done / total, said)

    if "own_report" not in st.session_state:
        st.session_state.own_report = user_data.audit_archive(
            own,
            lambda done, total: show_progress(_("Checking the files"), done, total, start, done),
        )
    reading_start, n_before = time.monotonic(), len(readings)
    for number, file in enumerate(own.files[n_before:], start=1):
        readings.append(user_data.read_sheet(own, file))
        show_progress(_("Reading sheets"), len(readings), len(own.files), reading_start, number)
    row.empty()


def show_counts(own: UserArchive, audit: AuditReport, readings: list[UserReading]) -> None:
    n_refused = sum(reading.refusal is not None for reading in readings)
    read, not_read, left_out = st.columns(3)
    read.metric(_("Sheets read"), len(readings) - n_refused, border=True)
    not_read.metric(_("Sheets refused"), n_refused, border=True)
    left_out.metric(_("Files left out"), len(own.bad), border=True)
    for warning in user_data.warnings(audit):
        st.warning(told(warning), icon=":material/content_copy:")


def show_files(own: UserArchive, readings: list[UserReading]) -> None:
    """List every file; a click on one opens its reading."""
    st.subheader(_("File by file"))
    rows = own_rows.file_rows(readings, own.bad)
    picked = st.dataframe(
        rows,
        column_config={
            _("File"): st.column_config.TextColumn(pinned=True, width="medium"),
            _("Probability"): st.column_config.ProgressColumn(
                format="%d%%", min_value=0, max_value=100
            ),
        },
        hide_index=True,
        key="own_files",
        on_select="rerun",
        selection_mode="single-row",
        alt=_("What was read from each file"),
    )
    st.caption(_("Click a column's title to sort by it, a row's box to open the reading."))
    if not picked.selection.rows:
        return
    chosen = picked.selection.rows[0]
    if chosen < len(readings):
        open_reading(own, readings[chosen])
    else:
        st.html(html.alert(_("This file was left out."), str(rows[chosen][_("Why")])))


def open_reading(own: UserArchive, reading: UserReading) -> None:
    """Open a reading on the Diagnose page."""
    try:
        refused = visitor_readings().add(reading.path, user_data.file_content(own, reading.path))
    except OSError as error:
        refused = _("The file cannot be unpacked: {error}.", error=told(str(error)))
    if refused is not None:
        st.html(html.alert(_("{name} was not opened.", name=reading.path), refused))
        return
    # Or the mark would open it again on the way back.
    del st.session_state.own_files
    st.session_state.intake_open = False
    st.switch_page("pages/diagnose.py")


def summarized(predictions: Predictions, count_copies: bool) -> tuple[Summary, str]:
    """Judge, with exact intervals where every picture counts once; say which they are."""
    summary = out_of_fold.summarize(predictions)
    if count_copies or summary.n != summary.n_sessions:
        return summary, BOOTSTRAP
    return out_of_fold.with_exact_intervals(summary), EXACT


def show_summary(predictions: Predictions, summary: Summary, intervals: str) -> None:
    classes = predictions.classes
    accuracy, macro_f1 = st.columns(2)
    accuracy.metric(
        _("Accuracy (95% interval)"), words.interval_text(summary.accuracy), border=True
    )
    macro_f1.metric(
        _("Macro-F1 (95% interval)"), words.interval_text(summary.macro_f1), border=True
    )
    matrix, table = st.columns([2, 3], gap="large")
    with matrix:
        st.subheader(_("Confusion matrix"))
        show_confusion(
            summary.confusion,
            classes,
            _("Counts and percentages of each row"),
            "own_confusion",
            predictions,
            by_file=True,
        )
    with table:
        st.subheader(_("Class by class"))
        show_table(words.class_rows(summary, classes), "own_class_by_class")
        st.caption(words.class_legend(classes))
    st.caption(
        _(
            "n = {n} sheets, {n_sessions} different pictures. {intervals} {same_patient}",
            n=summary.n,
            n_sessions=summary.n_sessions,
            intervals=_(intervals),
            same_patient=_(SAME_PATIENT),
        )
    )


def show_results(own: UserArchive, audit: AuditReport, readings: list[UserReading]) -> None:
    show_counts(own, audit, readings)
    groups = user_data.content_groups(audit)
    read = [reading for reading in readings if reading.refusal is None]
    count_copies = False
    if read:
        with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
            source = st.segmented_control(
                _("Judge"), list(read[0].probabilities), default=user_data.VERDICT, required=True,
                key="own_source", format_func=source_name, wrap=True,
            )  # fmt: skip
            count_copies = st.toggle(
                _("Count copies, too"), key="own_copies",
                help=_("Off: of files that show the same under the same label, one counts."),
            )  # fmt: skip
        predictions = user_data.to_predictions(readings, source, groups, count_copies)
        show_summary(predictions, *summarized(predictions, count_copies))
    else:
        st.error(_("None of the sheets could be read, so there are no figures."))
    show_files(own, readings)

    def card() -> str:
        judged = {
            NAMES.get(name, name): summarized(
                user_data.to_predictions(readings, name, groups, count_copies), count_copies
            )
            for name in read[0].probabilities
        }
        intervals = judged[NAMES[user_data.VERDICT]][1]
        # In English, as the cards of the shipped models are.
        with speaking(ENGLISH):
            return own_card(
                readings,
                own.bad,
                {title: summary for title, (summary, _intervals) in judged.items()},
                user_data.warnings(audit),
                f"{intervals} {SAME_PATIENT}",
                date.today(),
            )

    with st.container(horizontal=True):
        st.download_button(
            _("Download CSV, one row a file"),
            user_data.to_csv(readings, own.bad, groups),
            "own_evaluation.csv",
            "text/csv",
            on_click="ignore",
            icon=":material/download:",
        )
        if read:
            st.download_button(
                _("Download a model card of your own"),
                card,
                "model_card.md",
                "text/markdown",
                on_click="ignore",
                icon=":material/download:",
                help=_(
                    "The figures of every model on your sheets, with what bears on them, as "
                    "Markdown, in English. No file's name stands in it."
                ),
            )
        st.button(_("Clear"), on_click=forget, key="own_clear", icon=":material/delete:")


def show_archive(own: UserArchive) -> None:
    if not st.session_state.get("own_stopped", False):
        work(own)
    elif len(st.session_state.own_readings) < len(own.files):
        st.warning(
            _(
                "Stopped after {done} of {n} sheets. Figures are of these alone.",
                done=len(st.session_state.own_readings),
                n=len(own.files),
            ),
            icon=":material/pause_circle:",
        )
        st.button("Go on", on_click=go_on, key="go_on", icon=":material/play_arrow:")
    if "own_report" in st.session_state and st.session_state.own_readings:
        show_results(own, st.session_state.own_report, st.session_state.own_readings)


come_through_the_router(__file__)
st.title(_("Evaluate your own"))
st.markdown(
    _(
        "How do the models of this app read **your** sheets? Put the sheets of "
        "each class into a folder named after it (`normal`, "
        "`abnormal_heartbeat`, `mi`, `history_of_mi`; the folder names of the "
        "public data set are understood too) and give the folders as one ZIP "
        "file or as they are. Or give the sheets with a CSV file whose columns "
        "`file` and `label` say what each shows."
    )
)
choose_files()
try:
    if (waiting := st.session_state.pop("own_waiting", None)) is not None:
        open_upload(waiting)
    if "own_refusal" in st.session_state:
        st.html(html.alert(_("These files were not read."), st.session_state.own_refusal))
    elif "own_archive" in st.session_state:
        show_archive(st.session_state.own_archive)
except ModelError as error:
    st.error(
        _(
            "This installation is incomplete, so no sheet can be read. Details: {error}.",
            error=error,
        )
    )
st.caption(
    _(
        "If your sheets are from the public data set, the models have seen them: "
        "their figures will be too good. The Evaluation page has honest ones."
    )
)
st.caption(told(DISCLAIMER))
