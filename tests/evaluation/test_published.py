"""The study's results, and the gap between leaky and honest figures."""

import math

import pytest
import study_results

from ecgapp.evaluation import published


@pytest.fixture
def runs(tmp_path):
    study_results.write(tmp_path / "results.json")
    return published.read_study(tmp_path / "results.json")


def test_runs_are_read_with_their_scores(runs):
    run = runs[0]
    assert run.leaky
    assert run.published.value == 0.98
    assert run.scores["all"].accuracy.low == pytest.approx(0.92)
    assert run.scores["only_3x4"].n_sheets == 80
    assert run.scores["all"].confusion.sum() == 100
    assert math.isnan(run.scores["all"].by_class["mi"]["precision"])


def test_one_protocol_is_sorted_by_accuracy(runs):
    chosen = published.of_protocol(runs, "grouped", n_classes=4)
    assert [run.name for run in chosen] == ["cnn2d", "svm", "layout"]
    assert "only_3x4" not in chosen[-1].scores
    assert chosen[-1].is_confounder


def test_gap_sets_leaky_beside_honest(runs):
    gaps = {gap.title: gap for gap in published.gaps(runs, n_classes=4)}
    cnn2d = gaps["2-D CNN on thirteen leads"]
    assert cnn2d.lost == pytest.approx(0.24)
    assert cnn2d.honest_protocol == "grouped"
    assert gaps["Vision transformer on the page"].honest_protocol == "holdout"
    assert gaps["Vision transformer on the page"].shortened
    assert gaps["Support vector machine"].lost is None
    assert next(iter(gaps)) == "Vision transformer on the page"
    assert list(gaps)[-1] in {"Support vector machine", "Layout alone"}


def test_full_schedule_goes_before_a_shortened_one(tmp_path):
    short = study_results.run("vit", "ViT", "random", 0.5, schedule="shortened")
    full = study_results.run("vit", "ViT", "random", 0.9)
    for number, order in enumerate(([short, full], [full, short])):
        path = tmp_path / f"{number}.json"
        study_results.write(path, order)
        (gap,) = published.gaps(published.read_study(path), n_classes=4)
        assert gap.leaky.value == 0.9
        assert not gap.shortened


def test_classes_are_never_mixed(runs):
    assert published.gaps(runs, n_classes=5) == []
    assert published.of_protocol(runs, "random", n_classes=5) == []


def test_missing_study_is_told_from_a_damaged_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        published.read_study(tmp_path / "results.json")
    for text in ("{}", "not JSON", '{"runs": [{}]}'):
        (tmp_path / "results.json").write_text(text)
        with pytest.raises(published.StudyError):
            published.read_study(tmp_path / "results.json")
