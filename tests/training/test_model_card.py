import json
import shutil
from pathlib import Path

import pytest

from ecgapp.evaluation.cards import read_card
from ecgapp.evaluation.summary import Evaluation
from ecgapp.inference.shipped_models import MODEL_NAMES, MODELS_FOLDER
from ecgapp.training.model_card import write_card, write_verdict_card


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_a_card_gives_the_figures_of_the_predictions_beside_it(name: str, tmp_path: Path) -> None:
    for file in ("metadata.json", "predictions.csv"):
        shutil.copy(MODELS_FOLDER / name / file, tmp_path)
    write_card(tmp_path)
    card = (tmp_path / "README.md").read_text()
    figures = json.loads((tmp_path / "metadata.json").read_text())["metrics"]
    assert f"all {figures['all_layouts']['sheets']} sheets" in card
    assert f"accuracy | {figures['all_layouts']['accuracy']:.0%} (" in card
    assert f"{figures['3x4_only']['accuracy']:.0%} (" in card
    assert "Not a medical device" in card
    assert card == (MODELS_FOLDER / name / "README.md").read_text()


def test_the_verdicts_card_gives_its_figures(
    tmp_path: Path, shipped_evaluation: Evaluation
) -> None:
    for file in ("checksums.json", "verdict.json", "verdict_predictions.csv"):
        shutil.copy(MODELS_FOLDER / file, tmp_path)
    write_verdict_card(tmp_path)
    card = (tmp_path / "README.md").read_text()
    rule = json.loads((tmp_path / "verdict.json").read_text())
    assert f"{rule['confident_share']:.0%} of the sheets" in card
    counted = shipped_evaluation.models["verdict"]
    found = [counted[part].figures["mi_recall_at_97_specificity"].value for part in ("all", "3x4")]
    assert f"at a specificity of 97% | {found[0]:.3f} | {found[1]:.3f} |" in card
    assert "Not a medical device" in card
    assert card == (MODELS_FOLDER / "README.md").read_text()


@pytest.mark.parametrize("name", ["", *MODEL_NAMES, "twelve_lead"])
def test_every_card_has_the_headings_that_a_reader_looks_for(name: str) -> None:
    card = read_card(name)
    for heading in ("Purpose", "Participants", "Outcome", "Performance", "Calibration", "Fairness",
                    "Limitations", "Availability and cost"):  # fmt: skip
        assert f"##### {heading}" in card
