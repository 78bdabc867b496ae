import json
import shutil
from pathlib import Path

import pytest

from ecgapp.runtime import MODEL_NAMES, MODELS_FOLDER
from ecgapp.study.card import write_card


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
