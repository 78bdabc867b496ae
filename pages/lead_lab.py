"""The Lead lab: what each lead knows, how leads are added up, how a lead is prepared."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import streamlit as st

from ecgapp import Diagnosis
from ecgapp.ecg import DISCLAIMER
from ecgapp.errors import MAX_UPLOAD_BYTES
from ecgapp.evaluation import lead_contributions, out_of_fold
from ecgapp.evaluation.lead_contributions import LeadEffect, RuleResult
from ecgapp.evaluation.predictions import read_predictions
from ecgapp.explain import preprocessing_steps
from ecgapp.explain.preprocessing_steps import Settings, Steps, with_settings
from ecgapp.inference import shipped_models
from ecgapp.inference.shipped_models import ModelError
from ecgapp.io.installed import models_folder
from ecgapp.report import html, plots, study_plots, words
from ecgapp.report.comparison import probability_changes
from ecgapp.report.headline import headline
from ecgapp.report.language import _, marked, told
from ecgapp.service.readings import Reading, Readings
from ecgapp.sheet.locate import HALF_HEIGHT_MV, LocatedSheet
from ecgapp.synthesis.samples import SAMPLES, draw_sample
from pages.shared.door import come_through_the_router
from pages.shared.figures import draw, show_table
from pages.shared.parts import show_incomplete

MODELS = models_folder()
TOGETHER = "CNN + CRNN"
LAYOUT_CHOICES = {marked("All sheets"): None, marked("3x4 sheets only"): "3x4"}
RULE_NAMES = {
    "sum": (marked("Sum"), marked("Adds the probabilities of all leads; what this app does.")),
    "vote": (
        marked("Vote"),
        marked("Every lead has one vote for its likeliest class; the sum breaks ties."),
    ),
    "learned": (
        marked("Learned"),
        marked(
            "Weighs each lead's evidence (logarithm of its probabilities) and each "
            "class, as four folds teach it, and is judged on the fifth (conditional "
            "logit)."
        ),
    ),
}
STANDARD = Settings()
# What the page begins with: something to see, where it shows most.
FIRST_SAMPLE, FIRST_LEAD = "Raised ST in V1 to V4", "V3"


@st.cache_data(show_spinner=_("Counting"))
def lab(
    paths: list[Path], layout: str | None
) -> tuple[int, int, dict[str, LeadEffect], dict[str, RuleResult], dict[str, float]]:
    """All that is shown of the shipped predictions; the same for every visitor."""
    leads = out_of_fold.average_models([read_predictions(path) for path in paths])
    if layout is not None:
        leads = leads.where(leads.layout == layout)
    table = lead_contributions.tabulate(leads)
    n_sessions = len(set(table.sheets.session.tolist()))
    return (
        len(table.sheets),
        n_sessions,
        lead_contributions.lead_effects(table),
        lead_contributions.rule_results(table),
        lead_contributions.learned_weights(table),
    )


def show_leads(effects: dict[str, LeadEffect]) -> None:
    found, accuracy, change = st.columns([4, 3, 3], gap="large")
    with found:
        st.subheader(_("Classes found from one lead"))
        draw(
            study_plots.lead_class_figure(effects),
            "lead_class",
            _("Share of each class that is found from each lead alone"),
        )
        classes = list(next(iter(effects.values())).recall)
        st.caption(
            _("Recall: of the sheets with this label, how many the lead alone finds.")
            + f" {words.class_legend(classes)}"
        )
    with accuracy:
        st.subheader(_("Used alone"))
        draw(
            plots.lead_accuracy_figure({lead: one.alone for lead, one in effects.items()}),
            "alone",
            _("Accuracy of each lead alone with its 95% interval"),
        )
        st.caption(_("Accuracy of a verdict from this lead alone, with its 95% interval."))
    with change:
        st.subheader(_("Left out"))
        draw(
            study_plots.lead_change_figure(effects),
            "left_out",
            _("Change of accuracy without each lead, in percentage points"),
        )
        st.caption(
            _(
                "Change of the whole verdict's accuracy without this lead, percentage "
                "points, with its 95% interval. Left of the line: the lead is missed. An "
                "interval that crosses the line says that this data cannot tell."
            )
        )


def show_rules(rules: dict[str, RuleResult], weights: dict[str, float]) -> None:
    st.header(_("Ways to add the leads up"))
    table, plot = st.columns([3, 2], gap="large")
    with table:
        show_table(
            [
                {
                    _("Rule"): _(RULE_NAMES[rule][0]),
                    _("Accuracy (95%)"): words.interval_text(result.accuracy),
                    _("Macro-F1 (95%)"): words.interval_text(result.macro_f1),
                    _("Against the sum, points"): "\u2013"
                    if rule == "sum"
                    else words.in_points(result.change),
                }
                for rule, result in rules.items()
            ],
            "rules",
        )
        for name, what in RULE_NAMES.values():
            st.caption(f"**{_(name)}.** {_(what)}")
    with plot:
        st.subheader(_("Learned weights"))
        draw(
            study_plots.weights_figure(weights), "weights", _("Weight of each lead, mean of folds")
        )
        st.caption(
            _(
                "Dashed: the weight if all leads counted alike. Leads that say nearly "
                "the same share their weight, and one may even get a negative weight to "
                "correct the others; so a low weight does not mean a poor lead."
            )
        )


def choose_sheet() -> Diagnosis | None:
    upload_side, sample_side = st.columns([3, 2], gap="medium")
    upload = upload_side.file_uploader(
        _(
            "A scanned sheet of your own, up to {max_upload_bytes} MB; it stays in memory.",
            max_upload_bytes=MAX_UPLOAD_BYTES // 10**6,
        ),
        max_upload_size=MAX_UPLOAD_BYTES // 10**6,
        key="lab_upload",
        on_change=lambda: st.session_state.update(lab_sample=None),
    )
    sample = sample_side.pills(
        _("Or a drawn sample"),
        list(SAMPLES),
        default=FIRST_SAMPLE,
        key="lab_sample",
        wrap=True,
        format_func=told,
    )
    load: Callable[[], bytes]
    if sample is not None:
        name, load = sample, partial(draw_sample, sample)
    elif upload is not None:
        name, load = upload.file_id, upload.getvalue
    else:
        return None
    if st.session_state.get("lab_read", ("",))[0] != name:
        st.session_state.lab_read = (name, Readings().read(Reading(name, load(), "")))
    diagnosis: Diagnosis = st.session_state.lab_read[1]
    if (refusal := diagnosis.refusal) is not None:
        st.html(html.alert(_("This file was not read."), refusal.message, refusal.code))
        return None
    return diagnosis


def choose_settings(sheet: LocatedSheet) -> tuple[str, Settings]:
    leads = words.reading_order(list(sheet.boxes))
    if st.session_state.setdefault("lab_lead", FIRST_LEAD) not in leads:
        st.session_state.lab_lead = leads[0]
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        lead = st.selectbox(
            _("Lead"), leads, format_func=words.lead_title, key="lab_lead", width=200
        )
        by_otsu = st.toggle(
            _("Let Otsu choose the threshold"), value=True, key="lab_otsu",
            help=_("Otsu's method takes the threshold that parts dark from bright pixels best."),
        )  # fmt: skip
    sigma, height, level = st.columns(3, gap="medium")
    sigma_px = sigma.slider(
        _("Gaussian sigma, px"), 0.0, 5.0, STANDARD.sigma_px, 0.25, key="lab_sigma",
        help=_("Width of the blur. Too little keeps the grid's dots, too much melts the curve."),
    )  # fmt: skip
    threshold = None
    if not by_otsu:
        threshold = level.slider(
            _("Threshold, grey level"), 1, 254, 128, key="lab_threshold",
            help=_("Pixels up to this grey level (0 black, 255 white) are taken for ink."),
        )  # fmt: skip
    half_height_mv = height.slider(
        _("Window height, mV above and below"), 0.4, HALF_HEIGHT_MV, HALF_HEIGHT_MV, 0.2,
        key="lab_height",
        help=_("What lies outside is cut off; what is left is stretched to 150 pixels."),
    )  # fmt: skip
    return lead, Settings(sigma_px, threshold, half_height_mv)


def show_steps(steps: Steps, settings: Settings) -> None:
    threshold = steps.otsu_threshold if settings.threshold is None else settings.threshold
    pictures = (
        (steps.crop, _("1. Cut out, grayscale")),
        (
            steps.smooth,
            _("2. Smoothed: Gaussian, sigma {sigma_px:g} px", sigma_px=settings.sigma_px),
        ),
        (
            steps.binary,
            _(
                "3. Black and white: ink up to grey level {threshold} (Otsu: {otsu})",
                threshold=threshold,
                otsu=steps.otsu_threshold,
            ),
        ),
        (
            steps.curve,
            _("4. The lead's own curve: its name, the grid and its neighbours taken out"),
        ),
    )
    for start in range(0, len(pictures), 2):
        for column, (picture, caption) in zip(
            st.columns(2), pictures[start : start + 2], strict=True
        ):
            column.image(picture, caption=caption, alt=caption, width="stretch")


def show_reading(lead: str, steps: Steps, standard: Steps, changed: bool) -> None:
    window, *readings = st.columns(3, gap="medium")
    with window:
        for number, picture in enumerate(steps.windows, start=1):
            caption = _("5. What a model sees, 150 x 150")
            if len(steps.windows) > 1:
                caption += _(", part {number} of {n}", number=number, n=len(steps.windows))
            st.image(picture, caption=caption, alt=caption, width=220)
    now = preprocessing_steps.read_windows(lead, steps.windows)
    before = preprocessing_steps.read_windows(lead, standard.windows)
    for column, (model, probabilities) in zip(readings, now.items(), strict=True):
        with column:
            st.markdown(_("**{model} on this lead alone**", model=words.model_name(model)))
            st.html(html.probability_bars(probabilities))
            leading = words.leading_class(before[model])
            if changed:
                st.caption(
                    _(
                        "With the standard settings: {name}, {likely}.",
                        name=words.class_name(leading),
                        likely=words.percent(before[model][leading]),
                    )
                )


def show_verdict(diagnosis: Diagnosis, settings: Settings) -> None:
    """Say what the settings, in all leads, do to the whole verdict."""
    st.subheader(_("The whole verdict, with these settings in every lead"))
    if settings == STANDARD:
        st.write(
            _("These are the standard settings. Change one to see what the verdict makes of it.")
        )
        return
    changed = with_settings(diagnosis, settings)
    st.html(html.headline_block(headline(changed)))
    st.html(
        html.change_table(
            list(probability_changes(diagnosis, changed)),
            _("Probability, percentage points"),
            (_("Standard"), _("These settings")),
        )
    )
    st.caption(
        _(
            "CNN and CRNN read the pictures of the leads, which the settings change. "
            "The networks that read all leads together read voltages, which they do "
            "not change."
        )
    )


def show_steps_of_a_lead() -> None:
    st.header(_("From paper to model, step by step"))
    try:
        diagnosis = choose_sheet()
        if diagnosis is None or diagnosis.sheet is None:
            return
        lead, settings = choose_settings(diagnosis.sheet)
        result = preprocessing_steps.preprocess(diagnosis.sheet, lead, settings)
        show_steps(result, settings)
        standard = preprocessing_steps.preprocess(diagnosis.sheet, lead, STANDARD)
        show_reading(lead, result, standard, settings != STANDARD)
        show_verdict(diagnosis, settings)
    except ModelError as error:
        show_incomplete(error)


come_through_the_router(__file__)
st.title(_("Lead lab"))
st.markdown(
    _(
        "For teaching: what becomes of a lead on its way from paper to model, "
        "and what the twelve leads and the rhythm strip each contribute."
    )
)
show_steps_of_a_lead()
installed = [
    name for name in shipped_models.MODEL_NAMES if (MODELS / name / "predictions.csv").exists()
]
if installed:
    model_choices = {words.MODEL_NAMES[name]: [name] for name in installed}
    if len(installed) > 1:
        model_choices = {TOGETHER: installed} | model_choices
    st.header(_("What each lead knows"))
    with st.container(horizontal=True, gap="medium"):
        model_choice = st.segmented_control(
            _("Model"), list(model_choices), default=next(iter(model_choices)), required=True,
            key="lab_model", format_func=_, wrap=True,
        )  # fmt: skip
        layout_choice = st.segmented_control(
            _("Sheets"),
            list(LAYOUT_CHOICES),
            default="All sheets",
            required=True,
            key="lab_sheets",
            format_func=_,
        )
    n_sheets, n_sessions, of_leads, of_rules, of_weights = lab(
        [MODELS / name / "predictions.csv" for name in model_choices[model_choice]],
        LAYOUT_CHOICES[layout_choice],
    )
    st.caption(
        _(
            "n = {n:,} sheets of {n_sessions} sessions. {protocol}",
            n=n_sheets,
            n_sessions=n_sessions,
            protocol=told(out_of_fold.PROTOCOL),
        )
    )
    show_leads(of_leads)
    show_rules(of_rules, of_weights)
else:
    st.info(
        _(
            "No model's out-of-fold predictions (models/NAME/predictions.csv) are "
            "installed, so leads cannot be compared."
        ),
        icon=":material/info:",
    )
st.caption(told(DISCLAIMER))
