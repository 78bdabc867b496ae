import json
from pathlib import Path

import fakes
import pytest

from ecgapp import cli
from ecgapp.sheet.layouts import LEADS
from ecgapp.sheet.samples import SAMPLES, draw_sample


@pytest.fixture(autouse=True)
def fake_models(monkeypatch: pytest.MonkeyPatch) -> None:
    fakes.install(monkeypatch)


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    path = tmp_path / "sheet.jpg"
    path.write_bytes(draw_sample(next(iter(SAMPLES))))
    return path


def test_json_is_one_array_with_one_object_a_file_in_the_order_given(
    sheet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("not a picture")
    missing = tmp_path / "missing.png"
    assert cli.main(["predict", str(text), str(sheet), str(missing), "--json"]) == 3
    refused, read, unopened = json.loads(capsys.readouterr().out)
    assert refused["file"] == str(text)
    assert refused["status"] == unopened["status"] == "refused"
    assert set(refused["reason"]) == {"code", "message"}
    assert "No such file" in unopened["reason"]["message"]

    assert read["file"] == str(sheet)
    assert read["status"] == "ok"
    assert read["sheet"] == {
        "layout": "3x4",
        "rhythm_strip": True,
        "aligned": False,
        "px_per_mm": pytest.approx(7.874, abs=1e-3),
    }
    assert list(read["leads"])[:3] == ["I", "II", "III"]
    assert set(read["leads"]) == {*LEADS, "rhythm"}
    assert set(read["leads"]["V6"]) == {"cnn", "crnn"}
    assert read["verdict"]["label"] == "mi"
    assert sum(read["verdict"]["probabilities"].values()) == pytest.approx(1)
    assert set(read["verdict"]["by_model"]) == {"cnn", "crnn"}
    assert isinstance(read["verdict"]["confident"], bool)
    assert {"decode", "sheet", "leads", "models", "total"} <= set(read["timings_ms"])


def test_exit_status_is_0_when_every_file_was_read(
    sheet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["predict", str(sheet)]) == 0
    assert "mi" in capsys.readouterr().out


def test_no_file_is_wrong_usage() -> None:
    with pytest.raises(SystemExit) as exit_info:
        cli.main(["predict", "--json"])
    assert exit_info.value.code == 2
