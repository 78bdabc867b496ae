import numpy as np
import pytest

from ecgapp.evaluation import metrics

# 10 members of class 0 (8 found), 5 of class 1 (3 found), 2 of class 2 (none found).
CONFUSION = np.array([[8, 2, 0], [1, 3, 1], [2, 0, 0]])


def test_confusion_counts_true_class_by_row_and_prediction_by_column() -> None:
    confusion = metrics.confusion_matrix(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0]), 3)
    np.testing.assert_array_equal(confusion, [[1, 1, 0], [0, 1, 0], [1, 0, 0]])


def test_figures_of_a_confusion_matrix_agree_with_a_count_by_hand() -> None:
    assert metrics.accuracy(CONFUSION) == pytest.approx(11 / 17)
    np.testing.assert_allclose(metrics.precision(CONFUSION), [8 / 11, 3 / 5, 0])
    np.testing.assert_allclose(metrics.recall(CONFUSION), [0.8, 0.6, 0])
    np.testing.assert_allclose(metrics.specificity(CONFUSION), [4 / 7, 10 / 12, 14 / 15])
    np.testing.assert_allclose(metrics.f1(CONFUSION), [16 / 21, 6 / 10, 0])
    assert metrics.macro_f1(CONFUSION) == pytest.approx((16 / 21 + 0.6) / 3)


def test_a_class_that_never_occurs_has_no_figures_and_does_not_lower_the_macro_f1() -> None:
    confusion = np.array([[4, 0], [0, 0]])
    assert np.isnan(metrics.recall(confusion)[1])
    assert np.isnan(metrics.precision(confusion)[1])
    assert metrics.macro_f1(confusion) == 1


def test_auroc_counts_ties_half() -> None:
    positive = np.array([True, True, False, False])
    assert metrics.auroc(positive, np.array([0.9, 0.8, 0.2, 0.1])) == 1
    assert metrics.auroc(positive, np.array([0.1, 0.8, 0.2, 0.9])) == pytest.approx(0.25)
    assert metrics.auroc(positive, np.array([0.5, 0.5, 0.5, 0.5])) == 0.5
    assert np.isnan(metrics.auroc(np.array([True]), np.array([0.5])))


def test_macro_auroc_is_the_mean_of_one_against_the_rest() -> None:
    probabilities = np.array([[0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    assert metrics.macro_auroc(np.array([0, 1, 1]), probabilities) == 1


def test_bootstrap_draws_whole_sessions() -> None:
    true = np.array([0, 0, 0, 1])
    predicted = np.array([0, 0, 0, 0])
    sessions = np.array([7, 7, 7, 9])
    confusions = metrics.bootstrap_confusions(true, predicted, sessions, 2, n_resamples=200)
    assert set(confusions[:, 0, 0]) == {0, 3, 6}
    np.testing.assert_array_equal(confusions[:, 0, 0] / 3 + confusions[:, 1, 0], 2)


def test_interval_of_an_accuracy_holds_it_and_narrows_with_more_sessions() -> None:
    rng = np.random.default_rng(1)

    def width(n: int) -> float:
        true = rng.integers(0, 2, n)
        predicted = np.where(rng.random(n) < 0.8, true, 1 - true)
        confusions = metrics.bootstrap_confusions(true, predicted, np.arange(n), 2)
        low, high = metrics.interval(metrics.accuracy(confusions))
        assert low < (true == predicted).mean() < high
        return high - low

    assert width(1600) < 0.6 * width(100)


def test_resampled_auroc_is_that_of_the_resampled_sheets():
    rng = np.random.default_rng(1)
    positive = rng.random(60) < 0.4
    score = np.round(rng.random(60) + 0.3 * positive, 1)  # with ties
    sessions = np.arange(60) // 2
    draws = metrics.bootstrap_auroc(positive, score, sessions, 200)
    times = np.random.default_rng(0).multinomial(30, np.full(30, 1 / 30), size=200)
    for number in (0, 7, 199):
        rows = np.repeat(np.arange(60), times[number][sessions])
        assert draws[number] == pytest.approx(metrics.auroc(positive[rows], score[rows]))


def test_recall_at_a_specificity_lets_no_more_others_pass():
    positive = np.array([False] * 100 + [True] * 4)
    score = np.concatenate([np.arange(100) / 100, [0.995, 0.975, 0.965, 0.2]])
    recall, draws = metrics.recall_at_specificity(positive, score, np.arange(104), 0.97)
    # Three of a hundred others, 0.97 to 0.99, may pass; 0.965 lies below them, and above the next.
    assert recall == pytest.approx(0.75)
    assert draws.shape == (2000,)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    # Clopper and Pearson's own figures, as tables give them.
    [(0, 10, 0.0, 0.3085), (10, 10, 0.6915, 1.0), (5, 10, 0.1871, 0.8129), (1, 2, 0.0126, 0.9874)],
)
def test_exact_interval_of_few(hits, n, low, high):
    assert metrics.exact_interval(hits, n) == pytest.approx((low, high), abs=1e-4)


def test_exact_interval_of_none_is_not_a_number():
    assert np.isnan(metrics.exact_interval(0, 0)).all()


def test_all_figures_of_a_curve_are_those_worked_out_one_by_one():
    rng = np.random.default_rng(3)
    positive, sessions = rng.random(90) < 0.4, rng.integers(0, 40, 90)
    # Some scores are equal.
    score = np.round(rng.random(90) + 0.3 * positive, 2)
    areas, (precision, _), recalls = metrics.curve_figures(
        positive, score, sessions, (0.9, 0.97), n_resamples=70
    )
    np.testing.assert_array_equal(areas, metrics.bootstrap_auroc(positive, score, sessions, 70))
    for least, (value, draws) in recalls.items():
        alone = metrics.recall_at_specificity(positive, score, sessions, least, 70)
        assert value == alone[0]
        np.testing.assert_array_equal(draws, alone[1])
    # Down the scores, precision times what is found anew.
    found, falsely, last, area = 0, 0, 0.0, 0.0
    for one in np.unique(score)[::-1]:
        found += (positive & (score == one)).sum()
        falsely += (~positive & (score == one)).sum()
        area += (found / positive.sum() - last) * found / (found + falsely)
        last = found / positive.sum()
    assert precision == pytest.approx(area)
