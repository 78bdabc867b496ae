"""The study's figures: what they say, and that they never speak by colour alone."""

import pytest
import study_results

from ecgapp.evaluation import published
from ecgapp.evaluation.lead_contributions import LeadEffect
from ecgapp.evaluation.out_of_fold import Estimate
from ecgapp.report import study_plots, words


@pytest.fixture
def runs(tmp_path):
    study_results.write(tmp_path / "results.json")
    return published.read_study(tmp_path / "results.json")


def written(figure):
    return " ".join(annotation.text for annotation in figure.layout.annotations)


def test_models_and_confounders_differ_in_shape_and_shortened_ones_are_named(runs):
    figure = study_plots.scores_figure([runs[1], runs[3], runs[5]], "all", "accuracy")
    assert list(figure.data[0].marker.symbol) == ["circle", "circle-open", "diamond"]
    names = figure.layout.yaxis.ticktext
    assert "Vision transformer on<br>the page (shortened<br>schedule)" in names
    assert "Check: Layout alone" in names


def test_run_without_3x4_sheets_is_left_out(runs):
    figure = study_plots.scores_figure([runs[1], runs[5]], "only_3x4", "macro_f1")
    assert len(figure.data[0].x) == 1


def test_gap_draws_published_leaky_and_honest(runs):
    figure = study_plots.gap_figure(published.gaps(runs, n_classes=4))
    drawn = {trace.name: list(trace.x) for trace in figure.data if trace.name}
    assert drawn["Published"] == [0.86, 0.98]
    assert drawn["Ours, leaky split"] == [0.88, 0.96]
    assert sorted(drawn["Ours, honest split"]) == [0.52, 0.6, 0.64, 0.72]


def test_classes_wear_their_one_colour_and_their_names():
    figure = study_plots.classes_figure({"mi": {"files": 3, "different_images": 2}})
    assert figure.data[0].marker.color == (words.CLASS_STYLES["mi"].colour,)
    assert "Myocardial infarction: <b>3</b> (100%)" in written(figure)


def test_folder_that_is_no_class_is_shown_by_its_name():
    figure = study_plots.layouts_figure({"cats": {"not found": 2}})
    assert "cats" in written(figure)
    assert figure.data[0].name == "no known layout"


def test_change_without_a_lead_is_in_points():
    half = Estimate(0.5, 0.4, 0.6)
    effect = LeadEffect(half, Estimate(-0.031, -0.05, -0.01), {"mi": half}, 10)
    figure = study_plots.lead_change_figure({"V2": effect})
    assert "-3.1 points (-5.0 to -1.0)" in figure.data[0].hovertemplate[0]
    low, high = figure.layout.xaxis.range
    assert low < -0.05
    assert high > 0.05


def test_recall_that_is_not_defined_is_a_dash():
    undefined = Estimate(float("nan"), float("nan"), float("nan"))
    figure = study_plots.lead_class_figure({"I": LeadEffect(undefined, undefined,
                                                              {"mi": undefined}, 0)})  # fmt: skip
    assert figure.layout.annotations[0].text == "\u2013"
