import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("mapie", reason="training needs the offline half")

from ecgapp.inference.shipped_models import MODELS_FOLDER, STATEMENT_NETWORK
from ecgapp.training.statement_calibration import LEAST_AUROC
from ecgapp.training.statement_card import write_card

SHIPPED = MODELS_FOLDER / STATEMENT_NETWORK
NAMED = (
    "NORM MI STTC CD HYP AFIB AFLT SBRAD STACH SARRH PAC PVC PACE 1AVB CLBBB CRBBB IRBBB LAFB LVH "
    "INVT IMI AMI"
)


def test_the_shipped_card_is_the_one_of_the_shipped_figures(tmp_path: Path) -> None:
    folder = tmp_path / STATEMENT_NETWORK
    folder.mkdir()
    for name in ("metadata.json", "sources.json"):
        shutil.copy(SHIPPED / name, folder)
    for name in ("verdict.json", "checksums.json"):
        shutil.copy(MODELS_FOLDER / name, tmp_path)
    write_card(folder)
    assert (folder / "README.md").read_text() == (SHIPPED / "README.md").read_text()


def test_the_named_statements_ship_and_are_good_enough() -> None:
    shipped = json.loads((SHIPPED / "metadata.json").read_text())["shipped"]
    assert set(NAMED.split()) <= set(shipped)
    for entry in shipped.values():
        assert entry["fold_9"]["auroc"] >= LEAST_AUROC
        assert entry["fold_9"]["positives"] >= 5


def test_what_the_sources_show_is_not_worse_than_when_it_was_measured() -> None:
    sources = json.loads((SHIPPED / "sources.json").read_text())["sources"]
    fold_9 = sources["PTB-XL fold 9"]
    assert fold_9["superclass_macro_auroc"]["auroc"] >= 0.93
    assert fold_9["verdict"]["normal"]["auroc"] >= 0.93
    assert fold_9["verdict"]["infarction_or_history"]["auroc"] >= 0.91
