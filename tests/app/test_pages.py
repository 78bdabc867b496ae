"""Every page as its visitor meets it, run by Streamlit without a browser."""

import io
import json
import shutil
import tomllib
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from app_pages import open_page, texts, write_predictions
from fakes import CLASSES, install
from paths import ROOT
from streamlit.testing.v1 import AppTest

from ecgapp.datasets import user_data
from ecgapp.ecg import DISCLAIMER, LAYOUTS, RHYTHM_STRIP
from ecgapp.evaluation import cards
from ecgapp.evaluation.calibration import JudgedVerdicts, write_verdicts
from ecgapp.evaluation.predictions import read_predictions
from ecgapp.explain import evidence
from ecgapp.inference import shipped_models
from ecgapp.inference.verdict import shipped_rule
from ecgapp.io import pages
from ecgapp.io.weights import write_checksums
from ecgapp.synthesis.draw import draw_sheet
from ecgapp.synthesis.samples import SAMPLES, draw_sample
from ecgapp.synthesis.simulate import PatientModel, simulate


@pytest.fixture
def _fake_models(monkeypatch):
    install(monkeypatch)


def upload(data: bytes, name: str = "sheet.jpg") -> AppTest:
    page = open_page(ROOT / "app.py")
    page.file_uploader[0].upload(name, data).run()
    assert not page.exception
    return page


def test_app_opens_on_the_diagnose_page():
    page = open_page(ROOT / "app.py")
    assert not page.exception
    assert page.title[0].value == "Read an ECG sheet"
    assert "20 MB" in page.file_uploader[0].label


@pytest.mark.parametrize("name", ["diagnose", "evaluation", "about"])
def test_every_page_says_that_it_is_no_medical_device(name):
    page = open_page(ROOT / "pages" / f"{name}.py")
    assert not page.exception
    assert DISCLAIMER in texts(page)


def test_evidence_is_found_when_asked_for_and_once_a_reading(monkeypatch):
    asked = []
    explain_it = evidence.explain
    monkeypatch.setattr(evidence, "explain", lambda reading: asked.append(1) or explain_it(reading))
    page = open_page(ROOT / "app.py")
    page.pills(key="sample").set_value("Fast heart rate").run()
    assert not asked
    assert "nearest:" not in texts(page)
    page.toggle[0].set_value(True).run()
    assert not page.exception
    shown = texts(page)
    assert "rank correlation" in shown
    assert "5 nearest: " in shown
    page.radio(key="evidence_method").set_value("Integrated gradients").run()
    assert len(asked) == 1
    # What was asked for one file is not done for the next.
    page.pills(key="sample").set_value("Normal rhythm").run()
    assert not page.exception
    assert not page.toggle[0].value
    assert len(asked) == 1


@pytest.mark.usefixtures("_fake_models")
def test_every_sample_is_read_to_a_verdict():
    page = open_page(ROOT / "app.py")
    for sample in SAMPLES:
        page.pills(key="sample").set_value(sample).run()
        assert not page.exception
        shown = texts(page)
        assert "Myocardial infarction" in shown
        assert SAMPLES[sample].description in shown
        assert "CNN alone: **Myocardial infarction**, 90%" in shown
        assert "CRNN alone: **Myocardial infarction**, 70%" in shown


@pytest.fixture(scope="module")
def read_upload():
    """One upload, read, that tests look at and leave as it is."""
    with pytest.MonkeyPatch.context() as patch:
        install(patch)
        return upload(draw_sample("Normal rhythm"))


def test_uploaded_sheet_shows_everything_that_was_read(read_upload):
    page = read_upload
    shown = texts(page)
    assert "2213 x 1572" in shown
    assert "3x4 layout with rhythm strip" in shown
    assert not page.error
    assert {expander.label for expander in page.expander} >= {
        "Grayscale sheet",
        "The twelve leads by name",
        "Rhythm strip",
        "Preprocessed leads: what the models see",
        "Measurements",
    }
    downloads = {button.proto.label for button in page.get("download_button")}
    assert downloads == {"Download JSON", "Download CSV", "Download PDF"}


def test_first_check_is_that_of_the_dimensions(read_upload):
    html = [element.proto.body for element in read_upload.get("html")]
    checks = next(body for body in html if "Dimensions" in body)
    assert checks.index("Dimensions") < checks.index("Decoding") < checks.index("Finding the leads")


@pytest.mark.usefixtures("_fake_models")
def test_doubtful_verdict_says_why(monkeypatch):
    install(
        monkeypatch,
        cnn=[0.8, 0.1, 0.05, 0.05],
        crnn=[0.1, 0.1, 0.1, 0.7],
        twelve_lead=[0.3, 0.2, 0.2, 0.3],
    )
    shown = texts(upload(draw_sample("Normal rhythm")))
    assert "Not confident" in shown
    assert "disagree" in shown
    assert "Not to be ruled out: **normal or history of infarction** (at 90% coverage)" in shown


@pytest.mark.parametrize(
    "data",
    [b"", b"These are words and no picture.", draw_sample("Normal rhythm")[:20_000]],
    ids=["empty", "text", "cut off"],
)
def test_bad_file_is_refused_in_plain_words(data):
    page = upload(data)
    assert "This file was not read." in page.error[0].value
    assert not page.get("download_button")
    assert "read most like" not in texts(page)


def test_name_of_an_upload_is_never_taken_for_markup():
    page = upload(b"no picture", name="<img src=x onerror=alert(1)>.jpg")
    assert "<img" not in texts(page)


@pytest.mark.usefixtures("_fake_models")
def test_sample_takes_over_from_an_upload_and_gives_back():
    page = upload(b"no picture")
    assert page.error
    page.pills(key="sample").set_value("Fast heart rate").run()
    assert not page.error
    page.pills(key="sample").set_value(None).run()
    assert page.error


@pytest.mark.usefixtures("read_upload")
def test_visitor_never_sees_another_visitors_sheet():
    other = open_page(ROOT / "app.py")
    assert "read most like" not in texts(other)
    assert "read_diagnosis" not in other.session_state


def test_missing_models_are_said_plainly(monkeypatch):
    def fail():
        raise shipped_models.ModelError("model cnn: its files cannot be read")

    monkeypatch.setattr(shipped_models, "load_models", fail)
    page = upload(draw_sample("Normal rhythm"))
    assert "This installation is incomplete" in page.error[0].value


def test_upload_limits_of_page_and_intake_agree():
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))
    assert config["server"]["maxUploadSize"] * 10**6 == user_data.MAX_ARCHIVE_BYTES
    diagnose_page = open_page(ROOT / "app.py")
    limit_mb = diagnose_page.file_uploader[0].proto.max_upload_size_mb
    assert limit_mb * 10**6 == pages.MAX_UPLOAD_BYTES
    assert config["browser"]["gatherUsageStats"] is False


@pytest.fixture
def installation(tmp_path):
    """Lay out a copy of the Evaluation page with a models folder of its own."""
    (tmp_path / "pages").mkdir()
    shutil.copy(ROOT / "pages" / "evaluation.py", tmp_path / "pages")
    return tmp_path


def write_history(folder: Path, validated: bool = True) -> None:
    rows = [
        f"fold{fold},{epoch},{1 / epoch},{1 - 0.5 / epoch},"
        + (f"{1.1 / epoch},{1 - 0.6 / epoch}" if validated else ",")
        for fold in range(5)
        for epoch in range(1, 8 + fold)
    ]
    header = "run,epoch,loss,accuracy,val_loss,val_accuracy"
    final = "final_9_epochs,1,0.9,0.5,,"
    (folder / "history.csv").write_text("\n".join([header, *rows, final]) + "\n")


def write_verdict(models: Path, of: str) -> None:
    """Write the verdict as one model's sum over the leads; sheets from 20 on are confident."""
    sheets = read_predictions(models / of / "predictions.csv").by_sheet()
    confident = np.arange(len(sheets)) >= 20
    in_set = np.eye(len(CLASSES), dtype=bool)[sheets.predicted]
    write_verdicts(models / "verdict_predictions.csv", JudgedVerdicts(sheets, confident, in_set))
    temperatures = {name: {str(fold): 0.5 for fold in range(5)} for name in ("cnn", "crnn")}
    rule = shipped_rule()
    (models / "verdict.json").write_text(
        json.dumps(asdict(replace(rule, fold_temperatures=temperatures)))
    )
    write_checksums(models)


def test_evaluation_says_when_there_is_nothing_to_show(installation):
    page = open_page(installation / "pages" / "evaluation.py")
    assert not page.exception
    assert "no figures to show" in page.info[0].value


def test_evaluation_shows_figures_with_protocol_and_number(installation):
    for name in ("cnn", "crnn"):
        write_predictions(installation / "models" / name)
        write_history(installation / "models" / name)
    write_verdict(installation / "models", of="cnn")
    page = open_page(installation / "pages" / "evaluation.py")
    assert not page.exception
    shown = texts(page)
    assert "n = 40 sheets of 20 sessions" in shown
    assert "five folds" in shown
    assert [metric.label for metric in page.metric] == [
        "Accuracy (95% interval)",
        "Macro-F1 (95% interval)",
        "Expected calibration error (95% interval)",
    ]
    assert {"CNN", "CRNN"} <= {heading.value for heading in page.subheader}
    # Two confusion matrices, reliability, accuracy over coverage, two curves a model.
    assert len(page.get("plotly_chart")) == 2 + 2 + 4
    page.segmented_control(key="model").set_value("CRNN").run()
    # Three confusion matrices, accuracy by lead, reliability, accuracy over coverage, two curves.
    assert len(page.get("plotly_chart")) == 4 + 2 + 2


def test_evaluation_of_3x4_alone_leaves_the_other_sheets_out(installation):
    write_predictions(installation / "models" / "cnn")
    page = open_page(installation / "pages" / "evaluation.py")
    page.segmented_control(key="sheets").set_value("3x4 sheets only").run()
    assert not page.exception
    assert "n = 30 sheets of 15 sessions" in texts(page)
    assert "history of the CNN is not installed" in texts(page)


def test_evaluation_says_how_many_verdicts_are_confident_and_right(installation):
    write_predictions(installation / "models" / "cnn")
    write_verdict(installation / "models", of="cnn")
    page = open_page(installation / "pages" / "evaluation.py")
    assert not page.exception
    by_label, by_verdict, sets = (table.value for table in page.table[1:4])
    assert by_label.iloc[-1]["n"] == by_verdict.iloc[-1]["n"] == sets.iloc[-1]["n"] == "40"
    assert by_label.iloc[-1]["n confident"] == "20"
    assert by_label.iloc[-1]["Confident"].startswith("50% (")
    assert sets["Classes in a set"].tolist() == ["1.0"] * 5
    assert "the 20 verdicts called confident" in texts(page)
    sizes = page.table[4].value
    assert sizes["Sheets in a session"].tolist() == ["2"]
    assert "n = 40 sheets of the 20 sessions that carry several labels" in texts(page)
    page.segmented_control(key="sheets").set_value("3x4 sheets only").run()
    assert page.table[1].value.iloc[-1]["n"] == "30"
    # A single model is not what is called confident.
    page.segmented_control(key="model").set_value("CNN").run()
    assert not page.exception
    assert "called confident" not in texts(page)


@pytest.mark.parametrize("validated", [True, False])
def test_evaluation_says_how_the_number_of_epochs_was_chosen(installation, validated):
    write_predictions(installation / "models" / "cnn")
    write_history(installation / "models" / "cnn", validated)
    shown = texts(open_page(installation / "pages" / "evaluation.py"))
    assert ("choose the epoch" in shown) is validated
    assert ("fixed beforehand" in shown) is not validated


def test_about_is_shown_without_cards(monkeypatch, tmp_path):
    monkeypatch.setattr(cards, "MODELS_FOLDER", tmp_path)
    page = open_page(ROOT / "pages" / "about.py")
    assert not page.exception
    assert "This card is not installed." in texts(page)


def test_evaluation_shows_the_lead_that_was_chosen(installation):
    write_predictions(installation / "models" / "crnn")
    page = open_page(installation / "pages" / "evaluation.py")
    page.selectbox(key="lead").set_value(RHYTHM_STRIP).run()
    assert not page.exception


@pytest.mark.usefixtures("_fake_models")
def test_what_was_found_can_be_corrected_and_the_correction_undone():
    drawn = draw_sheet(simulate(PatientModel()), LAYOUTS["3x4"], ("II",))
    file = io.BytesIO()
    drawn.image.save(file, "PNG", compress_level=1)
    page = upload(file.getvalue())
    assert not page.exception
    assert "3x4 layout with rhythm strip" in texts(page)
    next(box for box in page.selectbox if box.label == "Layout").set_value("6x2")
    next(button for button in page.button if button.label == "Read again").click().run()
    assert not page.exception
    assert page.session_state.correction.layout_name == "6x2"
    assert "3x4 layout" not in texts(page)
    next(button for button in page.button if button.label == "Undo the correction").click().run()
    assert page.session_state.correction is None
    assert "3x4 layout with rhythm strip" in texts(page)
