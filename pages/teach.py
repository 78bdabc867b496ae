"""Teach: draw a heart, see what is read of its sheet, ask a class."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from ecgapp import Diagnosis
from ecgapp.ecg import DISCLAIMER, LEADS
from ecgapp.errors import Refusal
from ecgapp.explain.without_lead import without_lead
from ecgapp.inference.shipped_models import ModelError
from ecgapp.report import html, overlays, words
from ecgapp.report.case_words import choice_name, describe
from ecgapp.report.comparison import probability_changes
from ecgapp.report.headline import headline
from ecgapp.report.language import _, marked, told
from ecgapp.service.readings import Reading, Readings
from ecgapp.synthesis.cases import (
    CHOICES,
    MAX_FILE_BYTES,
    NONE,
    RANGES,
    Case,
    draw_case,
    from_file,
    from_link,
    layouts_of,
    to_file,
    to_link,
)
from ecgapp.synthesis.quiz import Answer, Score, random_case, score
from pages.shared.door import come_through_the_router
from pages.shared.parts import show_findings, show_incomplete, show_lead_tiles
from pages.shared.session import visitor_readings

MODES = (marked("Explore"), marked("Quiz"))
ALL_LEADS = marked("No lead")
# A class in the last row reads the page at this many times its size.
PROJECTOR_ZOOM = 1.35
# On a phone, where columns stand below each other, the sheet comes before the controls.
PHONE_SHEET_FIRST = (
    "<style>@media (max-width: 640px) { .st-key-teach_explore > [data-testid=stLayoutWrapper] > "
    "[data-testid=stHorizontalBlock] { flex-direction: column-reverse; } }</style>"
)


def key(field: str) -> str:
    return f"teach_{field}"


def put_case(case: Case) -> None:
    """Set the controls to a case."""
    for field, value in case.__dict__.items():
        st.session_state[key(field)] = value


def take_link() -> None:
    """Take the cases of the page's link, once a link."""
    link = st.query_params.get("case", "")
    if not link or st.session_state.get("teach_link") == link:
        return
    st.session_state.teach_link = link
    take_set(lambda: from_link(link))


def take_file() -> None:
    file = st.session_state.teach_file
    if file is not None:
        take_set(lambda: from_file(file.getvalue()))


def take_set(read: Callable[[], list[Case]]) -> None:
    try:
        cases = read()
    except ValueError as error:
        st.session_state.teach_problem = str(error)
        return
    st.session_state.teach_set = cases
    st.session_state.teach_place = 0
    st.session_state.teach_scores = {}
    put_case(cases[0])


def show_set(case: Case | None) -> None:
    """Keep a lecturer's cases: link, file, one after the other."""
    cases: list[Case] = st.session_state.setdefault("teach_set", [])

    def add() -> None:
        if case is not None:
            cases.append(case)

    def choose(place: int) -> None:
        st.session_state.teach_place = place
        put_case(cases[place])

    with st.container(horizontal=True, vertical_alignment="bottom"):
        if case is not None:
            st.button(_("Add this case to the set"), icon=":material/add:", on_click=add)
        for place in range(len(cases)):
            st.button(
                _("Case {place}", place=place + 1),
                key=f"teach_case_{place}",
                on_click=choose,
                args=(place,),
                type="tertiary",
            )
    shared = cases or ([case] if case is not None else [])
    if shared:
        st.caption(
            _("A link to the set of {n}; it does not show the answers at a glance.", n=len(cases))
            if cases
            else _("A link to this case; it does not show the answers at a glance.")
        )
        address = (st.context.url or "").split("?")[0]
        st.code(f"{address}?case={to_link(shared)}", language=None, wrap_lines=True)
        st.download_button(
            _("Download as a file"),
            to_file(shared),
            "cases.json",
            "application/json",
            on_click="ignore",
            icon=":material/download:",
        )
    st.file_uploader(
        _("Open a file of cases (JSON)"),
        type="json",
        max_upload_size=1,
        key="teach_file",
        on_change=take_file,
        help=_(
            "At most {max_file_bytes} kB, as this page saves it.",
            max_file_bytes=MAX_FILE_BYTES // 1000,
        ),
    )


def choose_case() -> Case:
    """Show the controls and give the case they are set to."""

    def choice(field: str, title: str, options: tuple[str, ...] = ()) -> str:
        return st.selectbox(
            title, options or CHOICES[field], format_func=choice_name, key=key(field)
        )

    def amount(field: str, title: str, step: float, text: str) -> float:
        low, high = RANGES[field]
        kind = type(step)
        return st.slider(title, kind(low), kind(high), step=step, format=text, key=key(field))

    st.header(_("Heart"))
    rate_bpm = amount("rate_bpm", _("Rate of the ventricles"), 1, "%d bpm")
    choice("rhythm", _("Rhythm"))
    block_side, thick_side = st.columns(2)
    with block_side:
        bundle_branch_block = choice("bundle_branch_block", _("Bundle branch block"))
    with thick_side:
        hypertrophy = choice("hypertrophy", _("Hypertrophy"))
    axis_deg = amount("axis_deg", _("Axis"), 5, "%d°")
    st.header(_("Infarction"))
    wall_side, q_side = st.columns(2)
    with wall_side:
        territory = choice("st_territory", _("ST moved"))
    with q_side:
        q_waves = choice("q_waves", _("Q waves"))
    st_mv = st.session_state[key("st_mv")]
    if territory != NONE:
        st_mv = amount("st_mv", _("ST by"), 0.05, "%.2f mV")
    st.header(_("Sheet"))
    vendor = choice("vendor", _("Machine"))
    layouts = layouts_of(vendor)
    if st.session_state[key("layout")] not in layouts:
        st.session_state[key("layout")] = layouts[0]
    layout_side, picture_side = st.columns(2)
    with layout_side:
        layout = choice("layout", _("Layout"), layouts)
    with picture_side:
        picture = choice("picture", _("Picture"))
    noise_mv = amount("noise_mv", _("Noise"), 0.01, "%.2f mV")
    swap = choice("swap", _("Electrodes exchanged"))
    lowest, highest = RANGES["seed"]
    seed = st.number_input(
        _("Which of such hearts"), int(lowest), int(highest), step=1, key=key("seed")
    )
    return Case(
        rate_bpm=rate_bpm,
        rhythm=st.session_state[key("rhythm")],
        bundle_branch_block=bundle_branch_block,
        st_territory=territory,
        st_mv=round(st_mv, 2),
        q_waves=q_waves,
        hypertrophy=hypertrophy,
        axis_deg=axis_deg,
        noise_mv=round(noise_mv, 2),
        swap=swap,
        layout=layout,
        vendor=vendor,
        picture=picture,
        seed=int(seed),
    )


def read_case(case: Case) -> tuple[bytes, Diagnosis]:
    """Draw a case and read it as any upload is read; the last one is kept."""
    kept = st.session_state.get("teach_read")
    if kept is None or kept[0] != case:
        data = draw_case(case)
        # In the server's pool, beside the visitor's own readings and not among them.
        reading = Reading("case.jpg", data, "")
        kept = (case, data, Readings().read(reading), {})
        st.session_state.teach_read = kept
    return kept[1], kept[2]


def show_said(diagnosis: Diagnosis) -> None:
    st.html(html.headline_block(headline(diagnosis)))
    show_findings(diagnosis)


def show_sheet(data: bytes, diagnosis: Diagnosis) -> None:
    if diagnosis.refusal is not None:
        refusal = diagnosis.refusal
        st.html(html.alert(_("This sheet was not read."), refusal.message, refusal.code))
    if diagnosis.page is None or diagnosis.sheet is None:
        st.image(data, alt=_("The drawn sheet"), width="stretch")
        return
    pictures = st.session_state.teach_read[3]
    if "leads" not in pictures:
        pictures["leads"] = overlays.jpeg(
            overlays.upload_with_leads(
                diagnosis.page, diagnosis.sheet, diagnosis.lead_probabilities
            )
        )
    st.image(
        pictures["leads"],
        caption=_("Each lead's box carries the class that the models find likeliest in it."),
        alt=_("The drawn sheet with the leads that were found"),
        width="stretch",
    )


def show_without(diagnosis: Diagnosis) -> None:
    """Ask what the app would say if a lead were missing."""
    if diagnosis.verdict is None:
        return
    st.subheader(_("Without one lead"))
    names = [lead for lead in LEADS if lead in diagnosis.leads]
    lead = st.selectbox(
        _("What would the app say without"),
        [ALL_LEADS, *names],
        format_func=told,
        key="teach_without",
        width=260,
    )
    if lead == ALL_LEADS:
        return
    try:
        without = without_lead(diagnosis, lead)
    except Refusal as refusal:
        st.html(html.alert(_("There would be no verdict."), refusal.message, refusal.code))
        return
    st.html(html.headline_block(headline(without)))
    st.html(
        html.change_table(
            list(probability_changes(diagnosis, without)),
            _("Probability, percentage points"),
            (_("All leads"), _("Without {lead}", lead=lead)),
        )
    )


def show_leads(diagnosis: Diagnosis) -> None:
    if not diagnosis.lead_probabilities:
        return
    leads = st.expander(_("What each lead says"), key="teach_leads", on_change="rerun")
    if leads.open:
        with leads:
            by_model = next(iter(diagnosis.lead_probabilities.values()))
            st.caption(words.class_legend(list(next(iter(by_model.values())))))
            show_lead_tiles(diagnosis)


def show_reading(case: Case, data: bytes, diagnosis: Diagnosis) -> None:
    st.caption(_("Drawn: {case}", case=describe(case)))
    show_sheet(data, diagnosis)
    said_side, measured_side = st.columns(2, gap="medium")
    with said_side:
        show_said(diagnosis)
    with measured_side:
        st.subheader(_("Measurements"))
        st.html(html.measurement_table(diagnosis.measurements))
        if diagnosis.verdict is not None:
            st.subheader(_("Probability of each class"))
            st.html(html.probability_bars(diagnosis.verdict.probabilities))
    show_without(diagnosis)
    show_leads(diagnosis)


def explore(projector: bool) -> None:
    shown: Any
    controls: Any
    if projector:
        # The sheet first and as wide as the page; the controls wait below.
        shown, controls = st.container(), st.expander(_("Change the case"))
    else:
        with st.container(key="teach_explore"):
            controls, shown = st.columns([1, 3], gap="large")
        st.html(PHONE_SHEET_FIRST)
    with controls:
        case = choose_case()
        with st.expander(_("Share: link, set, file")):
            show_set(case)
    with shown:
        data, diagnosis = read_case(case)
        show_reading(case, data, diagnosis)


def show_quiz() -> None:
    cases: list[Case] = st.session_state.setdefault("teach_set", [])
    scores: dict[int, Score] = st.session_state.setdefault("teach_scores", {})
    place: int = st.session_state.setdefault("teach_place", 0)
    if cases:
        case = cases[place % len(cases)]
        st.caption(
            _("Case {place} of the set of {cases}", place=place % len(cases) + 1, cases=len(cases))
        )
    else:
        first: int = st.session_state.setdefault("teach_quiz_first", 1)
        case = random_case((first + place) % int(RANGES["seed"][1]))
        st.caption(_("Case {place}, drawn at random", place=place + 1))
    data, diagnosis = read_case(case)
    sheet_side, answer_side = st.columns([3, 2], gap="large")
    with sheet_side:
        if place in scores:
            show_sheet(data, diagnosis)
        else:
            st.image(data, alt=_("A drawn sheet to read; its description follows the answer"),
                     width="stretch")  # fmt: skip
    with answer_side:
        if place not in scores:
            ask(case, place, scores)
        else:
            reveal(case, diagnosis, scores[place])
            total = sum(one.points for one in scores.values())
            st.markdown(
                _("**{total:.1f} of {scores} points** so far.", total=total, scores=3 * len(scores))
            )
            st.button(_("Next case"), type="primary", on_click=next_case)


def next_case() -> None:
    st.session_state.teach_place += 1


def ask(case: Case, place: int, scores: dict[int, Score]) -> None:
    with st.form(f"answer_{place}", border=False):
        rhythm = st.selectbox(
            _("Which rhythm?"), CHOICES["rhythm"], index=None, format_func=choice_name,
            placeholder=_("Choose"),
        )  # fmt: skip
        raised = st.pills(
            _("In which leads is ST raised?"), LEADS, selection_mode="multi", wrap=True
        )
        label = st.radio(
            _("What is it most like?"),
            [name for name in words.CLASS_STYLES if name != "covid_19"],
            format_func=words.class_name,
            index=None,
        )
        if not st.form_submit_button(_("Answer"), type="primary"):
            return
    if rhythm is None or label is None:
        st.html(html.alert(_("Not yet."), _("Choose a rhythm and what the sheet is most like.")))
        return
    scores[place] = score(case, Answer(rhythm, frozenset(raised), label))
    st.rerun()


def reveal(case: Case, diagnosis: Diagnosis, got: Score) -> None:
    st.header(_("What was drawn"))
    st.write(describe(case))
    st.write(_("Its class: {name}.", name=words.class_name(case.label)))
    st.html(
        "<ul style='margin:0'>"
        + "".join(
            f"<li>{title}: {_('{points:g} of 1', points=points)}</li>"
            for title, points in (
                (_("Rhythm"), got.rhythm),
                (_("Leads"), round(got.leads, 2)),
                (_("Class"), got.label),
            )
        )
        + "</ul>"
    )
    st.header(_("What the app says"))
    show_said(diagnosis)


come_through_the_router(__file__)
# The readings of a visit outlive this page.
visitor_readings()
st.title(_("Teach"))
take_link()
for name, start in Case().__dict__.items():
    st.session_state.setdefault(key(name), start)
    # Kept while another mode is shown.
    st.session_state[key(name)] = st.session_state[key(name)]
with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
    mode = st.segmented_control(
        _("Mode"), MODES, default=MODES[0], required=True, key="teach_mode",
        label_visibility="collapsed", format_func=_,
    )  # fmt: skip
    on_projector = st.toggle(
        _("Projector"), key="teach_projector", help=_("Larger, the sheet first.")
    )
if on_projector:
    st.html(f"<style>[data-testid='stMain'] {{ zoom: {PROJECTOR_ZOOM}; }}</style>")
if problem := st.session_state.pop("teach_problem", None):
    st.html(html.alert(_("The cases were not taken."), problem))
try:
    if mode == "Quiz":
        show_quiz()
    else:
        explore(on_projector)
except ModelError as error:
    show_incomplete(error)
st.caption(
    _(
        "Hearts and sheets are drawn by this app; no patient is behind them. A simulated heart is "
        "a simplification, made to be recognized."
    )
    + f" {told(DISCLAIMER)}"
)
