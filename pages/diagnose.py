"""The Diagnose page: a sheet in, a verdict or a plain refusal out."""

import hashlib
import html
import json
from datetime import datetime
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from ecgapp import Diagnosis, diagnose
from ecgapp.digitize.leads import model_windows
from ecgapp.ecg import DISCLAIMER, LAYOUTS, LEADS, RHYTHM_STRIP
from ecgapp.errors import MAX_UPLOAD_BYTES, Refusal
from ecgapp.explain.evidence import Evidence, explain
from ecgapp.explain.nearest_cases import load_development_sheets
from ecgapp.inference.shipped_models import ModelError
from ecgapp.inference.verdict import SET_COVERAGE, Verdict
from ecgapp.io.pages import PageImage
from ecgapp.pipeline import WAVEFORM
from ecgapp.report import evidence_plots, json_and_csv, overlays, pdf, plots
from ecgapp.sheet.located import Correction, LocatedSheet
from ecgapp.synthesis.samples import SAMPLES, draw_sample

PLOT_CONFIG = {"displayModeBar": False}
AUTOMATIC = "Automatic"
CORNERS = ("Top left", "Top right", "Bottom right", "Bottom left")
# Unlike any correction, None included.
NOT_READ = object()


def choose_file() -> tuple[str, bytes] | None:
    """Offer the uploader and the samples; the one touched last counts."""
    upload_side, sample_side = st.columns([3, 2], gap="medium")
    upload = upload_side.file_uploader(
        "Scan, photograph or printout: JPEG, PNG, TIFF, BMP, WebP, HEIC, PDF or DICOM, up to "
        f"{MAX_UPLOAD_BYTES // 10**6} MB. Drag it here or browse.",
        max_upload_size=MAX_UPLOAD_BYTES // 10**6,
        key="upload",
        on_change=lambda: st.session_state.update(sample=None),
    )
    sample = sample_side.pills(
        "No sheet at hand? Try a drawn sample.",
        list(SAMPLES),
        key="sample",
        wrap=True,
        help="Drawn by this app from simulated signals; no patient is behind them.",
    )
    if sample is not None:
        sample_side.caption(SAMPLES[sample].description)
        return f"Sample: {sample}", draw_sample(sample)
    if upload is not None:
        return upload.name, upload.getvalue()
    return None


def read(data: bytes) -> Diagnosis:
    """Read a file once per visitor, and keep only the last one, in that visitor's session."""
    file = hashlib.sha256(data).hexdigest()
    if st.session_state.get("read_file") != file:
        st.session_state.update(read_file=file, correction=None, read_with=NOT_READ)
    correction: Correction | None = st.session_state.correction
    if st.session_state.read_with != correction:
        with st.spinner("Reading the sheet"):
            st.session_state.read_diagnosis = diagnose(data, correction)
        st.session_state.update(read_with=correction, read_at=datetime.now())
    return st.session_state.read_diagnosis


def draw(figure: go.Figure, key: str, alt: str) -> None:
    figure = plots.in_theme(figure, st.context.theme.type)
    st.plotly_chart(figure, config=PLOT_CONFIG, key=key, alt=alt)


def show_introduction() -> None:
    with st.container(border=True):
        st.markdown(
            "**What happens to a sheet**\n\n"
            "1. The picture is checked, and the twelve leads are found on it by name.\n"
            "2. Two neural networks (CNN and CRNN) read each lead on its own; a third reads all "
            "leads together.\n"
            "3. Their readings are weighed to one verdict, with its probability. A sheet that "
            "cannot be read is refused, with the reason.\n\n"
            "Your file stays in memory while this page is open and is never stored."
        )


def show_checks(diagnosis: Diagnosis) -> None:
    cells = []
    for check in diagnosis.checks:
        failed = diagnosis.refusal is not None and check.name == diagnosis.refusal.step
        mark, word = ("&#10003;", "passed") if check.passed else ("&#8505;", "differs")
        if failed:
            mark, word = "&#10005;", "failed"
        found = "The reason stands below." if failed else html.escape(check.found)
        expected = f"<br><small>Expected: {html.escape(check.expected)}</small>"
        cells.append(
            "<div style='padding:.55rem .8rem;border-left:3px solid rgba(127,140,150,.45)'>"
            f"<b>{mark} {html.escape(check.name)}</b> <small>({word})</small><br>"
            f"{found}{expected if check.expected else ''}</div>"
        )
    st.html(
        "<div style='display:grid;gap:.6rem 1rem;font-size:.92rem;"
        "grid-template-columns:repeat(auto-fit,minmax(min(230px,100%),1fr))'>"
        f"{''.join(cells)}</div>"
    )


def show_refusal(refusal: Refusal, diagnosis: Diagnosis) -> None:
    """Say why there is no verdict, beside the picture (unless its leads are shown below)."""
    st.error(f"**This file was not read.** {refusal.message}", icon=":material/block:")
    st.caption(f"Reason code: {refusal.code}. There is no verdict for this file.")
    if diagnosis.page is not None and diagnosis.sheet is None:
        half, _ = st.columns(2)
        half.image(diagnosis.page.rgb, caption="The picture as it was received", width="stretch")


def show_sheet(page: PageImage, sheet: LocatedSheet, diagnosis: Diagnosis) -> None:
    st.image(
        overlays.upload_with_leads(page, sheet, diagnosis.lead_probabilities),
        caption="Each lead's box carries the class that the models find likeliest in it."
        if diagnosis.lead_probabilities
        else "The leads that were found.",
        width="stretch",
    )
    if sheet.findings:
        with st.expander("How sure each step of finding the leads is"):
            st.dataframe(
                [
                    {"Step": finding.step, "Found": finding.found, "Sure": finding.sureness}
                    for finding in sheet.findings
                ],
                column_config={
                    "Sure": st.column_config.ProgressColumn(
                        format="percent", min_value=0, max_value=1
                    )
                },
                hide_index=True,
            )


def show_correction(page: PageImage, sheet: LocatedSheet | None) -> None:
    """Let a person say what the program got wrong, and read again."""
    if page.file_format == WAVEFORM:
        return
    with st.expander("Correct what was found", expanded=False), st.form("correct", border=False):
        st.caption(
            "For a sheet whose leads were not found, or not rightly. What you leave on automatic "
            "is found again."
        )
        layout_name = st.selectbox(
            "Layout",
            [AUTOMATIC, *LAYOUTS],
            help="Rows by columns; Cabrera's order begins with aVL.",
        )
        turns = st.selectbox(
            "Turn the picture",
            [0, 1, 2, 3],
            format_func=lambda n: f"{90 * n}° counterclockwise" if n else "Not at all",
        )
        by_hand = st.checkbox(
            "Give the corners of the curves myself",
            help="The rectangle from where the curves begin to where they end, ten seconds later.",
        )
        height, width = page.gray.shape
        corners: list[dict[str, Any]] = st.data_editor(
            [
                {"Corner": name, "x (px)": x, "y (px)": y}
                for name, (x, y) in zip(
                    CORNERS, overlays.corners_of_curves(page, sheet), strict=True
                )
            ],
            column_config={
                "x (px)": st.column_config.NumberColumn(min_value=0, max_value=width - 1, step=1),
                "y (px)": st.column_config.NumberColumn(min_value=0, max_value=height - 1, step=1),
            },
            disabled=["Corner"],
            hide_index=True,
        )
        if st.form_submit_button("Read again", icon=":material/refresh:"):
            st.session_state.correction = Correction(
                None if layout_name == AUTOMATIC else layout_name,
                tuple((row["x (px)"], row["y (px)"]) for row in corners) if by_hand else None,
                turns,
                page.number,
            )
            st.rerun()
    if st.session_state.correction is not None and st.button(
        "Undo the correction", icon=":material/undo:"
    ):
        st.session_state.correction = None
        st.rerun()


def show_verdict(verdict: Verdict, diagnosis: Diagnosis) -> None:
    style = plots.CLASS_STYLES[verdict.label]
    with st.container(border=True, key="verdict"):
        st.caption("The sheet reads most like")
        st.html(
            "<div style='display:flex;gap:.7rem;align-items:center;flex-wrap:wrap'>"
            f"<span style='background:{style.colour};color:{style.ink};font-weight:650;"
            f"padding:.2rem .6rem;border-radius:6px'>{style.short}</span>"
            f"<span style='font-size:1.5rem;font-weight:650'>{style.name}</span></div>"
        )
        if verdict.confident:
            st.badge("Confident", icon=":material/check_circle:", color="green")
        else:
            st.badge("Not confident", icon=":material/help:", color="orange")
            st.markdown(verdict.reason)
        draw(
            plots.probability_bars(verdict.probabilities),
            "verdict_bars",
            ", ".join(
                f"{plots.CLASS_STYLES[name].name} {plots.percent(probability)}"
                for name, probability in verdict.probabilities.items()
            ),
        )
        st.markdown(
            f"Not to be ruled out: **{plots.one_of(verdict.prediction_set)}** "
            f"(at {SET_COVERAGE:.0%} coverage)",
            help=f"Of sheets like those the models learnt from, {SET_COVERAGE:.0%} of each class "
            "have their label among the classes named here; the others do not. So what is not "
            "named is unlikely, and not ruled out.",
        )
        st.markdown(
            "  \n".join(
                f"{plots.MODEL_NAMES.get(model, model)} alone: "
                f"**{plots.CLASS_STYLES[leading].name}**, "
                f"{plots.percent(probabilities[leading])}"
                for model, probabilities in verdict.by_model.items()
                if (leading := plots.leading_class(probabilities))
            )
        )
        if "heart_rate_bpm" in diagnosis.measurements:
            st.metric("Heart rate", f"{diagnosis.measurements['heart_rate_bpm'].value:.0f} bpm")
        st.caption(f"{DISCLAIMER} Read in {diagnosis.timings_ms['total'] / 1000:.1f} s.")


def show_heat_maps(verdict: Verdict, diagnosis: Diagnosis) -> None:
    st.subheader("Lead by lead")
    st.caption(
        "Probability of each class in each lead, down the sheet's columns from the left. "
        + plots.class_legend(list(verdict.probabilities))
    )
    models = list(next(iter(diagnosis.lead_probabilities.values())))
    for column, model in zip(st.columns(len(models), gap="large"), models, strict=True):
        name = plots.MODEL_NAMES.get(model, model)
        with column:
            st.markdown(f"**{name}**")
            draw(
                plots.lead_heat_map(diagnosis.lead_probabilities, model),
                f"heat_{model}",
                f"Probability of each class in each lead, {name}; the CSV holds the numbers",
            )


def show_details(sheet: LocatedSheet, diagnosis: Diagnosis) -> None:
    leads = diagnosis.leads
    with st.expander("Grayscale sheet"):
        st.image(sheet.gray, width="stretch")
    with st.expander("The twelve leads by name"):
        st.caption("Cut from the sheet, smoothed (Gaussian) and turned black on white (Otsu).")
        # Row by row, so that a phone, which stacks columns, keeps the order.
        shown = [name for name in LEADS if name in leads]
        for start in range(0, len(shown), 3):
            for column, name in zip(st.columns(3), shown[start : start + 3], strict=False):
                column.image(plots.lead_picture(leads[name]), caption=name, width="stretch")
    with st.expander("Rhythm strip"):
        if RHYTHM_STRIP in leads:
            st.image(
                plots.lead_picture(leads[RHYTHM_STRIP]),
                caption=plots.lead_title(RHYTHM_STRIP),
                width="stretch",
            )
        else:
            st.write("This sheet was printed without a rhythm strip.")
    with st.expander("Preprocessed leads: what the models see"):
        st.caption(
            "Curve white on black, 150 x 150 pixels, the same seconds and millivolts whatever "
            "the layout. A lead that shows more seconds than one window is read in several."
        )
        with st.container(horizontal=True):
            for name, lead in leads.items():
                for number, window in enumerate(windows := model_windows(lead), start=1):
                    part = f", part {number} of {len(windows)}" if len(windows) > 1 else ""
                    st.image(window, caption=plots.lead_title(name) + part, width=150)
    with st.expander("Measurements"):
        show_measurements(diagnosis)


def show_curves(page: PageImage, sheet: LocatedSheet, diagnosis: Diagnosis) -> None:
    with st.expander("Traced curves over the sheet"):
        st.caption(
            "What the measurements read (blue) over what is printed. Where the two part, "
            "do not trust a number that comes from there."
        )
        st.image(overlays.upload_with_curves(page, sheet, diagnosis.leads), width="stretch")
        names = list(diagnosis.leads)
        for start in range(0, len(names), 3):
            for column, name in zip(st.columns(3), names[start : start + 3], strict=False):
                column.image(
                    overlays.lead_with_curve(sheet, diagnosis.leads[name]),
                    caption=plots.lead_title(name),
                    width="stretch",
                )


def show_evidence(page: PageImage, sheet: LocatedSheet, diagnosis: Diagnosis) -> None:
    with st.expander("Evidence: what moved the verdict"):
        st.caption(
            "Which stretches of which leads the verdict rests on, found in two ways: by taking "
            "each stretch away and reading again (occlusion), and by following the networks from "
            "an empty sheet to this one (integrated gradients). It shows what the networks used, "
            "not why, and not that they are right."
        )
        if not st.toggle("Find the evidence (takes a few seconds)", key=f"evidence_{file_key()}"):
            return
        try:
            evidence = find_evidence(diagnosis)
        except ModelError as error:
            st.error(f"This installation is incomplete, so nothing can be shown. Details: {error}.")
            return
        st.markdown(evidence_plots.agreement_sentence(evidence))
        methods = {"Taken away (occlusion)": "occlusion", "Integrated gradients": "gradient"}
        method = st.radio("Shown", list(methods), horizontal=True, key="evidence_method")
        moved = [getattr(stretch, methods[method]) for stretch in evidence.stretches]
        st.image(
            overlays.upload_with_evidence(page, sheet, diagnosis.leads, evidence.stretches, moved),
            caption=evidence_plots.picture_caption(evidence),
            width="stretch",
        )
        st.caption(evidence_plots.check_sentence())
        leads_side, stretches_side = st.columns(2, gap="large")
        with leads_side:
            st.markdown("**What the verdict loses without each lead**")
            draw(
                evidence_plots.lead_loss_bars(evidence),
                "lead_losses",
                ", ".join(f"{lead} {loss:+.2f}" for lead, loss in evidence.lead_losses.items()),
            )
        with stretches_side:
            st.markdown("**The stretches that it loses most without**")
            st.dataframe(evidence_plots.strongest_rows(evidence), hide_index=True)
            st.caption(
                "In log-odds: +0.7 means that the odds of the verdict halve without it, a minus "
                "that they rise."
            )
            st.markdown("**Development sheets most like this one**")
            development = load_development_sheets()
            st.markdown(evidence_plots.neighbours_sentence(evidence, development))
            st.caption(
                f"As the twelve-lead network sees them, of {len(development.label):,} sheets of "
                "one hospital. It learnt from them, so a new sheet lies somewhat further off than "
                "they do from each other."
            )


def find_evidence(diagnosis: Diagnosis) -> Evidence:
    """Explain a reading once, and keep the evidence as long as the reading."""
    if st.session_state.get("explained") is not diagnosis:
        with st.spinner("Finding the evidence"):
            st.session_state.evidence = explain(diagnosis)
        st.session_state.explained = diagnosis
    return st.session_state.evidence


def file_key() -> str:
    """Tell files apart, so that what was asked for one is not done for the next."""
    return st.session_state.read_file[:16]


def show_measurements(diagnosis: Diagnosis) -> None:
    if not diagnosis.measurements:
        st.write("Nothing could be measured on this sheet.")
        return
    st.dataframe(json_and_csv.measurement_rows(diagnosis.measurements), hide_index=True)
    st.caption("ST level, R and S by lead, in millivolts:")
    st.dataframe(json_and_csv.lead_measurement_rows(diagnosis.measurements), hide_index=True)
    st.caption("What is not listed was not measurable here. Every value is for teaching only.")


def show_downloads(diagnosis: Diagnosis, name: str) -> None:
    read_at = st.session_state.read_at
    st.subheader("Take the numbers with you")
    with st.container(horizontal=True):
        st.download_button(
            "Download JSON",
            json.dumps([json_and_csv.to_json_object(diagnosis, name)], indent=2),
            "ecg_reading.json",
            "application/json",
            on_click="ignore",
            icon=":material/download:",
        )
        st.download_button(
            "Download CSV",
            json_and_csv.to_csv(diagnosis, name),
            "ecg_reading.csv",
            "text/csv",
            on_click="ignore",
            icon=":material/download:",
        )
        st.download_button(
            "Download PDF",
            lambda: pdf.to_pdf(diagnosis, name, read_at),
            "ecg_reading.pdf",
            "application/pdf",
            on_click="ignore",
            icon=":material/download:",
        )


def show_reading(name: str, data: bytes) -> None:
    try:
        diagnosis = read(data)
    except ModelError as error:
        st.error(f"This installation is incomplete, so no sheet can be read. Details: {error}.")
        return
    show_checks(diagnosis)
    page, sheet, verdict = diagnosis.page, diagnosis.sheet, diagnosis.verdict
    if diagnosis.refusal is not None:
        show_refusal(diagnosis.refusal, diagnosis)
    if page is None:
        return
    if sheet is None:
        show_correction(page, None)
        return
    sheet_side, verdict_side = st.columns([3, 2], gap="medium")
    with sheet_side:
        show_sheet(page, sheet, diagnosis)
        show_correction(page, sheet)
    if verdict is not None:
        with verdict_side:
            show_verdict(verdict, diagnosis)
        show_heat_maps(verdict, diagnosis)
        show_evidence(page, sheet, diagnosis)
    show_curves(page, sheet, diagnosis)
    show_details(sheet, diagnosis)
    if verdict is not None:
        show_downloads(diagnosis, name)


st.title("Read an ECG sheet")
st.markdown("Upload a scan of a printed 12-lead ECG and see what each lead says.")
chosen = choose_file()
if chosen is None:
    show_introduction()
else:
    show_reading(*chosen)
st.caption(DISCLAIMER)
