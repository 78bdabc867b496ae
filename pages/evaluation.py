"""The Evaluation page: how well the models read sheets that they had not seen."""

import json
from pathlib import Path

import numpy as np
import streamlit as st

from ecgapp.datasets.drawn_curves import codes_with_curves, statement_curves
from ecgapp.datasets.drawn_sheets import DRAWN_FILE, read_drawn_sheets
from ecgapp.ecg import DISCLAIMER
from ecgapp.evaluation import calibration, out_of_fold
from ecgapp.evaluation.calibration import Coverage, ReliabilityBin, RiskCoverage
from ecgapp.evaluation.curves import Curve, class_curves
from ecgapp.evaluation.out_of_fold import Estimate, SessionErrors, Summary
from ecgapp.evaluation.predictions import Predictions, read_predictions
from ecgapp.inference.statements import TITLES
from ecgapp.inference.verdict import RULE_FILE, SET_COVERAGE, TARGET_ACCURACY, read_rule
from ecgapp.io.installed import models_folder
from ecgapp.report import (
    calibration_plots,
    count_words,
    curve_plots,
    finding_rows,
    plots,
    source_rows,
    words,
)
from ecgapp.report.language import _, marked, speaking, spoken, told
from pages.shared.door import come_through_the_router
from pages.shared.figures import draw, show_confusion, show_table

MODELS = models_folder()
VERDICT = marked("Verdict")
VERDICT_PREDICTIONS = MODELS / calibration.VERDICT_PREDICTIONS
LAYOUT_CHOICES = {marked("All sheets"): None, marked("3x4 sheets only"): "3x4"}
Rows = list[dict[str, str]]
TABS = (
    marked("Result"),
    marked("Curves"),
    marked("Certainty"),
    marked("Sources"),
    marked("Findings"),
    marked("Errors"),
    marked("Leads"),
    marked("Training"),
)
SOURCES = MODELS / "statements" / "sources.json"
DRAWN = MODELS / "statements" / DRAWN_FILE
AUDIT = MODELS / "study" / "audit.json"
FINDINGS = MODELS / "study" / "findings.json"
CURVES = {"accuracy": marked("Accuracy"), "loss": marked("Loss (cross-entropy)")}


@st.cache_data(show_spinner=_("Counting"))
def sheets_of(path: Path, layout: str | None) -> Predictions:
    """What was said of every sheet; of shipped files alone, so safe to share."""
    return of_layout(read_predictions(path).by_sheet(), layout)


@st.cache_data(show_spinner=_("Counting"))
def whole_sheets(path: Path, layout: str | None) -> tuple[tuple[str, ...], Summary]:
    """The whole-sheet summary; of shipped files alone."""
    sheets = sheets_of(path, layout)
    return sheets.classes, out_of_fold.summarize(sheets)


@st.cache_data(show_spinner=_("Counting"))
def single_leads(path: Path, layout: str | None) -> dict[str, Summary]:
    """Each lead's summary, none for a model that reads all together; of shipped files alone."""
    leads = of_layout(read_predictions(path), layout)
    return {} if (leads.lead == "").all() else out_of_fold.summarize_leads(leads)


@st.cache_data(show_spinner=_("Counting"))
def sheets_of_lead(path: Path, layout: str | None, lead: str) -> Predictions:
    """What was said of every sheet from one lead; of shipped files alone."""
    leads = of_layout(read_predictions(path), layout)
    return leads.where(leads.lead == lead)


@st.cache_data(show_spinner=_("Counting"))
def sureness(path: Path, layout: str | None) -> tuple[list[ReliabilityBin], Estimate, RiskCoverage]:
    """Reliability, calibration error and accuracy over coverage; of shipped files alone."""
    sheets = read_predictions(path).by_sheet()
    if path != VERDICT_PREDICTIONS:
        by_fold = read_rule(MODELS).fold_temperatures[path.parent.name]
        sheets = calibration.calibrated(sheets, by_fold)
    sheets = of_layout(sheets, layout)
    return (
        calibration.reliability(sheets),
        calibration.calibration_error_with_interval(sheets),
        calibration.risk_coverage(sheets),
    )


@st.cache_data(show_spinner=_("Counting"))
def errors(path: Path, layout: str | None) -> SessionErrors:
    """Where the wrong verdicts lie; of shipped files alone."""
    return out_of_fold.session_errors(sheets_of(path, layout))


def of_layout(predictions: Predictions, layout: str | None) -> Predictions:
    return predictions if layout is None else predictions.where(predictions.layout == layout)


@st.cache_data(show_spinner=_("Counting"))
def judged_verdicts(path: Path, layout: str | None, language: str) -> tuple[Coverage, list[Rows]]:
    """Confident verdicts in all, by label and by verdict, and sets; of shipped files alone."""
    verdicts = calibration.read_verdicts(path)
    if layout is not None:
        verdicts = verdicts.where(verdicts.predictions.layout == layout)
    with speaking(language):
        return (
            calibration_plots.of_all(verdicts),
            [
                calibration_plots.coverage_rows(verdicts, called=False),
                calibration_plots.coverage_rows(verdicts, called=True),
                calibration_plots.set_rows(verdicts),
            ],
        )


@st.cache_data(show_spinner=_("Counting"))
def curves_of_classes(path: Path, layout: str | None) -> dict[str, Curve]:
    """Each class's curve against the rest; of shipped files alone."""
    return class_curves(sheets_of(path, layout))


@st.cache_data(show_spinner=_("Counting"))
def curves_of_statement(path: Path, code: str) -> dict[str, Curve]:
    """One statement's curves by source; of shipped files alone."""
    return statement_curves(read_drawn_sheets(path), code)


@st.cache_data(show_spinner=_("Counting"))
def statement_codes(path: Path) -> list[str]:
    """Statements that have curves; of shipped files alone."""
    return codes_with_curves(read_drawn_sheets(path))


def protocol(summary: Summary) -> None:
    st.caption(
        _(
            "n = {n:,} sheets of {n_sessions} sessions. {protocol}",
            n=summary.n,
            n_sessions=summary.n_sessions,
            protocol=told(out_of_fold.PROTOCOL),
        )
    )


def show_sheets(path: Path, layout: str | None, classes: tuple[str, ...], summary: Summary) -> None:
    st.header(_("Whole sheets"))
    st.caption(
        _(
            "Of models that read lead by lead, the sum over the leads; the verdict "
            "weighs all models."
        )
    )
    of_all = whole_sheets(path, None)[1]
    counted = [count_words.layout_counts(summary.n, of_all.n)]
    if AUDIT.exists():
        audit = json.loads(AUDIT.read_text("utf-8"))
        counted.append(count_words.dataset_counts(audit, of_all.n))
    st.caption(" ".join(filter(None, counted)))
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
            _("Confusion matrix of whole sheets; counts and percentages of each row"),
            "confusion",
            sheets_of(path, layout),
        )
    with table:
        st.subheader(_("Class by class"))
        rows = words.class_rows(summary, classes)
        show_table(rows, "class_by_class")
        st.caption(words.class_legend(classes))
        st.caption(
            _(
                "In brackets: 95% bootstrap interval in percent, drawn over recording "
                "sessions. Precision: of the sheets read as this class, how many carry "
                "its label. Recall (sensitivity): of the sheets with this label, how "
                "many were found. Specificity: of the sheets with another label, how "
                "many were not taken for it."
            )
        )
    protocol(summary)


def draw_curves(curves: dict[str, Curve], key: str, of_what: str) -> None:
    roc, precision = st.columns(2, gap="large")
    with roc:
        draw(
            curve_plots.roc_figure(curves),
            f"{key}_roc",
            _(
                "Sensitivity over false alarms, {of_what}; the table below holds the numbers",
                of_what=of_what,
            ),
        )
    with precision:
        draw(
            curve_plots.precision_recall_figure(curves),
            f"{key}_precision",
            _(
                "Precision over sensitivity, {of_what}; the table below holds the numbers",
                of_what=of_what,
            ),
        )
    show_table(curve_plots.curve_rows(curves), f"{key}_curves")


def show_curves(path: Path, layout: str | None, summary: Summary) -> None:
    st.header(_("What every threshold would give"))
    st.caption(
        _(
            "Each class against the rest. Left: receiver operating characteristic "
            "(ROC). Right: precision over recall, which falls where a class is rare. "
            "In the table 95% bootstrap intervals, drawn over recording sessions."
        )
    )
    draw_curves(curves_of_classes(path, layout), "classes", _("each class against the rest"))
    protocol(summary)
    st.header(_("Statements, every source"))
    if not DRAWN.exists():
        st.info(_("What the statement network says of drawn sheets is not installed."))
        return
    code = st.selectbox(
        _("Statement"),
        statement_codes(DRAWN),
        key="curve_statement",
        format_func=lambda code: f"{code}: {told(TITLES.get(code, code))}",
    )
    draw_curves(
        curves_of_statement(DRAWN, code), "statement", _("of {code} in every source", code=code)
    )
    st.caption(
        _(
            "Records drawn as sheets of every vendor and layout, a third "
            "photographed, and read from pixels. Nothing was learnt from them. "
            "Sources with fewer than three records that have the statement are left "
            "out; few records make a wide interval."
        )
    )


def show_sureness(
    path: Path, layout: str | None, classes: tuple[str, ...], summary: Summary
) -> None:
    bins, error, curve = sureness(path, layout)
    confident: Coverage | None = None
    tables: list[Rows] = []
    if path == VERDICT_PREDICTIONS:
        confident, tables = judged_verdicts(path, layout, spoken())
    st.header(_("How sure, and how sure it should be"))
    st.metric(
        _("Expected calibration error (95% interval)"),
        _(
            "{value:.3f} ({low:.3f} to {high:.3f})",
            value=error.value,
            low=error.low,
            high=error.high,
        ),
        border=True,
        help=_(
            "How far, on average, a probability is from how often it is right; 15 "
            "equal bins. Resampling adds chance to every bin, so the interval lies "
            "higher than the figure."
        ),
    )
    diagram, coverage = st.columns(2, gap="large")
    with diagram:
        st.subheader(_("Do probabilities mean what they say?"))
        draw(
            calibration_plots.reliability_figure(bins),
            "reliability",
            _(
                "Reliability diagram: share of right verdicts over their probability, "
                "with intervals"
            ),
        )
        st.caption(
            _(
                "On the dashed line, verdicts of 80% are right in 80% of the sheets. At "
                "the foot: sheets in each bin. Calibrated on the other four folds."
            )
        )
    with coverage:
        st.subheader(_("What holding back buys"))
        draw(
            calibration_plots.risk_coverage_figure(curve, confident, TARGET_ACCURACY),
            "risk_coverage",
            _("Accuracy of the surest verdicts over the share of all sheets that they are"),
        )
        diamond = (
            _(
                "Diamond: the {n_confident} verdicts called confident, by thresholds "
                "that were fitted on the other folds: {accuracy} right; sheets that are "
                "held back whatever the probability are left out.",
                n_confident=confident.n_confident,
                accuracy=words.with_interval(confident.accuracy),
            )
            if confident
            else ""
        )
        aim = _("Dashed: {target:.0%}, the aim for confident verdicts.", target=TARGET_ACCURACY)
        st.caption(f"{diamond} {aim}")
    if tables:
        show_judged(classes, tables)
    protocol(summary)


def show_judged(classes: tuple[str, ...], tables: list[Rows]) -> None:
    by_label, by_call, sets = tables
    for column, title, (rows, name) in zip(
        st.columns(2, gap="large"),
        (_("Confident verdicts by label"), _("Confident verdicts by verdict")),
        ((by_label, "confident_by_label"), (by_call, "confident_by_verdict")),
        strict=True,
    ):
        with column:
            st.subheader(title)
            show_table(rows, name)
    st.caption(
        f"{words.class_legend(classes)} "
        + _(
            "In brackets: 95% bootstrap interval in percent, drawn over recording "
            "sessions. Few confident verdicts of a class say little of its accuracy: "
            "see n confident."
        )
    )
    st.subheader(_("Sets of classes instead of one"))
    show_table(sets, "sets_of_classes")
    st.caption(
        _(
            "The set of classes that are not to be ruled out is made so that "
            "{set_coverage:.0%} of the sheets of each class have it in theirs "
            "(conformal prediction, a quantile for each class, fitted on the other "
            "folds). Myocardial infarction has few sheets: its quantile rests on the "
            "half dozen least typical of them.",
            set_coverage=SET_COVERAGE,
        )
    )


def show_errors(path: Path, layout: str | None, classes: tuple[str, ...], summary: Summary) -> None:
    found = errors(path, layout)
    st.header(_("Where the errors lie"))
    sizes, inside = st.columns(2, gap="large")
    with sizes:
        st.subheader(_("By size of session"))
        show_table(
            [
                {
                    _("Sheets in a session"): size.size,
                    _("Sessions"): str(size.n_sessions),
                    _("Sheets"): str(size.n),
                    _("Read rightly"): words.interval_text(size.accuracy),
                }
                for size in found.by_size
            ],
            "by_size_of_session",
        )
        st.caption(
            _(
                "{with_error} of the {n_sessions} sessions hold a wrong verdict. A "
                "session: sheets printed under one header number.",
                with_error=words.with_interval(found.with_error),
                n_sessions=found.n_sessions,
            )
        )
        protocol(summary)
    with inside:
        st.subheader(_("In sessions with several labels"))
        show_confusion(
            np.array(found.confusion_there),
            classes,
            _("Confusion matrix of the sheets of sessions that carry several labels"),
            "confusion_several_labels",
            out_of_fold.sheets_of_several_labels(sheets_of(path, layout)),
        )
        st.caption(
            _(
                "n = {n:,} sheets of the {n_several_labels} sessions that "
                "carry several labels. Of the {n_errors_there} wrong verdicts on them, "
                "{n_label_of_session} name another label of the same session.",
                n=np.sum(found.confusion_there),
                n_several_labels=found.n_several_labels,
                n_errors_there=found.n_errors_there,
                n_label_of_session=found.n_label_of_session,
            )
        )


def show_leads(
    path: Path, layout: str | None, classes: tuple[str, ...], by_lead: dict[str, Summary]
) -> None:
    st.header(_("Single leads"))
    st.caption(_("The same sheets, judged from one lead alone. n is of the lead with most sheets."))
    accuracy, matrix = st.columns(2, gap="large")
    with accuracy:
        st.subheader(_("Accuracy by lead"))
        draw(
            plots.lead_accuracy_figure(
                {lead: summary.accuracy for lead, summary in by_lead.items()}
            ),
            "lead_accuracy",
            _("Accuracy of each lead with its 95% interval"),
        )
    with matrix:
        st.subheader(_("Confusion matrix of a lead"))
        lead = st.selectbox(
            _("Lead"), words.reading_order(list(by_lead)), format_func=words.lead_title, key="lead"
        )
        summary = by_lead[lead]
        show_confusion(
            summary.confusion,
            classes,
            _("Confusion matrix of lead {lead}; counts and percentages of each row", lead=lead),
            f"confusion_{lead}",
            sheets_of_lead(path, layout, lead),
        )
        st.write(
            _(
                "Accuracy {accuracy}, macro-F1 {macro_f1}",
                accuracy=words.interval_text(summary.accuracy),
                macro_f1=words.interval_text(summary.macro_f1),
            )
        )
        st.caption(_("n = {n:,} sheets that show this lead.", n=summary.n))
    protocol(max(by_lead.values(), key=lambda summary: summary.n))


def show_training(models: list[str]) -> None:
    st.header(_("Training"))
    for model in models:
        name = words.model_name(model)
        path = MODELS / model / "history.csv"
        histories = out_of_fold.read_histories(path) if path.exists() else {}
        if not histories:
            st.info(_("The training history of the {name} is not installed.", name=name))
            continue
        st.subheader(name)
        for column, (quantity, title) in zip(st.columns(2), CURVES.items(), strict=True):
            with column:
                draw(
                    plots.training_figure(histories, quantity, _(title)),
                    f"{model}_{quantity}",
                    _(
                        "{title} of the {name} over the epochs, training and validation",
                        title=_(title),
                        name=name,
                    ),
                )
        st.caption(
            _(
                "Thin: {n} runs, one or more a fold. Thick: their mean, as far as all of them ran.",
                n=len(histories),
            )
            + " "
            + (
                _("Validation sessions, held out of each fold's training part, choose the epoch;")
                if all("val_loss" in history for history in histories.values())
                else _("The number of epochs was fixed beforehand, without validation sessions;")
            )
            + " "
            + _(
                "the figures in the other tabs come from the test part. Accuracy is of what the "
                "network reads at once: a lead, or for the twelve-lead network a sheet."
            )
        )


def show_sources() -> None:
    st.header(_("Other collections"))
    if not SOURCES.exists():
        st.info(_("The figures of other collections (models/statements/sources.json) are missing."))
        return
    figures = json.loads(SOURCES.read_text("utf-8"))
    st.caption(
        _(
            "The statement network, and the verdict that it gives on other machines' "
            "sheets. {protocol}",
            protocol=told(figures["protocol"]),
        )
    )
    show_table(source_rows.source_rows(figures), "sources")
    st.caption(
        _("AUROC: how often a sheet with the label ranks above one without it; 0.5 is chance.")
    )
    st.subheader(_("Statement by statement"))
    judged = [name for name, found in figures["sources"].items() if "statements" in found]
    source = st.selectbox(_("Source"), judged, key="source", format_func=told)
    show_table(source_rows.statement_rows(figures, source), "statements")


def show_findings() -> None:
    st.header(_("Findings beside what cardiologists stated"))
    if not FINDINGS.exists():
        st.info(_("The figures of the findings (models/study/findings.json) are not installed."))
        return
    report = json.loads(FINDINGS.read_text("utf-8"))
    st.caption(
        _(
            "What the app measures and compares with limits, beside the statements "
            "of the people who read the records. From the signals; in brackets 95% "
            "intervals (Wilson). Sensitivity: of the records with the statement, how "
            "many have the finding. Specificity: of those without it, how many do "
            "not. LUDB is stored with each lead stretched to one height, so only "
            "what counts in time is judged there."
        )
    )
    source = st.selectbox(
        _("Source"), list(report["records"])[::-1], key="findings_source", format_func=told
    )
    show_table(finding_rows.agreement_rows(report, source), "findings")
    alarms, swaps = st.columns(2, gap="large")
    with alarms:
        st.subheader(_("On records stated to be normal"))
        show_table(finding_rows.normal_rows(report), "false_alarms")
    with swaps:
        st.subheader(_("Exchanged electrodes"))
        show_table(finding_rows.swap_rows(report), "swaps")
        st.caption(finding_rows.swap_text(report))


def show_tabs(chosen: Path, layout: str | None, models: list[str]) -> None:
    """Show the figures of one model; only the tab that is open is made."""
    result, curves, certainty, sources, found, wrong, leads, training = st.tabs(
        [_(tab) for tab in TABS], key="figures", on_change="rerun"
    )
    classes, of_sheets = whole_sheets(chosen, layout)
    if result.open:
        with result:
            show_sheets(chosen, layout, classes, of_sheets)
    if curves.open:
        with curves:
            show_curves(chosen, layout, of_sheets)
    if certainty.open:
        with certainty:
            if (MODELS / RULE_FILE).exists():
                show_sureness(chosen, layout, classes, of_sheets)
            else:
                st.info(_("The rule that says when to rely on a verdict is not installed."))
    if sources.open:
        with sources:
            show_sources()
    if found.open:
        with found:
            show_findings()
    if wrong.open:
        with wrong:
            show_errors(chosen, layout, classes, of_sheets)
    if leads.open:
        with leads:
            if of_leads := single_leads(chosen, layout):
                show_leads(chosen, layout, classes, of_leads)
            else:
                st.write(
                    _("This reads all leads together. Choose CNN or CRNN to see single leads.")
                )
    if training.open:
        with training:
            show_training(models)


come_through_the_router(__file__)
st.title(_("Evaluation"))
st.markdown(
    _(
        "How the models read sheets that they had **not** seen. Figures of this "
        "data that come from random splits are higher, because copies of a sheet "
        "and sheets of one session then lie on both sides; see About."
    )
)
installed = [name for name in words.MODEL_NAMES if (MODELS / name / "predictions.csv").exists()]
if not installed:
    st.info(
        _(
            "There are no figures to show: no model's out-of-fold predictions "
            "(models/NAME/predictions.csv) are installed."
        ),
        icon=":material/info:",
    )
else:
    model_choices = {
        words.MODEL_NAMES[name]: MODELS / name / "predictions.csv" for name in installed
    }
    if VERDICT_PREDICTIONS.exists():
        model_choices = {VERDICT: VERDICT_PREDICTIONS} | model_choices
    with st.container(horizontal=True, gap="medium"):
        model_choice = st.segmented_control(
            _("Model"), list(model_choices), default=next(iter(model_choices)), required=True,
            key="model", format_func=_, wrap=True,
        )  # fmt: skip
        layout_choice = st.segmented_control(
            _("Sheets"), list(LAYOUT_CHOICES), default="All sheets", required=True, key="sheets",
            format_func=_,
            help=_("In this data every Normal sheet is printed 3x4. On 3x4 sheets alone the "
            "layout cannot give the class away."),
        )  # fmt: skip
    show_tabs(
        model_choices[model_choice],
        LAYOUT_CHOICES[layout_choice],
        installed if model_choice == VERDICT else [model_choices[model_choice].parent.name],
    )
st.caption(told(DISCLAIMER))
