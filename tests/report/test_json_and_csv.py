"""The JSON and CSV that others rely on, and the Diagnosis they are made from."""

import csv
import io
import json

import pytest
from fakes import CLASSES, install

import ecgapp
from ecgapp import Diagnosis, diagnose
from ecgapp.ecg import LEADS, RHYTHM_STRIP
from ecgapp.report import json_and_csv
from ecgapp.synthesis.samples import draw_sample


@pytest.fixture
def read_sheet(monkeypatch):
    install(monkeypatch)
    return diagnose(draw_sample("Normal rhythm"))


def test_json_of_a_read_sheet_keeps_the_contract(read_sheet):
    found = json.loads(json.dumps(json_and_csv.to_json_object(read_sheet, "a/b.jpg")))
    assert set(found) == {
        "file", "status", "page", "pages", "version", "sheet", "leads", "verdict", "statements",
        "findings", "measurements", "timings_ms", "note", "set_by_hand", "other_pages",
        "not_normal",
    }  # fmt: skip
    assert found["not_normal"]["probability"] == pytest.approx(0.88, abs=0.01)
    assert found["file"] == "a/b.jpg"
    assert found["status"] == "ok"
    assert (found["page"], found["pages"]) == (1, 1)
    assert found["version"] == ecgapp.__version__
    assert found["sheet"]["px_per_mm"] == pytest.approx(7.874, abs=0.001)
    assert found["sheet"]["layout"] == "3x4"
    assert found["sheet"]["rhythm_strip"] is True
    assert found["sheet"]["aligned"] is False
    assert found["sheet"]["missing"] == []
    assert set(found["leads"]) == {*LEADS, RHYTHM_STRIP}
    for by_model in found["leads"].values():
        assert set(by_model) == {"cnn", "crnn"}
        assert by_model["cnn"] == pytest.approx(
            dict(zip(CLASSES, [0.07, 0.02, 0.9, 0.01], strict=True))
        )
    assert set(found["verdict"]) == {
        "label", "confident", "reason", "prediction_set", "probabilities", "by_model",
    }  # fmt: skip
    assert found["verdict"]["reason"] is None
    assert found["verdict"]["prediction_set"] == ["mi"]
    assert found["verdict"]["label"] == "mi"
    assert found["verdict"]["confident"] is True
    assert found["verdict"]["probabilities"]["mi"] == pytest.approx(0.84, abs=0.01)
    assert set(found["verdict"]["by_model"]) == {"cnn", "crnn", "twelve_lead", "statements"}
    assert found["verdict"]["by_model"]["crnn"]["mi"] == pytest.approx(0.7)
    assert set(found["timings_ms"]) == {"decode", "sheet", "leads", "models", "total"}
    assert all(isinstance(value, float) for value in found["timings_ms"].values())
    assert "Not a medical device" in found["note"]


def test_timings_add_up_to_no_more_than_the_total(read_sheet):
    timings = dict(read_sheet.timings_ms)
    total = timings.pop("total")
    assert all(value > 0 for value in timings.values())
    assert sum(timings.values()) <= total


def test_sheet_of_six_rows_is_read_with_its_own_layout(monkeypatch):
    install(monkeypatch)
    diagnosis = diagnose(draw_sample("Irregular rhythm, six rows"))
    found = json_and_csv.to_json_object(diagnosis, "x")
    assert found["status"] == "ok"
    assert found["sheet"]["layout"] == "6x2"
    assert set(LEADS) <= set(found["leads"])


@pytest.mark.parametrize("data", [b"", b"no picture", draw_sample("Normal rhythm")[:9000]])
def test_json_of_a_refusal_has_code_and_message(data):
    found = json.loads(json.dumps(json_and_csv.to_json_object(diagnose(data), "x.jpg")))
    assert set(found) == {
        "file", "status", "reason", "page", "pages", "version", "note", "set_by_hand",
        "other_pages",
    }  # fmt: skip
    assert found["version"] == ecgapp.__version__
    assert found["status"] == "refused"
    assert set(found["reason"]) == {"code", "message"}
    assert found["reason"]["code"].isidentifier()
    assert found["reason"]["message"].endswith(".")


def test_refused_file_holds_no_leads_and_names_the_failed_step():
    diagnosis = diagnose(b"no picture")
    assert diagnosis.leads == {}
    assert diagnosis.verdict is None
    assert diagnosis.checks[-1].name == diagnosis.refusal.step
    assert not diagnosis.checks[-1].passed


def test_csv_has_a_row_a_lead_and_model_and_ends_with_the_verdict(read_sheet):
    table = json_and_csv.to_csv(read_sheet, "a/b.jpg")
    every = list(csv.DictReader(io.StringIO(table)))
    rows = [row for row in every if not row["measurement"]]
    of_leads = [row for row in rows if row["lead"] != "verdict"]
    assert {(row["lead"], row["model"]) for row in of_leads} == {
        (lead, model) for lead in (*LEADS, RHYTHM_STRIP) for model in ("cnn", "crnn")
    }
    assert len(of_leads) == 26
    assert [(row["model"], row["label"]) for row in rows[26:]] == [
        ("cnn", "mi"), ("crnn", "mi"), ("twelve_lead", "mi"), ("statements", "mi"),
        ("all", "mi"),
    ]  # fmt: skip
    assert [row["confident"] for row in rows[26:]] == ["", "", "", "", "yes"]
    for row in every:
        assert (row["file"], row["page"], row["version"]) == ("a/b.jpg", "1", ecgapp.__version__)
        assert "Not a medical device" in row["note"]
    for row in rows:
        assert sum(float(row[name]) for name in CLASSES) == pytest.approx(1, abs=0.001)


def test_csv_says_why_a_verdict_is_not_confident_and_what_was_measured(monkeypatch):
    install(monkeypatch, cnn=[0.3, 0.3, 0.2, 0.2], crnn=[0.3, 0.3, 0.2, 0.2])
    diagnosis = diagnose(draw_sample("Normal rhythm"))
    rows = list(csv.DictReader(io.StringIO(json_and_csv.to_csv(diagnosis, "x"))))
    (verdict,) = [row for row in rows if row["model"] == "all"]
    assert (verdict["confident"], verdict["not_normal"]) == ("no", "no")
    assert verdict["reason"] == diagnosis.verdict.reason
    measured = {row["measurement"]: row for row in rows if row["measurement"]}
    assert set(measured) == set(diagnosis.measurements)
    rate = diagnosis.measurements["heart_rate_bpm"]
    assert float(measured["heart_rate_bpm"]["value"]) == pytest.approx(rate.value, rel=1e-4)
    assert measured["heart_rate_bpm"]["unit"] == "bpm"
    assert measured["r_mv_V5"]["lead"] == "V5"


def test_csv_lets_no_file_name_become_a_formula(read_sheet):
    name = '=HYPERLINK("http://example.org")'
    (row, *_) = csv.DictReader(io.StringIO(json_and_csv.to_csv(read_sheet, name)))
    assert row["file"] == f"'{name}"


def test_csv_of_a_refusal_is_not_written():
    with pytest.raises(ValueError, match="refused"):
        json_and_csv.to_csv(diagnose(b"no picture"), "x")


def test_diagnosis_without_an_end_is_not_reported():
    with pytest.raises(ValueError, match="neither"):
        json_and_csv.to_json_object(Diagnosis(), "x")
