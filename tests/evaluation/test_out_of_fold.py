"""What shipped predictions amount to."""

from dataclasses import replace

import numpy as np
import pytest

from ecgapp.evaluation import out_of_fold
from ecgapp.evaluation.predictions import Predictions


def predictions(label, probabilities, sheet, lead, session):
    n = len(label)
    return Predictions(
        classes=("normal", "mi"),
        sheet=np.array(sheet),
        label=np.array(label),
        layout=np.full(n, "3x4"),
        session=np.array(session),
        fold=np.zeros(n, dtype=np.int64),
        lead=np.array(lead),
        probabilities=np.array([[1 - p, p] for p in probabilities]),
    )


@pytest.fixture
def two_leads():
    return predictions(
        label=["normal", "normal", "mi", "mi"],
        probabilities=[0.1, 0.6, 0.9, 0.4],
        sheet=["a", "a", "b", "b"],
        lead=["I", "II", "I", "II"],
        session=[1, 1, 2, 2],
    )


def test_summary_counts_and_rates_sheets(two_leads):
    summary = out_of_fold.summarize(two_leads.by_sheet())
    assert summary.n == 2
    assert summary.n_sessions == 2
    assert summary.confusion.tolist() == [[1, 0], [0, 1]]
    assert summary.accuracy.value == 1
    assert summary.by_class["mi"]["specificity"].value == 1


def test_leads_are_summarized_one_by_one(two_leads):
    by_lead = out_of_fold.summarize_leads(two_leads)
    assert by_lead["I"].accuracy.value == 1
    assert by_lead["II"].accuracy.value == 0


def test_intervals_hold_the_value_and_widen_with_fewer_sessions():
    rng = np.random.default_rng(0)
    n = 400
    label = np.where(np.arange(n) % 2, "mi", "normal")
    right = rng.random(n) < 0.8
    shares = np.where((label == "mi") == right, 0.9, 0.1)
    many = predictions(label, shares, [str(i) for i in range(n)], ["I"] * n, np.arange(n))
    few = replace(many, session=np.arange(n) // 40)
    wide, narrow = out_of_fold.summarize(few).accuracy, out_of_fold.summarize(many).accuracy
    for estimate in (wide, narrow):
        assert estimate.low <= estimate.value <= estimate.high
    assert narrow.high - narrow.low == pytest.approx(0.08, abs=0.02)


def test_class_that_is_never_predicted_has_no_precision(two_leads):
    always_normal = replace(two_leads, probabilities=np.tile([0.9, 0.1], (4, 1)))
    summary = out_of_fold.summarize(always_normal.by_sheet())
    assert np.isnan(summary.by_class["mi"]["precision"].value)


def test_models_are_averaged_lead_by_lead(two_leads):
    other = replace(two_leads, probabilities=np.tile([0.0, 1.0], (4, 1)))
    mean = out_of_fold.average_models([two_leads, other])
    assert mean.probabilities[:, 1] == pytest.approx([0.55, 0.8, 0.95, 0.7])


def test_models_of_different_leads_are_not_averaged(two_leads):
    with pytest.raises(ValueError, match="same leads"):
        out_of_fold.average_models([two_leads, replace(two_leads, lead=np.full(4, "V1"))])


def test_nothing_cannot_be_summarized(two_leads):
    with pytest.raises(ValueError, match="no predictions"):
        out_of_fold.summarize(two_leads.where(np.zeros(4, dtype=bool)))


def test_history_holds_folds_alone(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text(
        "run,epoch,loss,accuracy,val_loss,val_accuracy\n"
        "final_9_epochs,1,0.5,0.8,,\nfold0,1,0.9,0.5,1.0,0.4\nfold0,2,0.7,0.6,0.9,0.5\n"
    )
    histories = out_of_fold.read_histories(path)
    assert list(histories) == ["fold0"]
    assert histories["fold0"]["val_loss"] == [1.0, 0.9]
    path.write_text(
        "run,epoch,loss\nfinal/member0,1,0.5\nfold0/member0,1,0.9\nfold0/member1,1,0.8\n"
    )
    assert list(out_of_fold.read_histories(path)) == ["fold0/member0", "fold0/member1"]


def test_errors_are_counted_by_size_of_session_and_by_labels_within():
    # Session 1: two sheets of different labels, one called by the other's. Session 2: one sheet.
    three = predictions(
        label=["normal", "mi", "normal"],
        probabilities=[0.1, 0.2, 0.3],
        sheet=["a", "b", "c"],
        lead=["", "", ""],
        session=[1, 1, 2],
    )
    found = out_of_fold.session_errors(three)
    assert [(size.size, size.n, size.accuracy.value) for size in found.by_size] == [
        ("1", 1, 1.0),
        ("2", 2, 0.5),
    ]
    assert found.with_error.value == 0.5
    assert found.confusion_there == [[1, 0], [1, 0]]
    assert len(out_of_fold.sheets_of_several_labels(three)) == 2
    assert (found.n_several_labels, found.n_errors_there, found.n_label_of_session) == (1, 1, 1)
