"""A model card on a visitor's own sheets, and their table."""

from datetime import date

import numpy as np

from ecgapp.datasets.user_data import BadEntry, UserReading, to_predictions
from ecgapp.errors import Refusal
from ecgapp.evaluation.out_of_fold import summarize, with_exact_intervals
from ecgapp.report.own_card import own_card
from ecgapp.report.own_rows import file_rows

CLASSES = ("normal", "abnormal_heartbeat", "mi", "history_of_mi")


def reading(path: str, label: str, said: str) -> UserReading:
    shares = dict(zip(CLASSES, np.eye(4)[CLASSES.index(said)] * 0.6 + 0.1, strict=True))
    return UserReading(path, label, {"verdict": shares}, "3x4", True, None)


READINGS = [
    reading("a.jpg", "normal", "normal"),
    reading("b.jpg", "mi", "normal"),
    UserReading("c.jpg", "mi", {}, "", False, Refusal("not_an_ecg", "Finding", "No ECG.")),
]
BAD = [BadEntry("d.txt", "Its folder is no class.")]


def test_card_holds_figures_and_counts_and_no_name_of_a_file():
    groups = {one.path: number for number, one in enumerate(READINGS)}
    summary = with_exact_intervals(summarize(to_predictions(READINGS, "verdict", groups, False)))
    card = own_card(READINGS, BAD, {"Verdict": summary}, ["Two files are copies."], "Exact.",
                    date(2026, 1, 2))  # fmt: skip
    assert "Accuracy 50% (1\u201399)" in card
    assert "Refused: 1 (not_an_ecg 1). Left out before reading: 1." in card
    assert "- Two files are copies." in card
    assert "2026-01-02" in card
    assert "not a medical device" in card.lower()
    assert not any(name in card for name in ("a.jpg", "b.jpg", "c.jpg", "d.txt"))


def test_table_has_a_row_for_every_file_with_what_was_read_or_why_not():
    rows = file_rows(READINGS, BAD)
    assert [row["As labelled"] for row in rows] == [True, False, None, None]
    assert [row["Read as"] for row in rows] == ["Normal", "Normal", "refused", "left out"]
    assert rows[2]["Why"] == "No ECG."
