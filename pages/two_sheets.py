"""Two sheets side by side: what changed from the earlier one to the later one."""

import html as markup

import streamlit as st

from ecgapp.ecg import CHEST_LEADS, DISCLAIMER, LIMB_LEADS
from ecgapp.inference.shipped_models import ModelError
from ecgapp.report import html, overlays, plots
from ecgapp.report.comparison import BeatPair, Comparison, compare
from ecgapp.report.language import _, marked, told
from ecgapp.service.readings import Reading, Readings
from ecgapp.synthesis.samples import draw_sample
from pages.shared.door import come_through_the_router
from pages.shared.figures import draw
from pages.shared.parts import show_incomplete
from pages.shared.session import SAMPLE, shown_name, visitor_readings

SHEETS = (marked("Earlier"), marked("Later"))
EXAMPLES = ("Normal rhythm", "Raised ST in V1 to V4")
MOST_LEAD_ROWS = 8


def take_examples() -> None:
    # A tab that was loaded anew may have got its earlier sheets since the button was drawn.
    readings: Readings = st.session_state.readings
    for name in EXAMPLES:
        readings.add(f"{SAMPLE}{name}", draw_sample(name))


def choose(readings: Readings) -> tuple[Reading, Reading]:
    """Let the visitor say which sheet is the earlier one; at first the one that came first."""
    by_number = {one.sha256: one for one in readings.all}
    chosen = []
    for column, title, first in zip(
        st.columns(2, gap="medium"), SHEETS, (readings.all[-1], readings.all[0]),
        strict=True,
    ):  # fmt: skip
        options = list(by_number)
        number = column.selectbox(
            _(title),
            options,
            index=options.index(first.sha256),
            format_func=lambda one: shown_name(by_number[one].name),
            key=f"two_sheets_{title}",
        )
        chosen.append(by_number[number])
    return chosen[0], chosen[1]


def show_sheets(earlier: Reading, later: Reading, compared: Comparison) -> None:
    for column, title, reading, said in zip(
        st.columns(2, gap="medium"),
        SHEETS,
        (earlier, later),
        compared.headlines,
        strict=True,
    ):
        with column:
            st.html(
                f"<p style='margin:0'>{_(title)}: {markup.escape(shown_name(reading.name))}<br>"
                f"<b>{markup.escape(said)}</b></p>"
            )
            diagnosis = reading.diagnosis
            if diagnosis is None or diagnosis.page is None:
                continue
            if diagnosis.sheet is None:
                st.caption(_("No leads were found on this picture."))
                continue
            if "leads" not in reading.pictures:
                reading.pictures["leads"] = overlays.jpeg(
                    overlays.upload_with_leads(
                        overlays.without_header(diagnosis.page, diagnosis.sheet, diagnosis.leads),
                        diagnosis.sheet,
                        diagnosis.lead_probabilities,
                    )
                )
            st.image(
                reading.pictures["leads"],
                alt=_("{title} sheet with the leads that were found", title=title),
                width="stretch",
            )


def show_beats(beats: list[BeatPair]) -> None:
    st.header(_("Average beats"))
    if not beats:
        st.write(_("No lead shows an average beat on both sheets."))
        return
    st.caption(
        _(
            "The typical beat of each lead, above the level before QRS, laid over each other where "
            "the QRS complexes fit best; 0 ms is R. Beats that come early are left out."
        )
    )
    halves = ((marked("Limb leads"), LIMB_LEADS), (marked("Chest leads"), CHEST_LEADS))
    for column, (title, leads) in zip(st.columns(2, gap="medium"), halves, strict=True):
        pairs = [pair for pair in beats if pair.lead in leads]
        if pairs:
            with column:
                st.subheader(_(title))
                draw(
                    plots.beats_figure(pairs),
                    f"beats_{title}",
                    _(
                        "Average beats of {leads} on both sheets, mV over ms; the table beside the "
                        "findings has the changes in numbers",
                        leads=", ".join(pair.lead for pair in pairs),
                    ),
                )


def show_comparison(compared: Comparison) -> None:
    said_side, measured_side = st.columns(2, gap="large")
    with said_side:
        st.header(_("Verdict"))
        st.write(compared.verdict)
        if compared.probabilities:
            st.html(html.change_table(compared.probabilities, _("Probability, percentage points")))
        st.header(_("Findings"))
        st.html(html.said_list(compared.findings))
        st.header(_("What the networks state"))
        st.html(html.said_list(compared.statements))
    with measured_side:
        st.header(_("Measurements"))
        st.html(html.change_table(compared.measurements, _("Of the whole sheet")))
        st.html(
            html.change_table(
                compared.lead_measurements[:MOST_LEAD_ROWS],
                _("Of single leads, what changed most"),
            )
        )
    show_beats(compared.beats)
    st.caption(
        _(
            "Two readings of one recording differ too: by about what a scan, a fold or another "
            "print does to the curves. A change counts only when the sheets themselves show it."
        )
    )


come_through_the_router(__file__)
st.title(_("Two sheets side by side"))
mine = visitor_readings()
if len(mine.all) < 2:
    st.write(
        _(
            "Read two sheets on the page Diagnose, such as an earlier and a later one of a "
            "patient, and come back."
        )
    )
    st.button(_("Take two drawn samples"), on_click=take_examples)
else:
    before, after = choose(mine)
    if before is after:
        st.write(_("Choose two different sheets."))
    else:
        try:
            with st.spinner(_("Reading both sheets")):
                both = [mine.read(one) for one in (before, after)]
        except ModelError as error:
            show_incomplete(error)
        else:
            comparison = compare(*both)
            show_sheets(before, after, comparison)
            show_comparison(comparison)
st.caption(told(DISCLAIMER))
