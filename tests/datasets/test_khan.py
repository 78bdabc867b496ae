import csv
import re
from pathlib import Path

import pytest
from paths import DATA

from ecgapp.cli import main
from ecgapp.datasets import khan
from ecgapp.datasets.khan import LabelledSheet, build_windows, read_manifest


def test_sheets_that_are_refused_are_named_and_leave_no_windows(tmp_path: Path) -> None:
    if not (DATA / khan.MANIFEST).exists():
        pytest.skip("the data folder ../shared/data is not here")
    manifest = read_manifest(DATA)
    chosen = [
        next(row for row in manifest if row.label == "normal"),
        next(row for row in manifest if row.label == "mi"),
    ]
    text = tmp_path / "page.webp"
    text.write_text("no picture")
    rows = [chosen[0], LabelledSheet(text, "0" * 64, "normal", 1, 0), chosen[1]]
    windows, refusals = build_windows(rows, tmp_path / "cache")
    assert list(refusals) == [text]
    assert list(dict.fromkeys(windows.sheet)) == [chosen[0].sheet, chosen[1].sheet]
    assert set(windows.lead) > {"I", "II", "III", "aVR", "aVL", "aVF", "V1", "V6"}
    assert windows.images.shape == (len(windows), 150, 150)
    first_of_each_lead = (windows.window == 0).sum()
    assert first_of_each_lead == len(set(zip(windows.sheet, windows.lead, strict=True)))


def test_the_manifest_gives_the_twelve_lead_sheets_of_the_classes(tmp_path: Path) -> None:
    (tmp_path / "khan").mkdir()
    columns = ["file", "label", "layout", "session", "fold", "copies_in_v2", "sha256"]
    with (tmp_path / "khan" / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerow(["mi/a.webp", "mi", "edan_6x2", 4, 2, 8, "aa"])
        writer.writerow(["normal/b.webp", "normal", "unclear", 5, 1, 0, "bb"])
        writer.writerow(["covid_19/c.webp", "covid_19", "edan_3x4", 6, 0, 1, "cc"])
    only = read_manifest(tmp_path)
    path = tmp_path / "khan" / "sheets" / "mi" / "a.webp"
    assert only == [LabelledSheet(path, sheet="aa", label="mi", session=4, fold=2, copies_in_v2=8)]


@pytest.mark.parametrize("header", ["file,label,layout,fold,copies_in_v2,sha256\n", ""])
def test_a_manifest_without_a_column_is_refused_by_name(
    header: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "manifest.csv").write_text(header)
    assert main.main(["windows", "--data", str(tmp_path), "-o", str(tmp_path / "w.npz")]) == 2
    message = capsys.readouterr().err
    assert re.search(r"lacks .*\bsession\b", message)
    assert "Traceback" not in message
