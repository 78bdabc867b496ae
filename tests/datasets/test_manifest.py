"""A manifest made from nothing but a folder of sheets."""

from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from ecgapp.cli import main
from ecgapp.datasets.audit import audit
from ecgapp.datasets.khan import read_manifest
from ecgapp.datasets.manifest import COLUMNS, N_FOLDS
from ecgapp.synthesis.edan import PageStyle, render
from ecgapp.synthesis.simulate import PatientModel, simulate

# Label, layout, printed id; two sheets a session in each layout.
SHEETS = [
    ("normal", "3x4", "168498"),
    ("normal", "3x4", "168498"),
    ("mi", "3x4", "168498"),
    ("mi", "6x2", "85"),
    ("mi", "6x2", "86"),
    ("normal", "3x4", "177068"),
    ("normal", "3x4", "177069"),
    ("mi", "6x2", "177070"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for number, (label, layout, patient_id) in enumerate(SHEETS):
        place = folder / "sheets" / label
        place.mkdir(parents=True, exist_ok=True)
        signals = simulate(PatientModel(heart_rate_bpm=60 + 3 * number, seed=number))
        page = render(signals, layout, PageStyle(patient_id=patient_id)).convert("L")
        page.save(place / f"sheet{number}.png", compress_level=1)
    # A second file of the first sheet, a sheet of another device, and no ECG.
    first = (folder / "sheets" / "normal" / "sheet0.png").read_bytes()
    (folder / "sheets" / "normal" / "zcopy.png").write_bytes(first)
    Image.new("L", (1232, 952), 255).save(folder / "sheets" / "mi" / "other.png")
    Image.new("L", (2213, 1572), 255).save(folder / "sheets" / "mi" / "unclear.png")
    (folder / "originals" / "mi").mkdir(parents=True)
    page.save(folder / "originals" / "mi" / "sheet7.jpg")
    assert main.main(["manifest", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def table(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "manifest.csv").set_index("file")


def test_sheets_with_one_printed_id_are_one_session_whatever_their_label(
    table: pd.DataFrame,
) -> None:
    assert list(table.reset_index().columns) == list(COLUMNS)
    session = {
        f"{label}/sheet{number}.png": printed for number, (label, _, printed) in enumerate(SHEETS)
    }
    found = table["session"]
    for one, its_id in session.items():
        for other, other_id in session.items():
            assert (found[one] == found[other]) == (its_id == other_id)
    assert (found == found["mi/other.png"]).sum() == 1


def test_what_is_on_a_sheet_is_found(table: pd.DataFrame) -> None:
    for number, (label, layout, _) in enumerate(SHEETS):
        assert table.loc[f"{label}/sheet{number}.png", "layout"] == f"edan_{layout}"
    assert table.loc["mi/other.png", "layout"] == "other"
    assert table.loc["mi/unclear.png", "layout"] == "unclear"
    assert table.loc["mi/other.png", ["width_px", "height_px"]].tolist() == [1232, 952]
    assert table["has_original"].sum() == 1


def test_copies_are_counted_and_listed_once(table: pd.DataFrame) -> None:
    assert "normal/zcopy.png" not in table.index
    assert table.loc["normal/sheet0.png", "copies_in_v2"] == 2
    assert (table["copies_in_v2"].drop("normal/sheet0.png") == 1).all()


def test_no_session_lies_in_two_folds_and_labels_are_spread(
    folder: Path, table: pd.DataFrame
) -> None:
    assert (table.groupby("session")["fold"].nunique() == 1).all()
    assert table["fold"].between(0, N_FOLDS - 1).all()
    assert table[table["label"] == "mi"]["fold"].nunique() >= 4
    assert not audit(folder / "sheets").fold_leaks


def test_what_was_written_can_be_trained_on_and_is_not_written_over(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = read_manifest(folder)
    assert len(rows) == len(SHEETS) + 1
    assert all(row.path.is_file() for row in rows)
    assert main.main(["manifest", str(folder)]) == 2
    assert "is there already" in capsys.readouterr().err
