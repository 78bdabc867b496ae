"""The Diagnose page: a sheet in, a verdict or a plain refusal out."""

import base64
import html as markup
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st
from PIL import Image

from ecgapp import Diagnosis
from ecgapp.digitize.leads import model_windows
from ecgapp.ecg import DISCLAIMER, LAYOUTS, LEADS, RHYTHM_STRIP, RHYTHM_STRIPS
from ecgapp.errors import MAX_UPLOAD_BYTES, Refusal
from ecgapp.explain.evidence import Evidence, explain
from ecgapp.explain.nearest_cases import load_development_sheets
from ecgapp.explain.without_lead import without_lead
from ecgapp.inference.shipped_models import ModelError
from ecgapp.inference.verdict import SET_COVERAGE, Verdict
from ecgapp.io.pages import WAVEFORM, PageImage
from ecgapp.measure.lead_beat import lead_beat
from ecgapp.report import evidence_plots, html, json_and_csv, lead_details, overlays, words
from ecgapp.report.by_hand import by_hand_line
from ecgapp.report.exports import find_identity, write_report
from ecgapp.report.headline import headline
from ecgapp.report.language import ENGLISH, _, marked, speaking, spoken, told
from ecgapp.report.sheet_view import picture_scale, upload_picture, view_data
from ecgapp.report.wfdb import to_wfdb_zip
from ecgapp.service.corrections import merged
from ecgapp.service.readings import MAX_FILES, MAX_TOTAL_BYTES, Reading, Readings
from ecgapp.sheet.located import Correction, LayoutProposal, LocatedSheet
from ecgapp.synthesis.samples import SAMPLES, draw_sample
from pages.shared.door import come_through_the_router
from pages.shared.parts import show_findings, show_incomplete, show_lead_tiles
from pages.shared.session import SAMPLE, shown_name, speak_to_visitor, visitor_readings
from pages.shared.sheet_view import sheet_view

AUTOMATIC = marked("Automatic")
TABS = (marked("Leads"), marked("Evidence"), marked("Technical"))


def take_uploads(key: str) -> None:
    """Take the files out of the uploader, which holds them twice otherwise."""
    uploads = [(file.name, file.getvalue()) for file in st.session_state[key]]
    if not uploads:
        return
    st.session_state.waiting = uploads + st.session_state.get("waiting", [])
    fold_intake()


def take_sample(key: str) -> None:
    sample = (f"{SAMPLE}{st.session_state[key]}", None)
    st.session_state.waiting = [sample, *st.session_state.get("waiting", [])]
    fold_intake()


def fold_intake() -> None:
    st.session_state.intakes = st.session_state.get("intakes", 0) + 1
    st.session_state.intake_open = False


def open_reading(readings: Readings, reading: Reading) -> None:
    readings.shown = reading
    st.session_state.intake_open = False


def clear(readings: Readings, unwanted: list[Reading]) -> None:
    for reading in list(unwanted):
        readings.clear(reading)
    if not readings.all:
        st.session_state.intake_open = True


def choose_files(readings: Readings) -> None:
    """Offer the uploader, the samples and this session's readings."""
    n = st.session_state.get("intakes", 0)
    label = _("Read another sheet") if readings.all else _("Read a sheet")
    if len(readings.all) > 1:
        label = _("Read another sheet, or go back to one of {n}", n=len(readings.all))
    st.session_state.setdefault("intake_open", not readings.all)
    intake = st.expander(label, key="intake_open", on_change="rerun")
    with intake:
        upload_side, sample_side = st.columns([3, 2], gap="medium")
        upload_side.file_uploader(
            _(
                "Scans, photographs or printouts: JPEG, PNG, TIFF, BMP, WebP, HEIC, PDF or DICOM, "
                "up to {max_upload_bytes} MB each. Drag them here or browse.",
                max_upload_bytes=MAX_UPLOAD_BYTES // 10**6,
            ),
            accept_multiple_files=True,
            max_upload_size=MAX_UPLOAD_BYTES // 10**6,
            key=f"upload_{n}",
            on_change=take_uploads,
            args=(f"upload_{n}",),
            help=_(
                "A session keeps up to {max_files} files of {max_total_bytes} MB together.",
                max_files=MAX_FILES,
                max_total_bytes=MAX_TOTAL_BYTES // 10**6,
            ),
        )
        sample_side.pills(
            _("No sheet at hand? Try a drawn sample."),
            list(SAMPLES),
            format_func=told,
            key=f"sample_{n}",
            on_change=take_sample,
            args=(f"sample_{n}",),
            wrap=True,
            help=_("Drawn by this app from simulated signals; no patient is behind them."),
        )
        st.toggle(
            _("Hide what was read until I ask for it"),
            key="hidden_first",
            persist_state="session",
            help=_(
                "For teaching: the sheet is shown alone, and the reading at the press of a button."
            ),
        )
        if readings.all and intake.open:
            list_readings(readings)


def list_readings(readings: Readings) -> None:
    st.subheader(_("Sheets of this session"))
    for number, reading in enumerate(readings.all):
        with st.container(horizontal=True, vertical_alignment="center", key=f"reading_{number}"):
            st.html(summary(reading))
            st.button(
                _("Open"),
                key=f"open_{reading.sha256}",
                on_click=open_reading,
                args=(readings, reading),
                disabled=reading is readings.shown,
            )
            st.button(
                _("Clear"),
                key=f"clear_{reading.sha256}",
                icon=":material/delete:",
                on_click=clear,
                args=(readings, [reading]),
            )
    if len(readings.all) > 1:
        st.button(_("Clear all"), key="clear_all", on_click=clear, args=(readings, readings.all))


def is_hidden(reading: Reading) -> bool:
    """Whether a reading waits to be asked for, as a class wants it."""
    revealed = st.session_state.setdefault("revealed", set())
    return bool(st.session_state.get("hidden_first")) and reading.sha256 not in revealed


def show_alone(reading: Reading, page: PageImage, diagnosis: Diagnosis) -> None:
    """Show the sheet, and the reading when it is asked for."""
    st.button(
        _("Reveal the reading"),
        type="primary",
        on_click=lambda: st.session_state.revealed.add(reading.sha256),
    )
    st.image(
        picture(reading, "alone", lambda: Image.fromarray(page_shown(page, diagnosis)[0].rgb)),
        alt=_("The sheet as it was received"),
        width="stretch",
    )


def summary(reading: Reading) -> str:
    """A thumbnail with the file's name and what was read."""
    picture = ""
    if reading.thumbnail:
        data = base64.b64encode(reading.thumbnail).decode()
        picture = f"<img src='data:image/jpeg;base64,{data}' alt='' style='width:88px'>"
    said = (
        _("hidden until asked for")
        if is_hidden(reading)
        else told(reading.summary) or _("not read yet")
    )
    return (
        "<div style='display:flex;gap:.7rem;align-items:center'>"
        f"<div style='width:88px;flex:none'>{picture}</div><div style='overflow-wrap:anywhere'>"
        f"<b>{markup.escape(shown_name(reading.name))}</b><br>{markup.escape(said)}</div></div>"
    )


def take_in(readings: Readings) -> None:
    """Add what was uploaded or chosen since the last run; the first of it is shown."""
    waiting = st.session_state.get("waiting", [])
    while waiting:
        name, data = waiting[-1]
        if data is None:
            # A run that ends here, for another file or a button, leaves the sample to the next.
            with st.spinner(_("Drawing the sample")):
                data = draw_sample(name.removeprefix(SAMPLE))
        waiting.pop()
        if (refused := readings.add(name, data)) is not None:
            st.html(html.alert(_("{name} was not taken.", name=name), refused))


def show_introduction() -> None:
    with st.container(border=True):
        st.markdown(
            _(
                "**What happens to a sheet**\n\n"
                "1. The picture is checked, and the twelve leads are found on it by name.\n"
                "2. The curves are measured. Two neural networks (CNN and CRNN) read each lead on "
                "its own; a third reads all leads together.\n"
                "3. Their readings are weighed to one verdict, with its probability. A sheet that "
                "cannot be read is refused, with the reason.\n\n"
                "Your files stay in this server's memory until you clear them or a minute after "
                "you close the page. They are never written to disk."
            )
        )


def show_header(readings: Readings, reading: Reading, diagnosis: Diagnosis) -> None:
    """Which file and page; another one of the session; clear it."""
    with st.container(horizontal=True, vertical_alignment="center"):
        page = diagnosis.page
        pages = ""
        if page and page.n_pages > 1:
            pages = _(", page {number} of {n}", number=page.number, n=page.n_pages)
        st.html(
            "<p style='margin:0;overflow-wrap:anywhere'>"
            f"<b>{markup.escape(shown_name(reading.name))}</b>{pages}</p>"
        )
        if by_hand := by_hand_line(diagnosis.correction):
            st.html(f"<p style='margin:0'><b>{markup.escape(told(by_hand))}</b></p>")
        st.button(
            _("Clear"),
            key="clear_shown",
            icon=":material/delete:",
            type="tertiary",
            on_click=clear,
            args=(readings, [reading]),
        )
    if len(readings.all) > 1:
        at = next(n for n, one in enumerate(readings.all) if one is reading)
        with st.container(horizontal=True, vertical_alignment="center"):
            said = _("Sheet {number} of {n}", number=at + 1, n=len(readings.all))
            st.html(f"<small>{said}</small>")
            for title, icon, to in (
                (_("Previous"), ":material/chevron_left:", at - 1),
                (_("Next"), ":material/chevron_right:", at + 1),
            ):
                possible = 0 <= to < len(readings.all)
                st.button(
                    title,
                    icon=icon,
                    type="tertiary",
                    on_click=open_reading,
                    args=(readings, readings.all[to] if possible else reading),
                    disabled=not possible,
                )


def show_other_pages(reading: Reading, diagnosis: Diagnosis) -> None:
    """Say which page of several was read, and offer the others."""
    page, others = diagnosis.page, diagnosis.other_pages
    if page is None or page.n_pages < 2:
        return
    title = {number: _("Page {number}", number=number) for number in range(1, page.n_pages + 1)}
    title |= {number: _("Page {number}: a sheet", number=number) for number in others.sheets}
    title |= {
        number: _("Page {number}: perhaps a sheet", number=number) for number in others.doubtful
    }
    title |= {page.number: _("Page {number}: shown here", number=page.number)}
    read = _("Page {number} of {n} was read", number=page.number, n=page.n_pages)
    more = f"; {told(others.said)}" if others.said else _(", and no other shows a sheet")
    st.pills(
        f"{read}{more}.",
        list(title),
        format_func=title.__getitem__,
        default=page.number,
        required=True,
        key=f"page_{reading_id(reading)}",
        on_change=read_page,
        args=(reading, f"page_{reading_id(reading)}"),
    )


def read_page(reading: Reading, key: str) -> None:
    """Read another page of the file; what was corrected on this one does not hold there."""
    if (number := st.session_state[key]) is not None:
        reading.correct(Correction(page=number))


def show_refusal(diagnosis: Diagnosis) -> None:
    """Say why there is no verdict."""
    refusal = diagnosis.refusal
    if refusal is None:
        return
    st.html(html.alert(_("This file was not read."), refusal.message, refusal.code))


def ask_for_the_layout(reading: Reading, page: PageImage, diagnosis: Diagnosis) -> None:
    """Show the likeliest layouts over the sheet; a click on one reads on with it."""
    if not diagnosis.proposals:
        return
    st.subheader(_("Is this how it is printed?"))
    st.caption(
        _(
            "How the leads are arranged could not be told surely. Compare the names in the "
            "pictures with those on the sheet. What you choose is marked as set by hand in every "
            "output."
        )
    )
    for column, proposal in zip(st.columns(2), diagnosis.proposals, strict=False):
        title = layout_title(proposal)
        with column:
            st.image(
                picture(
                    reading,
                    f"proposed_{proposal.layout_name}",
                    partial(overlays.upload_with_proposal, page, proposal),
                ),
                caption=title,
                alt=_(
                    "The sheet with the places that the layout {title} gives to the leads",
                    title=title,
                ),
                width="stretch",
            )
            st.button(
                _("Yes: {title}", title=title),
                key=f"printed_as_{proposal.layout_name}",
                on_click=reading.correct,
                args=(as_proposed(reading, page, proposal),),
                type="primary" if proposal is diagnosis.proposals[0] else "secondary",
                width="stretch",
            )


def number_if_several(page: PageImage) -> int | None:
    """Name the page that a correction is about, where a file has more than one."""
    return page.number if page.n_pages > 1 else None


def as_proposed(reading: Reading, page: PageImage, proposal: LayoutProposal) -> Correction:
    return replace(
        reading.correction or Correction(),
        layout_name=proposal.layout_name,
        page=number_if_several(page),
    )


def layout_title(proposal: LayoutProposal) -> str:
    n_strips = sum(name in RHYTHM_STRIPS for name in proposal.corners_px)
    strips = {0: _("no rhythm strip"), 1: _("1 rhythm strip")}.get(
        n_strips, _("{n_strips} rhythm strips", n_strips=n_strips)
    )
    return f"{proposal.layout_name}, {strips}"


def show_checks(diagnosis: Diagnosis) -> None:
    refusal = diagnosis.refusal
    if refusal is None and all(check.passed for check in diagnosis.checks):
        st.html(html.checks_line(diagnosis.checks))
    else:
        st.html(html.checks_grid(diagnosis.checks, refusal.step if refusal else None))


def show_verdict(verdict: Verdict, diagnosis: Diagnosis, name: str) -> None:
    with st.container(border=True, key="verdict"):
        st.html(html.headline_block(headline(diagnosis)))
        if name.startswith(SAMPLE):
            drawn = SAMPLES[name.removeprefix(SAMPLE)].description
            st.caption(_("Drawn for this sample: {drawn}", drawn=told(drawn)))
    show_findings(diagnosis)
    seconds = diagnosis.timings_ms["total"] / 1000
    st.caption(f"{told(DISCLAIMER)} {_('Read in {seconds:.1f} s.', seconds=seconds)}")
    st.subheader(_("Measurements"))
    st.html(html.measurement_table(diagnosis.measurements))
    st.subheader(_("Probability of each class"))
    st.html(html.probability_bars(verdict.probabilities))
    st.caption(
        _(
            "Not to be ruled out: {classes} (at {set_coverage:.0%} coverage).",
            classes=words.one_of(verdict.prediction_set),
            set_coverage=SET_COVERAGE,
        ),
        help=_(
            "Of sheets like those the models learnt from, {set_coverage:.0%} of each class have "
            "their label among the classes named here; the others do not. So what is not named "
            "is unlikely, and not ruled out.",
            set_coverage=SET_COVERAGE,
        ),
    )


def picture(reading: Reading, name: str, draw: Callable[[], Image.Image]) -> bytes:
    """Draw a picture of a reading once."""
    if name not in reading.pictures:
        reading.pictures[name] = overlays.jpeg(draw())
    return reading.pictures[name]


# What a session keeps, such as the arguments of a fragment and what a button calls, holds a reading
# and not its diagnosis: that would stay in memory as long as the session.
@st.fragment
def show_sheet(readings: Readings, reading: Reading) -> None:
    """Show the sheet to work on, and below it the lead that was clicked."""
    speak_to_visitor()
    if (diagnosis := read(readings, reading)) is None:
        return
    page = diagnosis.page
    assert page is not None
    shown, kept_as = page_shown(page, diagnosis)
    data = view_data(
        diagnosis,
        picture(reading, f"plain{kept_as}", partial(upload_picture, shown)),
        reading_id(reading),
        reading.evidence,
        editable=page.file_format != WAVEFORM,
    )
    asked = sheet_view(data, "sheet_view")
    offer_header(diagnosis)
    if asked["correction"] is not None and correct(reading, page, asked["correction"]):
        st.rerun()
    if asked["evidence"] is not None and diagnosis.verdict is not None and not reading.evidence:
        try:
            find_evidence(reading, diagnosis)
        except ModelError as error:
            show_incomplete(error)
            return
        st.rerun(scope="fragment")
    if asked["lead"] in diagnosis.leads:
        show_lead(diagnosis, asked["lead"])


def page_shown(page: PageImage, diagnosis: Diagnosis) -> tuple[PageImage, str]:
    """Give the page without its header, unless that is asked for, and a word for which it is."""
    if diagnosis.sheet is None or not diagnosis.leads or page.file_format == WAVEFORM:
        return page, ""
    if st.session_state.get("header_shown"):
        return page, "_with_header"
    return overlays.without_header(page, diagnosis.sheet, diagnosis.leads), ""


def offer_header(diagnosis: Diagnosis) -> None:
    if diagnosis.sheet is not None and diagnosis.leads:
        st.toggle(
            _("Show the sheet's header"),
            key="header_shown",
            persist_state="session",
            help=_("Name, number and date stay black until you ask for them; in the PDF always."),
        )


def correct(reading: Reading, page: PageImage, sent: Any) -> bool:
    """Take over what was corrected on the sheet, if it is of the reading that is shown."""
    if not isinstance(sent, dict) or sent.get("of") != reading_id(reading):
        return False
    try:
        correction = merged(reading.correction, sent, picture_scale(page), number_if_several(page))
    except ValueError:
        return False
    reading.correct(correction)
    return True


def reading_id(reading: Reading) -> str:
    """Name one reading of one file for the browser: another one after every correction."""
    assert reading.read_at is not None
    return f"{reading.sha256[:16]}-{reading.read_at.timestamp()}"


def show_lead(diagnosis: Diagnosis, lead: str) -> None:
    """Show one lead on its own: curve, typical beat, measurements, networks."""
    title, signals = words.lead_title(lead), diagnosis.signals
    assert signals is not None
    assert diagnosis.sheet is not None
    with st.container(border=True, key="lead_shown"):
        st.subheader(_("Lead {title}", title=title) if lead in LEADS else title)
        named = lead if lead in LEADS else strip_lead(diagnosis.sheet, lead)
        if named is None:
            st.write(_("Which lead this strip shows could not be told, so it is not measured."))
        elif drawing := lead_details.curve_drawing(signals, named):
            st.image(
                drawing, alt=_("The traced curve of lead {named}", named=named), width="stretch"
            )
            st.caption(
                _("All that the sheet shows of lead {named}, on millimetre paper.", named=named)
            )
            beat_side, values_side = st.columns(2)
            beat = lead_beat(signals, named)
            if beat is not None:
                beat_side.image(
                    lead_details.beat_drawing(beat),
                    alt=_(
                        "The typical beat of lead {named} with the ends of its waves", named=named
                    ),
                    caption=_("Its typical beat, with where its waves begin and end."),
                    width="stretch",
                )
            if values := lead_details.lead_value_rows(diagnosis.measurements, named):
                values_side.dataframe(values, hide_index=True)
            else:
                values_side.write(_("Nothing could be measured in this lead."))
        if lead in diagnosis.lead_probabilities and diagnosis.verdict is not None:
            st.dataframe(
                lead_details.model_rows(diagnosis.lead_probabilities[lead]), hide_index=True
            )
            show_without(diagnosis, diagnosis.verdict, lead)


def strip_lead(sheet: LocatedSheet, strip: str) -> str | None:
    """Tell which lead a strip shows, where that is known."""
    return dict(zip(sheet.strip_names, sheet.rhythm_strips, strict=True)).get(strip)


def show_without(diagnosis: Diagnosis, verdict: Verdict, lead: str) -> None:
    try:
        without = without_lead(diagnosis, lead).verdict
    except Refusal as refusal:
        st.html(
            html.text(
                _("Without it there would be no verdict. {message}", message=told(refusal.message))
            )
        )
        return
    except ModelError as error:
        st.text(str(error))
        return
    if without is not None:
        st.write(lead_details.without_sentence(verdict, without, words.lead_title(lead)))


def show_correction(reading: Reading, page: PageImage) -> None:
    """Let a person say what the program got wrong, and read again."""
    if page.file_format == WAVEFORM:
        return
    corrected = st.expander(_("Correct what was found"), key="correct_open", on_change="rerun")
    if corrected.open:
        with corrected, st.form("correct", border=False):
            correction = correction_form(page)
        if correction is not None:
            reading.correct(correction)
            st.rerun()
    if reading.correction is not None:
        st.button(
            _("Undo the correction"),
            icon=":material/undo:",
            on_click=reading.correct,
            args=(None,),
        )


def correction_form(page: PageImage) -> Correction | None:
    st.caption(
        _(
            "For a sheet whose leads were not found, or not rightly. What you leave on automatic "
            "is found again. Corners, single leads and curves are corrected on the sheet itself: "
            "press Correct above it."
        )
    )
    layout_name = st.selectbox(
        _("Layout"),
        [AUTOMATIC, *LAYOUTS],
        format_func=told,
        help=_("Rows by columns; Cabrera's order begins with aVL."),
    )
    turns = st.selectbox(
        _("Turn the picture"),
        [0, 1, 2, 3],
        format_func=lambda n: _("{n}° counterclockwise", n=90 * n) if n else _("Not at all"),
    )
    if not st.form_submit_button(_("Read again"), icon=":material/refresh:"):
        return None
    return Correction(
        None if layout_name == AUTOMATIC else layout_name,
        quarter_turns=turns,
        page=number_if_several(page),
    )


@st.fragment
def show_more(readings: Readings, reading: Reading) -> None:
    """What folds away; only the tab that is open is made."""
    speak_to_visitor()
    if (diagnosis := read(readings, reading)) is None:
        return
    page, sheet = diagnosis.page, diagnosis.sheet
    assert page is not None
    assert sheet is not None
    leads_tab, evidence_tab, technical_tab = st.tabs(
        [_(tab) for tab in TABS], key="more", on_change="rerun"
    )
    if leads_tab.open:
        with leads_tab:
            show_leads(sheet, diagnosis)
    if evidence_tab.open:
        with evidence_tab:
            show_evidence(page, sheet, reading, diagnosis)
    if technical_tab.open:
        with technical_tab:
            show_technical(sheet, diagnosis)


def show_leads(sheet: LocatedSheet, diagnosis: Diagnosis) -> None:
    leads = diagnosis.leads
    if diagnosis.verdict is not None:
        classes = list(diagnosis.verdict.probabilities)
        st.caption(
            _("Leads down the sheet's columns from the left.") + " " + words.class_legend(classes)
        )
        show_lead_tiles(diagnosis)
    by_name = st.expander(_("The leads by name"), key="leads_open", on_change="rerun")
    if by_name.open:
        with by_name:
            # Row by row, so that a phone, which stacks columns, keeps the order.
            names = [name for name in LEADS if name in leads]
            names += [name for name in leads if name not in names]
            for start in range(0, len(names), 3):
                for column, name in zip(st.columns(3), names[start : start + 3], strict=False):
                    column.image(
                        overlays.lead_with_curve(sheet, leads[name]),
                        caption=words.lead_title(name),
                        alt=_(
                            "Lead {lead_title} with its traced curve",
                            lead_title=words.lead_title(name),
                        ),
                        width="stretch",
                    )
            if RHYTHM_STRIP not in leads:
                st.write(_("This sheet was printed without a rhythm strip."))
    values = st.expander(_("Measurements lead by lead"), key="values_open", on_change="rerun")
    if values.open:
        with values:
            st.caption(
                _("ST level, R and S, in millivolts. What is empty was not measurable here.")
            )
            st.dataframe(
                json_and_csv.lead_measurement_rows(diagnosis.measurements), hide_index=True
            )


def show_evidence(
    page: PageImage, sheet: LocatedSheet, reading: Reading, diagnosis: Diagnosis
) -> None:
    if diagnosis.verdict is None:
        st.write(_("There is no verdict, and so nothing that moved it."))
        return
    st.caption(
        _(
            "Which stretches of which leads the verdict rests on, found in two ways: by taking "
            "each stretch away and reading again (occlusion), and by following the networks from "
            "an empty sheet to this one (integrated gradients). It shows what the networks used, "
            "not why, and not that they are right."
        )
    )
    place = st.empty()
    asked_for = _("Find the evidence (takes a few seconds)")
    if not reading.evidence and not place.button(asked_for, key="evidence"):
        return
    place.empty()
    try:
        evidence = find_evidence(reading, diagnosis)
    except ModelError as error:
        show_incomplete(error)
        return
    st.markdown(evidence_plots.agreement_sentence(evidence))
    methods = {_("Taken away (occlusion)"): "occlusion", _("Integrated gradients"): "gradient"}
    method = st.radio(_("Shown"), list(methods), horizontal=True, key="evidence_method")
    moved = [getattr(stretch, methods[method]) for stretch in evidence.stretches]
    st.image(
        overlays.jpeg(
            overlays.upload_with_evidence(
                page_shown(page, diagnosis)[0], sheet, diagnosis.leads, evidence.stretches, moved
            )
        ),
        caption=evidence_plots.picture_caption(evidence),
        alt=_("The sheet with the stretches that moved the verdict; the tables below name them"),
        width="stretch",
    )
    st.caption(evidence_plots.check_sentence())
    leads_side, stretches_side = st.columns(2, gap="large")
    with leads_side:
        st.subheader(_("What the verdict loses without each lead"))
        st.html(
            html.signed_bars(
                {words.axis_name(lead): loss for lead, loss in evidence.lead_losses.items()},
                _("Log-odds lost without the lead"),
                overlays.FOR_COLOUR,
                overlays.AGAINST_COLOUR,
            )
        )
    with stretches_side:
        st.subheader(_("The stretches that it loses most without"))
        st.dataframe(evidence_plots.strongest_rows(evidence), hide_index=True)
        st.caption(
            _(
                "In log-odds: +0.7 means that the odds of the verdict halve without it, a minus "
                "that they rise."
            )
        )
        st.subheader(_("Development sheets most like this one"))
        development = load_development_sheets()
        st.markdown(evidence_plots.neighbours_sentence(evidence, development))
        st.caption(
            _(
                "As the twelve-lead network sees them, of {label:,} sheets of one hospital. It "
                "learnt from them, so a new sheet lies somewhat further off than they do from each "
                "other.",
                label=len(development.label),
            )
        )


def find_evidence(reading: Reading, diagnosis: Diagnosis) -> Evidence:
    """Explain a reading once."""
    if reading.evidence is None:
        with st.spinner(_("Finding the evidence")):
            reading.evidence = explain(diagnosis)
    return reading.evidence


def show_technical(sheet: LocatedSheet, diagnosis: Diagnosis) -> None:
    if diagnosis.verdict is not None:
        st.subheader(_("Each network alone"))
        for model, probabilities in diagnosis.verdict.by_model.items():
            leading = words.leading_class(probabilities)
            st.markdown(
                _(
                    "{model} alone: **{name}**, {percent}",
                    model=words.model_name(model),
                    name=words.class_name(leading),
                    percent=words.percent(probabilities[leading]),
                )
            )
    st.subheader(_("Steps"))
    st.html(html.checks_grid(diagnosis.checks, None))
    st.caption(
        _("Milliseconds:")
        + " "
        + ", ".join(f"{name} {spent:.0f}" for name, spent in diagnosis.timings_ms.items())
    )
    if sheet.steps:
        st.subheader(_("How sure each step of finding the leads is"))
        st.dataframe(
            [
                {
                    _("Step"): told(step.step),
                    _("Found"): told(step.found),
                    _("Sure"): round(100 * step.sureness),
                }
                for step in sheet.steps
            ],
            column_config={
                _("Sure"): st.column_config.ProgressColumn(
                    format="%d%%", min_value=0, max_value=100
                )
            },
            hide_index=True,
        )
    gray = st.expander(_("Grayscale sheet"), key="gray_open", on_change="rerun")
    if gray.open:
        gray.image(
            overlays.jpeg(Image.fromarray(sheet.gray)), alt=_("The sheet in grey"), width="stretch"
        )
    seen = st.expander(_("What the models see"), key="seen_open", on_change="rerun")
    if seen.open:
        with seen:
            st.caption(
                _(
                    "Each lead is cut from the sheet, smoothed (Gaussian) and parted into curve "
                    "and paper (Otsu): curve white on black, 150 x 150 pixels, the same seconds "
                    "and millivolts whatever the layout. A lead that shows more seconds than one "
                    "window is read in several."
                )
            )
            with st.container(horizontal=True):
                for name, lead in diagnosis.leads.items():
                    for number, window in enumerate(windows := model_windows(lead), start=1):
                        part = (
                            _(", part {number} of {windows}", number=number, windows=len(windows))
                            if len(windows) > 1
                            else ""
                        )
                        title = words.lead_title(name) + part
                        st.image(window, caption=title,
                                 alt=_("Lead {title}, black and white", title=title),
                                 width=150)  # fmt: skip


def show_downloads(readings: Readings, reading: Reading) -> None:
    """Offer the reading as files, which are made when they are asked for."""
    language = spoken()

    def as_pdf() -> bytes:
        # Late: fpdf2 is needed for nothing else.
        from ecgapp.report import pdf

        diagnosis = readings.read(reading)
        assert reading.read_at is not None
        with speaking(language):
            return pdf.to_pdf(diagnosis, reading.name, reading.read_at, reading.sha256)

    def as_json() -> str:
        read_again = json_and_csv.to_json_object(readings.read(reading), reading.name)
        return json.dumps([read_again], indent=2)

    def as_csv() -> str:
        return json_and_csv.to_csv(readings.read(reading), reading.name)

    def as_wfdb() -> bytes:
        with speaking(ENGLISH):
            return to_wfdb_zip(readings.read(reading))

    kinds: tuple[tuple[str, Callable[[], str | bytes], str, str], ...] = (
        ("PDF", as_pdf, "pdf", "application/pdf"),
        ("JSON", as_json, "json", "application/json"),
        ("CSV", as_csv, "csv", "text/csv"),
        ("WFDB", as_wfdb, "wfdb.zip", "application/zip"),
    )
    with st.container(horizontal=True):
        for kind, make, ending, mime in kinds:
            st.download_button(
                _("Download {kind}", kind=kind),
                make,
                f"ecg_reading.{ending}",
                mime,
                on_click="ignore",
                icon=":material/download:",
            )


def show_exports(readings: Readings, reading: Reading) -> None:
    """Offer the formats of hospital systems, with the patient whom they name."""
    exports = st.expander(_("For hospital systems: FHIR, DICOM"), key="exports", on_change="rerun")
    if not exports.open:
        return
    with exports:
        st.caption(
            _(
                "A FHIR R4 Bundle, or a ZIP of three DICOM objects: leads, PDF and Structured "
                "Report. Without a number the patient is the one whom a DICOM file names, else a "
                "pseudonym."
            )
        )
        with st.container(horizontal=True):
            patient_id = st.text_input(_("Patient's number"), max_chars=64)
            patient_name = st.text_input(_("Name (Family^Given)"), max_chars=64)
        try:
            identity = find_identity(reading.data, patient_id, patient_name)
        except ValueError as error:
            st.html(html.alert(_("The patient was not taken."), str(error)))
            return

        def as_report(report_format: str) -> bytes:
            diagnosis = readings.read(reading)
            return write_report(
                diagnosis, report_format, reading.data, reading.name, identity, reading.read_at
            )

        with st.container(horizontal=True):
            for kind, name, mime in (
                ("FHIR", "ecg_reading.fhir.json", "application/fhir+json"),
                ("DICOM", "ecg_reading.dicom.zip", "application/zip"),
            ):
                st.download_button(
                    _("Download {kind}", kind=kind),
                    partial(as_report, kind.lower()),
                    name,
                    mime,
                    on_click="ignore",
                    icon=":material/download:",
                )


def read(readings: Readings, reading: Reading) -> Diagnosis | None:
    """Read a file, or give what was read; where the installation lacks a model, say so."""
    queue = st.empty()

    def tell_place(place: int) -> None:
        ahead = _(", {place} before yours", place=place) if place else ""
        queue.caption(_("Reading the sheet") + ahead)

    try:
        with st.spinner(_("Reading the sheet")):
            diagnosis = readings.read(reading, tell_place)
    except ModelError as error:
        show_incomplete(error)
        return None
    queue.empty()
    return diagnosis


def show_reading(readings: Readings, reading: Reading) -> None:
    if (diagnosis := read(readings, reading)) is None:
        return
    show_header(readings, reading, diagnosis)
    page, sheet, verdict = diagnosis.page, diagnosis.sheet, diagnosis.verdict
    if page is not None and is_hidden(reading):
        show_alone(reading, page, diagnosis)
        return
    show_other_pages(reading, diagnosis)
    show_refusal(diagnosis)
    if page is not None and verdict is None:
        ask_for_the_layout(reading, page, diagnosis)
    if page is None or sheet is None:
        if page is not None:
            half, _rest = st.columns([3, 2])
            with half:
                show_sheet(readings, reading)
                show_correction(reading, page)
        show_checks(diagnosis)
        return
    said_side, sheet_side = st.columns([2, 3], gap="medium")
    with said_side:
        if verdict is not None:
            show_verdict(verdict, diagnosis, reading.name)
        else:
            show_findings(diagnosis)
            st.subheader(_("Measurements"))
            st.html(html.measurement_table(diagnosis.measurements))
    with sheet_side:
        show_sheet(readings, reading)
        show_checks(diagnosis)
        if verdict is not None:
            show_downloads(readings, reading)
            show_exports(readings, reading)
        show_correction(reading, page)
    if verdict is not None and diagnosis.proposals:
        with st.expander(_("The layout is not sure: is it the right one?")):
            ask_for_the_layout(reading, page, diagnosis)
    show_more(readings, reading)


def read_the_others(readings: Readings) -> None:
    """Read, after the one that is shown, what else was dropped with it."""
    unread = [reading for reading in readings.all if reading.read_at is None]
    if not unread:
        return
    progress = st.progress(0.0)
    for done, reading in enumerate(unread):
        progress.progress(
            done / len(unread),
            _("Reading sheet {done} of {unread} more", done=done + 1, unread=len(unread)),
        )
        try:
            readings.read(reading)
        except ModelError:
            return
    st.rerun()


come_through_the_router(__file__)
st.title(_("Read an ECG sheet"))
mine = visitor_readings()
take_in(mine)
choose_files(mine)
if mine.shown is None:
    show_introduction()
    st.caption(told(DISCLAIMER))
else:
    show_reading(mine, mine.shown)
    st.caption(told(DISCLAIMER))
    read_the_others(mine)
