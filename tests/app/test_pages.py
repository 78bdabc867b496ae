"""Every page as its visitor meets it, run by Streamlit without a browser."""

import gc
import io
import json
import shutil
import tomllib
import weakref
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from app_pages import open_page, texts, write_predictions
from doubtful_sheet import doubtful_sheet
from fakes import CLASSES, install
from paths import ROOT
from streamlit.testing.v1 import AppTest

from ecgapp.datasets import user_data
from ecgapp.ecg import DISCLAIMER, LAYOUTS, RHYTHM_STRIP
from ecgapp.errors import Refusal
from ecgapp.evaluation import cards, out_of_fold
from ecgapp.evaluation.calibration import JudgedVerdicts, write_verdicts
from ecgapp.evaluation.predictions import read_predictions
from ecgapp.explain import evidence
from ecgapp.inference import shipped_models
from ecgapp.inference.verdict import shipped_rule
from ecgapp.io import pages
from ecgapp.io.installed import MODELS_VARIABLE
from ecgapp.io.weights import write_checksums
from ecgapp.measure.finding import Finding
from ecgapp.service import readings
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


def choose_sample(page: AppTest, name: str) -> None:
    page.pills[0].set_value(name).run()
    assert not page.exception


def show_tab(page: AppTest, name: str) -> None:
    page.session_state["more"] = name
    page.run()
    assert not page.exception


def names(page: AppTest) -> list[str]:
    return [reading.name for reading in page.session_state["readings"].all]


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
    choose_sample(page, "Fast heart rate")
    assert not asked
    assert "nearest:" not in texts(page)
    show_tab(page, "Evidence")
    assert not asked
    page.button(key="evidence").click().run()
    assert not page.exception
    shown = texts(page)
    assert "rank correlation" in shown
    assert "5 nearest: " in shown
    assert "evidence" not in [button.key for button in page.button]
    page.radio(key="evidence_method").set_value("Integrated gradients").run()
    assert len(asked) == 1
    # What was asked for one file is not done for the next.
    choose_sample(page, "Normal rhythm")
    assert len(asked) == 1
    assert "rank correlation" not in texts(page)


@pytest.mark.usefixtures("_fake_models")
def test_every_sample_is_read_to_a_verdict():
    page = open_page(ROOT / "app.py")
    show_tab(page, "Technical")
    for sample in SAMPLES:
        choose_sample(page, sample)
        shown = texts(page)
        assert "Myocardial infarction" in shown
        assert SAMPLES[sample].description in shown
        assert "CNN alone: **Myocardial infarction**, 90%" in shown
        assert "CRNN alone: **Myocardial infarction**, 70%" in shown
    assert len(page.session_state["readings"].all) == len(SAMPLES)


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
    headings = [subheader.value for subheader in page.subheader]
    assert headings.index("Measurements") < headings.index("Probability of each class")
    assert {expander.label for expander in page.expander} >= {
        "Correct what was found",
        "The leads by name",
        "Measurements lead by lead",
    }
    # What is folded away is not made: the sheet alone is a picture.
    assert not page.get("image")
    assert "sheet_view" in {view.proto.component_name for view in page.get("bidi_component")}
    assert not page.get("plotly_chart")
    downloads = {button.proto.label for button in page.get("download_button")}
    assert downloads == {f"Download {kind}" for kind in ("PDF", "JSON", "CSV", "WFDB")}


def test_what_folds_away_is_made_when_it_is_opened():
    page = open_page(ROOT / "app.py")
    choose_sample(page, "Normal rhythm")
    for key in ("leads_open", "values_open"):
        page.session_state[key] = True
    page.run()
    assert not page.exception
    assert len(page.get("image")) == 13
    show_tab(page, "Technical")
    assert not page.get("image")
    for key in ("gray_open", "seen_open"):
        page.session_state[key] = True
    page.run()
    assert not page.exception
    assert len(page.get("image")) == 1 + 13
    assert all(image.alt for images in page.get("image") for image in images.proto.imgs)


def test_checks_take_one_line_while_they_pass_and_stand_in_order_when_asked_for(read_upload):
    html = [element.proto.body for element in read_upload.get("html")]
    assert sum("All checks passed" in body for body in html) == 1
    assert not any("Decoding" in body for body in html)
    page = open_page(ROOT / "app.py")
    choose_sample(page, "Normal rhythm")
    show_tab(page, "Technical")
    checks = next(e.proto.body for e in page.get("html") if "Dimensions" in e.proto.body)
    assert checks.index("Dimensions") < checks.index("Decoding") < checks.index("Finding the leads")


@pytest.mark.usefixtures("_fake_models")
def test_formats_of_hospital_systems_are_offered_when_asked_for():
    page = upload(draw_sample("Normal rhythm"))
    page.session_state["exports"] = True
    page.run()
    assert not page.exception
    downloads = {button.proto.label for button in page.get("download_button")}
    assert {"Download FHIR", "Download DICOM"} <= downloads
    page.session_state["exports"] = True
    page.text_input[1].set_value("Doe^Jo").run()
    assert "number beside it." in texts(page)
    page.session_state["exports"] = True
    page.text_input[0].set_value("4711").run()
    assert not page.exception
    assert "The patient was not taken." not in texts(page)


@pytest.mark.usefixtures("_fake_models")
def test_a_reading_can_be_hidden_until_it_is_asked_for():
    page = open_page(ROOT / "app.py")
    page.toggle(key="hidden_first").set_value(True).run()
    choose_sample(page, "Normal rhythm")
    assert "Myocardial infarction" not in texts(page)
    assert len(page.get("image")) == 1
    assert not page.get("download_button")
    next(one for one in page.button if one.label == "Reveal the reading").click().run()
    assert not page.exception
    assert "Myocardial infarction" in texts(page)
    # The next sheet is hidden again.
    choose_sample(page, "Fast heart rate")
    assert "Myocardial infarction" not in texts(page)


@pytest.mark.usefixtures("_fake_models")
def test_doubtful_verdict_says_why(monkeypatch):
    install(
        monkeypatch,
        cnn=[0.8, 0.1, 0.05, 0.05],
        crnn=[0.1, 0.1, 0.1, 0.7],
        twelve_lead=[0.3, 0.2, 0.2, 0.3],
    )
    shown = texts(upload(draw_sample("Normal rhythm")))
    assert "disagree" in shown
    assert "Not to be ruled out: normal or history of infarction (at 90% coverage)" in shown
    # The classes that are still possible, in a neutral colour, are the headline.
    assert ">Normal or history of infarction</h2>" in shown
    assert "Confident:" not in shown


@pytest.mark.parametrize(
    "data",
    [b"", b"These are words and no picture.", draw_sample("Normal rhythm")[:20_000]],
    ids=["empty", "text", "cut off"],
)
def test_bad_file_is_refused_in_plain_words(data):
    page = upload(data)
    assert "This file was not read." in texts(page)
    assert "Reason code" in texts(page)
    assert not page.get("download_button")
    assert "Probability of each class" not in texts(page)


def test_name_of_an_upload_is_never_taken_for_markup():
    page = upload(b"no picture", name="<img src=x onerror=alert(1)>.jpg")
    assert "<img" not in texts(page)


def test_text_from_a_file_is_never_markdown(monkeypatch):
    said = "Its unit is ![x](https://other.example/x.png) and [sign in](https://other.example)."

    def refuse(data):
        raise Refusal("bad_unit", "Decoding", said)

    monkeypatch.setattr("ecgapp.pipeline.read_waveform", refuse)
    page = upload(draw_sample("Normal rhythm"), name="![y](https://other.example/y.png)")
    page.session_state["intake_open"] = True
    page.run()
    markdown = [*page.markdown, *page.caption, *page.error, *page.warning, *page.info]
    assert not any("other.example" in part.value for part in markdown)
    assert not any("other.example" in button.label for button in page.button)
    assert "other.example/x.png" in texts(page)


@pytest.mark.usefixtures("_fake_models")
class TestReadingsOfASession:
    @pytest.fixture
    def page(self):
        page = upload(b"no picture", name="words.jpg")
        choose_sample(page, "Fast heart rate")
        return page

    def test_newest_is_shown_and_the_others_are_listed(self, page):
        assert names(page) == ["Sample: Fast heart rate", "words.jpg"]
        assert "This file was not read." not in texts(page)
        page.session_state["intake_open"] = True
        page.run()
        page.button(key=f"open_{page.session_state['readings'].all[1].sha256}").click().run()
        assert not page.exception
        assert "This file was not read." in texts(page)

    def test_next_and_previous_lead_through_them(self, page):
        next(button for button in page.button if button.label == "Next").click().run()
        assert "This file was not read." in texts(page)
        next(button for button in page.button if button.label == "Previous").click().run()
        assert "This file was not read." not in texts(page)

    def test_one_or_all_can_be_cleared(self, page):
        page.button(key="clear_shown").click().run()
        assert names(page) == ["words.jpg"]
        choose_sample(page, "Normal rhythm")
        page.session_state["intake_open"] = True
        page.run()
        page.button(key="clear_all").click().run()
        assert not page.exception
        assert names(page) == []
        assert "What happens to a sheet" in texts(page)

    def test_it_is_kept_over_a_page_switch(self, page):
        page.switch_page("pages/about.py").run()
        page.switch_page("pages/diagnose.py").run()
        assert not page.exception
        assert names(page) == ["Sample: Fast heart rate", "words.jpg"]
        assert "Probability of each class" in texts(page) + str(page.subheader)

    def test_several_files_are_read_at_once(self):
        page = open_page(ROOT / "app.py")
        page.file_uploader[0].set_value(
            [("a.jpg", draw_sample("Normal rhythm"), None), ("b.jpg", b"words", None)]
        ).run()
        assert not page.exception
        assert names(page) == ["a.jpg", "b.jpg"]
        assert page.session_state["readings"].shown.name == "a.jpg"
        assert all(reading.summary for reading in page.session_state["readings"].all)

    def test_what_is_let_go_of_stays_with_nobody_and_is_read_again(self):
        page = open_page(ROOT / "app.py")
        choose_sample(page, "Normal rhythm")
        reading = page.session_state["readings"].shown
        read, held = reading.read_at, weakref.ref(reading.diagnosis)
        reading.forget()
        gc.collect()
        assert held() is None
        show_tab(page, "Technical")
        assert reading.diagnosis is not None
        assert reading.read_at == read
        assert "Each network alone" in [one.value for one in page.subheader]

    def test_too_many_bytes_are_refused_in_a_sentence(self, page, monkeypatch):
        monkeypatch.setattr(readings, "MAX_TOTAL_BYTES", 1000)
        choose_sample(page, "Normal rhythm")
        assert "With this file the session would hold" in texts(page)
        assert names(page) == ["Sample: Fast heart rate", "words.jpg"]


def test_measured_finding_takes_the_place_of_normal(monkeypatch):
    install(monkeypatch, *([[0.94, 0.02, 0.02, 0.02]] * 3))
    finding = Finding("ST_ELEVATION", "ST is raised.", ("V2", "V3"), 0.3, "mV", 0.2, "")
    read = readings.diagnose
    monkeypatch.setattr(
        readings, "diagnose", lambda *given: replace(read(*given), findings=(finding,))
    )
    shown = texts(upload(draw_sample("Normal rhythm")))
    assert ">ST is raised.</h2>" in shown
    assert ">Normal</h2>" not in shown
    assert "most like normal (" in shown


@pytest.mark.usefixtures("read_upload")
def test_visitor_never_sees_another_visitors_sheet():
    other = open_page(ROOT / "app.py")
    assert "Probability of each class" not in [part.value for part in other.subheader]
    assert not other.session_state["readings"].all


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
def models(tmp_path, monkeypatch):
    """A models folder of its own, as ``ecgapp app --models`` names one; still empty."""
    folder = tmp_path / "models"
    monkeypatch.setenv(MODELS_VARIABLE, str(folder))
    return folder


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


def test_evaluation_says_when_there_is_nothing_to_show(models):
    page = open_page(ROOT / "pages" / "evaluation.py")
    assert not page.exception
    assert "no figures to show" in page.info[0].value


def test_evaluation_shows_figures_with_protocol_and_number(models):
    for name in ("cnn", "crnn"):
        write_predictions(models / name)
        write_history(models / name)
    write_verdict(models, of="cnn")
    page = open_page(ROOT / "pages" / "evaluation.py")
    assert not page.exception
    shown = texts(page)
    assert "n = 40 sheets of 20 sessions" in shown
    # The protocol, of the whole tab, is said once.
    assert shown.count(out_of_fold.PROTOCOL) == 1
    assert [metric.label for metric in page.metric] == [
        "Accuracy (95% interval)",
        "Macro-F1 (95% interval)",
    ]
    # What is behind another tab is not made.
    assert not page.get("plotly_chart")
    labels = [button.proto.label for button in page.get("download_button")]
    assert labels == ["CSV", "SVG", "CSV"]
    show_figures(page, "Certainty")
    assert [metric.label for metric in page.metric] == ["Expected calibration error (95% interval)"]
    assert texts(page).count(out_of_fold.PROTOCOL) == 1
    # Reliability, accuracy over coverage.
    assert len(page.get("plotly_chart")) == 2
    show_figures(page, "Training")
    assert {"CNN", "CRNN"} <= {heading.value for heading in page.subheader}
    assert len(page.get("plotly_chart")) == 4
    page.segmented_control(key="model").set_value("CRNN").run()
    assert len(page.get("plotly_chart")) == 2
    show_figures(page, "Leads")
    assert len(page.get("plotly_chart")) == 1
    assert texts(page).count(out_of_fold.PROTOCOL) == 1


def show_figures(page: AppTest, tab: str) -> None:
    page.session_state["figures"] = tab
    page.run()
    assert not page.exception


def test_a_table_shows_more_than_99_percent_as_it_is():
    def page() -> None:
        from pages.shared.figures import show_table

        show_table([{"Found": ">99% (99\u2013100)"}], "found")

    shown = AppTest.from_function(page).run()
    # Markdown takes the bare sign for a quotation.
    assert shown.table[0].value["Found"][0].startswith("\\>99%")


def test_evaluation_shows_every_source_of_other_collections(models):
    write_predictions(models / "cnn")
    page = open_page(ROOT / "pages" / "evaluation.py")
    show_figures(page, "Sources")
    assert "are missing" in page.info[0].value
    (models / "statements").mkdir()
    sources = ROOT / "models" / "statements" / "sources.json"
    shutil.copy(sources, models / "statements")
    page.run()
    assert not page.exception
    by_source = page.table[0].value
    assert "LUDB" in by_source["Source"].tolist()
    page.selectbox(key="source").set_value("LUDB").run()
    assert "NORM" in page.table[1].value["Statement"].tolist()


def test_evaluation_draws_curves_and_shows_how_findings_agree(models):
    write_predictions(models / "cnn")
    page = open_page(ROOT / "pages" / "evaluation.py")
    show_figures(page, "Curves")
    assert len(page.get("plotly_chart")) == 2
    assert "Found at 97% specificity" in page.table[0].value
    show_figures(page, "Findings")
    assert "not installed" in page.info[0].value
    (models / "statements").mkdir()
    shutil.copy(ROOT / "models" / "statements" / "drawn.csv", models / "statements")
    (models / "study").mkdir()
    shutil.copy(ROOT / "models" / "study" / "findings.json", models / "study")
    show_figures(page, "Curves")
    page.selectbox(key="curve_statement").set_value("AFIB").run()
    assert not page.exception
    assert len(page.get("plotly_chart")) == 4
    assert "LUDB" in page.table[1].value[""].tolist()
    show_figures(page, "Findings")
    page.selectbox(key="findings_source").set_value("LUDB").run()
    assert "irregular rhythm" in page.table[0].value["Finding"].tolist()
    assert "the right and the left arm" in page.table[2].value["Exchanged"].tolist()


def test_evaluation_of_3x4_alone_leaves_the_other_sheets_out(models):
    write_predictions(models / "cnn")
    page = open_page(ROOT / "pages" / "evaluation.py")
    page.segmented_control(key="sheets").set_value("3x4 sheets only").run()
    assert not page.exception
    assert "n = 30 sheets of 15 sessions" in texts(page)
    show_figures(page, "Training")
    assert "history of the CNN is not installed" in texts(page)


def test_evaluation_says_how_many_verdicts_are_confident_and_right(models):
    write_predictions(models / "cnn")
    write_verdict(models, of="cnn")
    page = open_page(ROOT / "pages" / "evaluation.py")
    assert not page.exception
    show_figures(page, "Certainty")
    by_label, by_verdict, sets = (table.value for table in page.table[:3])
    assert by_label.iloc[-1]["n"] == by_verdict.iloc[-1]["n"] == sets.iloc[-1]["n"] == "40"
    assert by_label.iloc[-1]["n confident"] == "20"
    assert by_label.iloc[-1]["Confident"].startswith("50% (")
    assert sets["Classes in a set"].tolist() == ["1.0"] * 5
    assert "the 20 verdicts called confident" in texts(page)
    show_figures(page, "Errors")
    assert page.table[0].value["Sheets in a session"].tolist() == ["2"]
    assert "n = 40 sheets of the 20 sessions that carry several labels" in texts(page)
    show_figures(page, "Certainty")
    page.segmented_control(key="sheets").set_value("3x4 sheets only").run()
    assert page.table[0].value.iloc[-1]["n"] == "30"
    # A single model is not what is called confident.
    page.segmented_control(key="model").set_value("CNN").run()
    assert not page.exception
    assert "called confident" not in texts(page)


@pytest.mark.parametrize("validated", [True, False])
def test_evaluation_says_how_the_number_of_epochs_was_chosen(models, validated):
    write_predictions(models / "cnn")
    write_history(models / "cnn", validated)
    page = open_page(ROOT / "pages" / "evaluation.py")
    show_figures(page, "Training")
    shown = texts(page)
    assert ("choose the epoch" in shown) is validated
    assert ("fixed beforehand" in shown) is not validated


def test_about_is_shown_without_cards(monkeypatch, tmp_path):
    monkeypatch.setattr(cards, "MODELS_FOLDER", tmp_path)
    page = open_page(ROOT / "pages" / "about.py")
    assert not page.exception
    assert "This card is not installed." in texts(page)


def test_evaluation_shows_the_lead_that_was_chosen(models):
    write_predictions(models / "crnn")
    page = open_page(ROOT / "pages" / "evaluation.py")
    show_figures(page, "Leads")
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
    page.session_state["correct_open"] = True
    page.run()
    next(box for box in page.selectbox if box.label == "Layout").set_value("6x2")
    next(button for button in page.button if button.label == "Read again").click().run()
    assert not page.exception
    assert page.session_state["readings"].shown.correction.layout_name == "6x2"
    assert "3x4 layout" not in texts(page)
    next(button for button in page.button if button.label == "Undo the correction").click().run()
    assert page.session_state["readings"].shown.correction is None
    assert "3x4 layout with rhythm strip" in texts(page)


@pytest.mark.usefixtures("_fake_models")
def test_doubtful_layout_is_asked_for_and_a_click_reads_on():
    page = upload(doubtful_sheet(), "doubtful.png")
    assert "Is this how it is printed?" in [part.value for part in page.subheader]
    assert "Probability of each class" not in [part.value for part in page.subheader]
    page.button(key="printed_as_3x4-cabrera").click().run()
    assert not page.exception
    assert "Probability of each class" in [part.value for part in page.subheader]
    assert "Set by hand: layout 3x4-cabrera." in texts(page)


@pytest.mark.usefixtures("_fake_models")
def test_other_pages_of_a_document_are_offered_and_read_at_a_click():
    first = draw_sheet(simulate(PatientModel()), LAYOUTS["3x4"], ("II",)).image
    second = draw_sheet(simulate(PatientModel()), LAYOUTS["6x2"], ("II",)).image
    file = io.BytesIO()
    first.save(file, "TIFF", compression="tiff_lzw", save_all=True, append_images=[second])
    page = upload(file.getvalue(), "two.tif")
    (offered,) = [pills for pills in page.pills if "was read" in pills.label]
    assert offered.label == "Page 1 of 2 was read; page 2 not, though a sheet is there too."
    assert offered.options == ["Page 1: shown here", "Page 2: a sheet"]
    offered.set_value(2).run()
    assert not page.exception
    assert page.session_state["readings"].shown.diagnosis.page.number == 2
    assert "6x2 layout with rhythm strip" in texts(page)
    assert "Set by hand: page 2." in texts(page)
