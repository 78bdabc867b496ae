"""Sheets whose labels the verdicts contradict."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cleanlab", reason="finding wrong labels needs cleanlab")

from ecgapp.cli.main import main
from ecgapp.evaluation.predictions import Predictions, write_predictions

CLASSES = ("normal", "abnormal_heartbeat", "mi", "history_of_mi")


def verdicts(n: int = 200) -> Predictions:
    """Verdicts that are sure and right, but for sheets 8 and 9, whose labels were swapped."""
    label = np.arange(n) % 4
    shares = np.full((n, 4), 0.04)
    shares[np.arange(n), label] = 0.88
    label[[8, 9]] = label[[9, 8]]
    return Predictions(
        classes=CLASSES,
        sheet=np.array([f"{i:064x}" for i in range(n)]),
        label=np.array(CLASSES)[label],
        layout=np.full(n, "3x4"),
        session=np.arange(n) // 2,
        fold=np.arange(n) // 2 % 5,
        lead=np.full(n, ""),
        probabilities=shares,
    )


@pytest.fixture
def models(tmp_path: Path) -> Path:
    found = verdicts()
    (tmp_path / "study").mkdir()
    write_predictions(tmp_path / "verdict_predictions.csv", found)
    for name in ("cnn", "crnn", "twelve_lead"):
        (tmp_path / name).mkdir()
        of_model = found
        if name == "cnn":
            of_model = replace(found, probabilities=np.full((len(found), 4), 0.25))
        write_predictions(tmp_path / name / "predictions.csv", of_model)
    return tmp_path


def listed(models: Path) -> list[dict[str, str]]:
    with (models / "study" / "suspicious_sheets.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_swapped_labels_are_found_with_what_they_likely_should_be(models: Path) -> None:
    assert main(["study", "suspicious", "--models", str(models)]) == 0
    rows = listed(models)
    assert {row["row"] for row in rows} == {"9", "10"}
    first = next(row for row in rows if row["row"] == "9")
    assert (first["label"], first["likely_label"]) == ("abnormal_heartbeat", "normal")
    # The CNN names the first class for want of better; the others agree with the verdict.
    assert [row["models_that_agree"] for row in sorted(rows, key=lambda row: row["row"])] == [
        "2", "3",
    ]  # fmt: skip
    assert {row["seen"] for row in rows} == {""}


def test_what_a_person_saw_survives_a_new_list(models: Path) -> None:
    seen = models / "study" / "suspicious_seen.csv"
    seen.write_text(f'sheet,seen\n{8:064x},"Rate 110, regular; normal else"\n')
    for _ in range(2):
        assert main(["study", "suspicious", "--models", str(models)]) == 0
        by_row = {row["row"]: row["seen"] for row in listed(models)}
        assert by_row == {"9": "Rate 110, regular; normal else", "10": ""}
    assert seen.read_text().startswith("sheet,seen")
