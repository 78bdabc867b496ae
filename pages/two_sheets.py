"""Two sheets side by side: what changed from the earlier one to the later one."""

import html as markup

import streamlit as st

from ecgapp.ecg import CHEST_LEADS, DISCLAIMER, LIMB_LEADS
from ecgapp.inference.shipped_models import ModelError
from ecgapp.report import html, overlays, plots
from ecgapp.report.comparison import BeatPair, Comparison, compare
from ecgapp.service.readings import Reading, Readings
from ecgapp.synthesis.samples import draw_sample
from pages.shared.door import come_through_the_router
from pages.shared.figures import draw
from pages.shared.session import visitor_readings

EXAMPLES = ("Normal rhythm", "Raised ST in V1 to V4")
MOST_LEAD_ROWS = 8


def take_examples(readings: Readings) -> None:
    for name in EXAMPLES:
        readings.add(f"Sample: {name}", draw_sample(name))


def choose(readings: Readings) -> tuple[Reading, Reading]:
    """Let the visitor say which sheet is the earlier one; at first the one that came first."""
    by_number = {one.sha256: one for one in readings.all}
    chosen = []
    for column, title, first in zip(
        st.columns(2, gap="medium"), ("Earlier", "Later"), (readings.all[-1], readings.all[0]),
        strict=True,
    ):  # fmt: skip
        options = list(by_number)
        number = column.selectbox(
            title,
            options,
            index=options.index(first.sha256),
            format_func=lambda one: by_number[one].name,
            key=f"two_sheets_{title}",
        )
        chosen.append(by_number[number])
    return chosen[0], chosen[1]


def show_sheets(earlier: Reading, later: Reading, compared: Comparison) -> None:
    for column, title, reading, said in zip(
        st.columns(2, gap="medium"),
        ("Earlier", "Later"),
        (earlier, later),
        compared.headlines,
        strict=True,
    ):
        with column:
            st.html(
                f"<p style='margin:0'>{title}: {markup.escape(reading.name)}<br>"
                f"<b>{markup.escape(said)}</b></p>"
            )
            diagnosis = reading.diagnosis
            if diagnosis is None or diagnosis.page is None:
                continue
            if diagnosis.sheet is None:
                st.caption("No leads were found on this picture.")
                continue
            if "leads" not in reading.pictures:
                reading.pictures["leads"] = overlays.jpeg(
                    overlays.upload_with_leads(
                        diagnosis.page, diagnosis.sheet, diagnosis.lead_probabilities
                    )
                )
            st.image(
                reading.pictures["leads"],
                alt=f"{title} sheet with the leads that were found",
                width="stretch",
            )


def show_beats(beats: list[BeatPair]) -> None:
    st.header("Average beats")
    if not beats:
        st.write("No lead shows an average beat on both sheets.")
        return
    st.caption(
        "The typical beat of each lead, above the level before QRS, laid over each other where "
        "the QRS complexes fit best; 0 ms is R. Beats that come early are left out."
    )
    halves = (("Limb leads", LIMB_LEADS), ("Chest leads", CHEST_LEADS))
    for column, (title, leads) in zip(st.columns(2, gap="medium"), halves, strict=True):
        pairs = [pair for pair in beats if pair.lead in leads]
        if pairs:
            with column:
                st.subheader(title)
                draw(
                    plots.beats_figure(pairs),
                    f"beats_{title}",
                    f"Average beats of {', '.join(pair.lead for pair in pairs)} on both sheets, "
                    "mV over ms; the table beside the findings has the changes in numbers",
                )


def show_comparison(compared: Comparison) -> None:
    said_side, measured_side = st.columns(2, gap="large")
    with said_side:
        st.header("Verdict")
        st.write(compared.verdict)
        if compared.probabilities:
            st.html(html.change_table(compared.probabilities, "Probability, percentage points"))
        st.header("Findings")
        st.html(html.said_list(compared.findings))
        st.header("What the networks state")
        st.html(html.said_list(compared.statements))
    with measured_side:
        st.header("Measurements")
        st.html(html.change_table(compared.measurements, "Of the whole sheet"))
        st.html(
            html.change_table(
                compared.lead_measurements[:MOST_LEAD_ROWS],
                "Of single leads, what changed most",
            )
        )
    show_beats(compared.beats)
    st.caption(
        "Two readings of one recording differ too: by about what a scan, a fold or another print "
        "does to the curves. A change counts only when the sheets themselves show it."
    )


come_through_the_router(__file__)
st.title("Two sheets side by side")
mine = visitor_readings()
if len(mine.all) < 2:
    st.write(
        "Read two sheets on the page Diagnose, such as an earlier and a later one of a patient, "
        "and come back."
    )
    st.button("Take two drawn samples", on_click=take_examples, args=(mine,))
else:
    before, after = choose(mine)
    if before is after:
        st.write("Choose two different sheets.")
    else:
        try:
            with st.spinner("Reading both sheets"):
                both = [mine.read(one) for one in (before, after)]
        except ModelError as error:
            st.error("This installation is incomplete, so no sheet can be read. Details:")
            st.text(str(error))
        else:
            comparison = compare(*both)
            show_sheets(before, after, comparison)
            show_comparison(comparison)
st.caption(DISCLAIMER)
