"""The Compare page: all models of the study under one protocol, and what leakage is worth."""

import math
from pathlib import Path

import streamlit as st

from ecgapp.ecg import DISCLAIMER
from ecgapp.evaluation import published
from ecgapp.evaluation.out_of_fold import Estimate
from ecgapp.evaluation.published import Gap, PublishedAccuracy, Score, StudyError, StudyResult
from ecgapp.io.installed import models_folder
from ecgapp.report import count_words, study_plots, words
from ecgapp.report.language import _, marked, told
from pages.shared.door import come_through_the_router
from pages.shared.figures import draw, save_csv, show_confusion, show_table

RESULTS = models_folder() / "study" / "results.json"
PROTOCOL_NAMES = {
    "grouped": marked("Honest: grouped folds"),
    "holdout": marked("Honest: grouped hold-out"),
    "random": marked("Leaky: random, as published"),
}
SHEET_CHOICES = {marked("All sheets"): "all", marked("3x4 sheets only"): "only_3x4"}
FIGURE_CHOICES = {marked("Accuracy"): "accuracy", marked("Macro-F1"): "macro_f1"}
CLASS_FIGURES = {
    "support": "n",
    "precision": marked("Precision"),
    "recall": marked("Recall"),
    "f1": "F1",
    "specificity": marked("Specificity"),
}


@st.cache_data(show_spinner=_("Reading the results"))
def results(path: Path) -> list[StudyResult]:
    """Read shipped results; the same for every visitor."""
    return published.read_study(path)


def in_percent(estimate: Estimate | None) -> str:
    return "\u2013" if estimate is None else words.interval_text(estimate)


def as_published(figure: PublishedAccuracy | None, n_classes: int) -> str:
    if figure is None:
        return "\u2013"
    share = words.percent(figure.value)
    if figure.n_classes == n_classes:
        return share
    return _("{share} ({n} classes)", share=share, n=figure.n_classes)


def title_of(run: StudyResult) -> str:
    return study_plots.model_title(run.title, run.shortened, run.is_confounder)


def table_row(run: StudyResult) -> dict[str, str]:
    whole, only_3x4 = run.scores["all"], run.scores.get("only_3x4")
    minutes = "\u2013"
    if not math.isnan(run.seconds):
        minutes = _("{minutes:.1f} min", minutes=run.seconds / 60)
    return {
        _("Model"): _("{title} (leaky)", title=title_of(run)) if run.leaky else title_of(run),
        _("Accuracy (95%)"): in_percent(whole.accuracy),
        _("Macro-F1 (95%)"): in_percent(whole.macro_f1),
        _("Against the verdict (95%)"): words.in_points(run.to_verdict),
        _("3x4 alone: accuracy"): in_percent(only_3x4.accuracy if only_3x4 else None),
        _("3x4 alone: macro-F1"): in_percent(only_3x4.macro_f1 if only_3x4 else None),
        _("Published"): as_published(run.published, len(run.classes)),
        _("Tested (different)"): f"{run.n_test} ({run.n_test_different})",
        _("Trained on"): str(run.n_train),
        _("Epochs"): str(run.epochs or "\u2013"),
        _("Training"): f"{minutes}, {run.device}" if run.device else minutes,
    }


def show_models(runs: list[StudyResult], protocol: str) -> None:
    st.header(_("All models under one protocol"))
    if any(run.leaky for run in runs):
        st.warning(
            _(
                "**These figures are leaky.** Copies of the same picture lie in training "
                "and in test. They are here to show what published figures are made of; "
                "no model is this good."
            ),
            icon=":material/warning:",
        )
    st.caption(told(published.PROTOCOLS[protocol]))
    with st.container(horizontal=True, gap="medium"):
        sheets = st.segmented_control(
            _("Sheets"), list(SHEET_CHOICES), default="All sheets", required=True, key="sheets",
            format_func=_,
            help=_("In this data every Normal sheet is printed 3x4. On 3x4 sheets alone the "
            "layout cannot give the class away."),
        )  # fmt: skip
        figure_name = st.segmented_control(
            _("Figure"), list(FIGURE_CHOICES), default="Accuracy", required=True, key="figure",
            format_func=_,
            help=_("Accuracy: share of sheets read right. Macro-F1: mean over the classes, "
            "so that the rare ones count as much as the common ones."),
        )  # fmt: skip
    draw(
        study_plots.scores_figure(runs, SHEET_CHOICES[sheets], FIGURE_CHOICES[figure_name]),
        "scores",
        _(
            "{figure_name} of every model with its 95% interval; the table below holds the numbers",
            figure_name=_(figure_name),
        ),
    )
    st.caption(
        _(
            "Round: models. Diamond (check): no model of the heart, but what the "
            "label can be guessed from without one, such as the layout alone. "
            "Hollow: trained on a shortened schedule. Lines: 95% bootstrap interval, "
            "drawn over recording sessions. In the table, against the verdict: "
            "difference of accuracies on the same sheets, in percentage points."
        )
    )
    rows = [table_row(run) for run in runs]
    st.dataframe(
        rows,
        hide_index=True,
        column_config={_("Model"): st.column_config.TextColumn(pinned=True)},
        alt=_("The same models with all their figures"),
    )
    save_csv(rows, "models")
    with st.expander(_("What else to know about these runs")):
        for run in runs:
            measured = run.published and _(
                "Published figure: {protocol}.", protocol=told(run.published.protocol)
            )
            if run.note or measured:
                note = "; ".join(told(part) for part in run.note.split("; "))
                st.caption(f"**{title_of(run)}.** {note} {measured or ''}")


def show_gap(gaps: list[Gap], runs: list[StudyResult]) -> None:
    st.header(_("What leakage is worth"))
    st.markdown(
        _(
            "The same network, trained the same way, judged twice: on a split at "
            "random over the files of version 2, nearly half of them copies (leaky), "
            "and on one that keeps recording sessions apart and counts every picture "
            "once (honest)."
        )
    )
    draw(
        study_plots.gap_figure(gaps),
        "gap",
        _("Published, leaky and honest accuracy of every model; the table below holds the numbers"),
    )
    show_table(
        [
            {
                _("Model"): study_plots.model_title(gap.title, gap.shortened, gap.is_confounder),
                _("Published"): as_published(gap.published, gap.n_classes),
                _("Ours, leaky"): in_percent(gap.leaky),
                _("Ours, honest"): in_percent(gap.honest),
                _("Lost"): "\u2013"
                if gap.lost is None
                else _("{points:.0f} points", points=100 * gap.lost),
            }
            for gap in gaps
        ],
        "leakage",
    )
    st.caption(
        _(
            "Accuracy with its 95% interval. Published figures were measured by "
            "their authors, on random splits of their own, some with another number "
            "of classes; a dash where none was given or the run was not made. "
            "Honest: grouped folds, or the grouped hold-out where folds were not "
            "run. {runs}",
            runs=count_words.protocol_counts(runs),
        )
    )


def show_one_model(runs: list[StudyResult]) -> None:
    st.header(_("One model, class by class"))
    by_title = {title_of(run): run for run in runs}
    run = by_title[st.selectbox(_("Model"), list(by_title), key="model")]
    score: Score = run.scores["all"]
    if run.leaky:
        st.caption(_("Leaky: copies of the same picture lie in training and in test."))
    matrix, table = st.columns([2, 3], gap="large")
    with matrix:
        show_confusion(
            score.confusion,
            run.classes,
            _("Confusion matrix; counts and percentages of each row"),
            "confusion",
        )
        st.caption(
            _(
                "The study's file holds counts alone, so these cells cannot list their sheets; "
                "those of the verdict, the CNN, the CRNN and the twelve-lead network do on the "
                "Evaluation page."
            )
        )
    with table:
        show_table(
            [
                {"": _(title)}
                | {
                    words.CLASS_STYLES[name].short: f"{score.by_class[name][key]:.0f}"
                    if key == "support"
                    else words.percent(score.by_class[name][key])
                    for name in run.classes
                }
                for key, title in CLASS_FIGURES.items()
            ],
            "class_by_class",
        )
        st.caption(words.class_legend(run.classes))
    st.caption(
        _(
            "n = {n:,} sheets tested, {different:,} of them different. {protocol}",
            n=score.n_sheets,
            different=run.n_test_different,
            protocol=told(published.PROTOCOLS[run.protocol]),
        )
    )
    if "covid_19" in run.classes:
        st.caption(
            _(
                "Nearly all COVID-19 sheets come from another device than the rest. What "
                "a model scores on them says which device it recognized, and little "
                "about COVID-19."
            )
        )


def show_study(runs: list[StudyResult]) -> None:
    class_counts = sorted({len(run.classes) for run in runs})
    with st.container(horizontal=True, gap="medium"):
        n_classes = st.segmented_control(
            _("Classes"), class_counts, default=class_counts[0], required=True, key="classes",
            help=_("Five classes: with COVID-19, nearly all of it from another device."),
        )  # fmt: skip
    show_gap(
        published.gaps(runs, n_classes), [run for run in runs if len(run.classes) == n_classes]
    )
    with st.container(horizontal=True, gap="medium"):
        protocols = [
            protocol
            for protocol in PROTOCOL_NAMES
            if published.of_protocol(runs, protocol, n_classes)
        ]
        protocol = st.segmented_control(
            _("Protocol"), protocols, default=protocols[0], required=True, key="protocol",
            format_func=lambda name: _(PROTOCOL_NAMES[name]), wrap=True,
        )  # fmt: skip
    chosen = published.of_protocol(runs, protocol, n_classes)
    show_models(chosen, protocol)
    show_one_model(chosen)
    st.download_button(
        _("Download all results (JSON)"),
        RESULTS.read_bytes(),
        "study_results.json",
        "application/json",
        on_click="ignore",
        icon=":material/download:",
    )


come_through_the_router(__file__)
st.title(_("Compare models"))
st.markdown(
    _(
        "Which of the published approaches to this data works? Each was built "
        "anew as its authors describe it and judged twice, once their way and "
        "once honestly. Poor figures are not left out."
    )
)
try:
    study = results(RESULTS)
except FileNotFoundError:
    study = []
except StudyError as error:
    study = []
    st.error(_("The study's results cannot be shown: {error}.", error=error))
if study:
    show_study(study)
else:
    st.info(
        _(
            "The study's results (models/study/results.json) are not installed, so "
            "there is nothing to compare. `python -m ecgapp study run --all` and "
            "`python -m ecgapp study collect` make them."
        ),
        icon=":material/info:",
    )
st.caption(told(DISCLAIMER))
