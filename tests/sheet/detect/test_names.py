import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from ecgapp.ecg import LAYOUTS, LEADS
from ecgapp.io.weights import MODELS_FOLDER, ModelError, write_checksums
from ecgapp.sheet.detect import names
from ecgapp.sheet.detect.name_removal import erase_names, erase_rulings
from ecgapp.sheet.detect.names import NEGATIVE_AVR, PrintedName, read_names
from ecgapp.synthesis.draw import draw_sheet
from ecgapp.synthesis.simulate import PatientModel, simulate
from ecgapp.synthesis.vendors import VENDORS
from ecgapp.training.name_pictures import draw_piece, find_fonts


def sheet(layout: str, vendor: str) -> np.ndarray:
    drawn = draw_sheet(simulate(PatientModel()), LAYOUTS[layout], (), VENDORS[vendor])
    gray = np.array(drawn.image.convert("L"))
    return np.where(gray < 110, gray, 255).astype(np.uint8)


def strongest(found: list[PrintedName], name: str) -> PrintedName:
    return max((f for f in found if f.name == name), key=lambda f: f.probability)


@pytest.mark.parametrize("vendor", ["pink", "red", "green", "faint"])
def test_all_names_of_a_sheet_are_read_column_by_column(vendor: str) -> None:
    found = [f for f in read_names(sheet("3x4", vendor)) if f.probability > 0.5]
    assert len(set(LEADS) & {f.name for f in found}) >= 11
    chest = [
        strongest(found, f"V{k}") for k in range(1, 7) if any(f.name == f"V{k}" for f in found)
    ]
    assert len(chest) >= 5
    columns = {f.name: f.left for f in chest}
    assert columns["V4" if "V4" in columns else "V5"] > columns["V1" if "V1" in columns else "V2"]


def test_cabreras_lead_is_told_from_avr() -> None:
    found = read_names(sheet("12x1-cabrera", "red"))
    assert strongest(found, NEGATIVE_AVR).probability > 0.5


def test_names_are_the_same_however_the_page_is_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    page = sheet("6x2", "pink")
    whole = read_names(page)
    monkeypatch.setattr(names, "BAND_CELLS", 17)
    for found, expected in zip(read_names(page), whole, strict=True):
        assert found.name == expected.name
        np.testing.assert_array_equal(found.by_class, expected.by_class)
        assert (found.left, found.top) == (expected.left, expected.top)


def test_an_empty_page_has_no_names() -> None:
    assert read_names(np.full((900, 1300), 255, np.uint8)) == []


def test_names_are_taken_off_and_curves_stay() -> None:
    gray = sheet("6x2", "green")
    found = [f for f in read_names(gray) if f.probability > 0.5]
    clean = erase_names(gray, found)
    name = strongest(found, "V5")
    box = np.s_[round(name.top) : round(name.bottom), round(name.left) : round(name.right)]
    assert (gray[box] < 128).mean() > 0.1
    assert (clean[box] < 128).mean() < 0.02
    changed = (gray != clean).sum() / (gray < 200).sum()
    assert changed < 0.1


def test_weights_that_were_changed_or_know_other_names_are_not_used(tmp_path: Path) -> None:
    folder = tmp_path / "names"
    shutil.copytree(MODELS_FOLDER / "names", folder)
    metadata = json.loads((folder / "metadata.json").read_text())
    (folder / "metadata.json").write_text(json.dumps(metadata | {"classes": ["I"]}))
    write_checksums(tmp_path)
    with pytest.raises(ModelError, match="other names"):
        names.load_name_reader(folder)
    (folder / "metadata.json").write_text(json.dumps(metadata))
    write_checksums(tmp_path)
    weights = bytearray((folder / "model.onnx").read_bytes())
    weights[-1] ^= 1
    (folder / "model.onnx").write_bytes(weights)
    with pytest.raises(ModelError, match="SHA-256"):
        names.load_name_reader(folder)


def test_pieces_to_train_on_say_where_their_names_are() -> None:
    rng = np.random.default_rng(2)
    fonts = find_fonts()[:2]
    n_classes = len(names.NAME_CLASSES)
    on_names = 0
    for _ in range(10):
        piece = draw_piece(fonts, rng)
        cells = tuple(side // names.CELL_PX for side in piece.gray.shape)
        assert piece.target.shape == (*cells, n_classes + 6)
        assert (piece.target[..., : n_classes + 1].sum(axis=2) == 1).all()
        on_name = piece.target[..., n_classes] == 0
        on_names += on_name.sum()
        # From the cell's centre to all four edges of the name.
        assert (piece.target[on_name][:, n_classes + 2 :] > -1).all()
    assert on_names > 10


def test_a_table_line_is_taken_off_and_the_peak_that_crosses_it_stays() -> None:
    gray = np.full((600, 1200), 255, np.uint8)
    gray[300:304] = 0
    gray[150:304, 500:504] = 0
    gray[200:203, 100:1100] = 0
    clean = erase_rulings(gray, [302.0])
    assert (clean[198:206, 100:490] == 255).all()
    assert (clean[150:300, 501] < 128).all()
    assert (clean[300:304] == 0).all()


def test_a_black_bar_is_no_table_line() -> None:
    gray = np.full((600, 1200), 255, np.uint8)
    gray[40:120, 100:900] = 0
    assert (erase_rulings(gray, [400.0]) == gray).all()
