"""The Batch page: many sheets in, one table out."""

import base64
from typing import Any

import streamlit as st

from ecgapp.ecg import DISCLAIMER
from ecgapp.errors import MAX_UPLOAD_BYTES
from ecgapp.inference.shipped_models import ModelError
from ecgapp.report import html, words
from ecgapp.report.language import _, marked, told
from ecgapp.service.visitor_batch import MAX_FILES, MAX_TOTAL_BYTES, BatchItem, VisitorBatch
from pages.shared.door import come_through_the_router
from pages.shared.parts import show_incomplete
from pages.shared.session import visitor_readings

REFUSED = marked("Refused")
# The table is drawn anew after so many files; each time costs as much as reading one.
DRAW_EVERY = 5


def take_uploads(key: str) -> None:
    """Take the files out of the uploader, which holds them twice otherwise."""
    batch: VisitorBatch = st.session_state.batch
    refused = [batch.add(file.name, file.getvalue()) for file in st.session_state[key]]
    st.session_state.batch_refused = list(dict.fromkeys(filter(None, refused)))
    st.session_state.batch_intakes = st.session_state.get("batch_intakes", 0) + 1


def clear() -> None:
    st.session_state.batch = VisitorBatch()
    st.session_state.batch_refused = []


def choose_files() -> None:
    number = st.session_state.get("batch_intakes", 0)
    st.file_uploader(
        _(
            "Up to {max_files} sheets, {max_total_bytes} MB together. They are read one after "
            "the other, and stay in this server's memory until you clear them or a minute after "
            "you close the page.",
            max_files=MAX_FILES,
            max_total_bytes=MAX_TOTAL_BYTES // 10**6,
        ),
        accept_multiple_files=True,
        max_upload_size=MAX_UPLOAD_BYTES // 10**6,
        key=f"batch_upload_{number}",
        on_change=take_uploads,
        args=(f"batch_upload_{number}",),
    )
    st.toggle(
        _("Make a PDF report of each"),
        key="batch_reports",
        help=_("For the archive of reports below. Takes about as long again as reading."),
    )
    for said in st.session_state.get("batch_refused", []):
        st.html(html.alert(_("Some files were not taken."), said))


def kind_of(item: BatchItem) -> str:
    """What the filter tells apart: the class, or that there is none."""
    label = item.row.get("label")
    return words.CLASS_STYLES[label].name if label else REFUSED


def table_row(item: BatchItem) -> dict[str, Any]:
    row = item.row
    label, rate = row.get("label"), row.get("heart_rate_bpm")
    picture = base64.b64encode(item.thumbnail).decode()
    return {
        _("Sheet"): f"data:image/jpeg;base64,{picture}" if picture else None,
        _("File"): item.name,
        _("Read as"): told(item.summary),
        _("Findings"): told(item.findings or row.get("message", "")),
        _("Probability"): round(100 * row[f"p_{label}"]) if label else None,
        _("Confident"): bool(row.get("confident")),
        _("Confidently not normal"): bool(row.get("not_normal")),
        _("Rate (per minute)"): None if rate is None else round(rate),
        _("Layout"): row.get("layout", ""),
    }


def draw_table(items: list[BatchItem], place: Any, key: str) -> Any:
    return place.dataframe(
        [table_row(item) for item in items],
        column_config={
            _("Sheet"): st.column_config.ImageColumn(width="small"),
            _("File"): st.column_config.TextColumn(pinned=True, width="medium"),
            _("Read as"): st.column_config.TextColumn(width="medium"),
            _("Findings"): st.column_config.TextColumn(width="medium"),
            _("Probability"): st.column_config.ProgressColumn(
                format="%d%%", min_value=0, max_value=100
            ),
        },
        hide_index=True,
        key=key,
        on_select="rerun",
        selection_mode="single-row",
        alt=_("What was read from each sheet"),
    )


def read_on(batch: VisitorBatch) -> None:
    """Read what is unread, and show how far it has come."""
    bar, place = st.progress(0.0), st.empty()
    n_before, n_all = len(batch.items) - len(batch.unread), len(batch.items)
    for done, _item in enumerate(batch.read(st.session_state.batch_reports), start=n_before + 1):
        bar.progress(done / n_all, _("Read {done} of {n_all} sheets", done=done, n_all=n_all))
        if (done - n_before) % DRAW_EVERY == 1:
            place.dataframe(
                [table_row(item) for item in batch.items if item.row],
                column_config={_("Sheet"): st.column_config.ImageColumn(width="small")},
                hide_index=True,
                key=f"batch_so_far_{done}",
            )
    st.rerun()


def show_table(batch: VisitorBatch) -> None:
    kinds = sorted({kind_of(item) for item in batch.items})
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        chosen = st.pills(
            _("Show"), kinds, format_func=told, selection_mode="multi", key="batch_kinds", wrap=True
        )
        sure = st.toggle(_("Confident ones alone"), key="batch_sure")
        found = st.toggle(_("With findings alone"), key="batch_found")
    items = [
        item
        for item in batch.items
        if (not chosen or kind_of(item) in chosen)
        and (not sure or item.row.get("confident"))
        and (not found or item.findings)
    ]
    n_refused = sum(item.row["status"] == "refused" for item in batch.items)
    st.caption(
        _(
            "{shown} of {n} sheets shown, {n_refused} refused. Click a column's title to "
            "sort by it, a row's box to open the reading.",
            shown=len(items),
            n=len(batch.items),
            n_refused=n_refused,
        )
    )
    # Another choice of rows is another table: a mark on a row must not stay with its number.
    picked = draw_table(items, st, f"batch_table_{hash((tuple(chosen), sure, found))}")
    if picked.selection.rows:
        open_reading(items[picked.selection.rows[0]])
    show_downloads(batch)


def open_reading(item: BatchItem) -> None:
    """Open a reading on the Diagnose page."""
    readings = visitor_readings()
    refused = readings.add(item.name, item.data)
    if refused is not None:
        st.html(html.alert(_("{name} was not opened.", name=item.name), refused))
        return
    st.session_state.intake_open = False
    st.switch_page("pages/diagnose.py")


def show_downloads(batch: VisitorBatch) -> None:
    with st.container(horizontal=True):
        st.download_button(
            _("Download CSV"), batch.to_csv, "ecg_readings.csv", "text/csv",
            on_click="ignore", icon=":material/download:",
        )  # fmt: skip
        st.download_button(
            _("Download reports (ZIP)"), batch.to_zip, "ecg_reports.zip", "application/zip",
            on_click="ignore", icon=":material/download:",
            disabled=not any(item.report for item in batch.items),
            help=_("Needs the reports, which are made while the sheets are read."),
        )  # fmt: skip
        st.button(_("Clear all"), icon=":material/delete:", on_click=clear)


come_through_the_router(__file__)
st.title(_("Read many sheets"))
mine: VisitorBatch = st.session_state.setdefault("batch", VisitorBatch())
choose_files()
try:
    if mine.unread:
        read_on(mine)
    elif mine.items:
        show_table(mine)
except ModelError as error:
    show_incomplete(error)
st.caption(told(DISCLAIMER))
