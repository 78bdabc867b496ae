"""The pages of the study, run by Streamlit without a browser, on files made here."""

import io
import json
import zipfile

import pytest
import streamlit as st
import study_results
from app_pages import open_page, texts, write_predictions
from fakes import install
from paths import ROOT
from streamlit.testing.v1 import AppTest

from ecgapp.datasets import user_data
from ecgapp.datasets.audit import audit
from ecgapp.ecg import DISCLAIMER, RHYTHM_STRIP
from ecgapp.evaluation import published
from ecgapp.inference import shipped_models
from ecgapp.io.installed import MODELS_VARIABLE
from ecgapp.synthesis.samples import SAMPLES, draw_sample

PAGES = ("compare", "dataset", "lead_lab", "evaluate_your_own")
NORMAL = draw_sample("Normal rhythm")
FAST = draw_sample("Fast heart rate")


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A models folder of its own, as ``ecgapp app --models`` names one; still empty."""
    folder = tmp_path / "models"
    monkeypatch.setenv(MODELS_VARIABLE, str(folder))
    return folder


def opened(name: str) -> AppTest:
    page = open_page(ROOT / "pages" / f"{name}.py")
    assert not page.exception
    return page


def shown_tables(page: AppTest) -> str:
    return "\n".join(table.value.to_string() for table in [*page.table, *page.dataframe])


@pytest.mark.usefixtures("_fake_models")
@pytest.mark.parametrize("name", PAGES)
def test_bare_installation_shows_every_page_with_its_note(models, name):
    assert DISCLAIMER in texts(opened(name))


@pytest.fixture
def _fake_models(monkeypatch):
    install(monkeypatch)


class TestCompare:
    @pytest.fixture
    def page(self, models):
        study_results.write(models / "study" / "results.json")
        return opened("compare")

    def test_missing_results_are_said_plainly(self, models):
        page = opened("compare")
        assert "results.json) are not installed" in page.info[0].value
        assert not page.get("plotly_chart")

    def test_damaged_results_are_said_plainly(self, models):
        study_results.write(models / "study" / "results.json", [{}])
        page = opened("compare")
        assert "cannot be shown" in page.error[0].value

    def test_honest_protocol_comes_first_with_confounders_in_the_table(self, page):
        table = page.dataframe[0].value
        assert table["Model"].tolist() == [
            "2-D CNN on thirteen leads",
            "Support vector machine",
            "Check: Layout alone",
        ]
        assert table["Accuracy (95%)"][0] == "72% (68\u201375)"
        assert table["3x4 alone: accuracy"][2] == "\u2013"
        assert table["Published"][0] == "98% (5 classes)"
        assert not page.warning
        assert "80/10/10 at random" in texts(page)
        assert "whole recording sessions" in texts(page)

    def test_gap_table_sets_published_leaky_and_honest_side_by_side(self, page):
        rows = {row["Model"]: row for row in page.table[0].value.to_dict("records")}
        row = rows["2-D CNN on thirteen leads"]
        assert row["Published"] == "98% (5 classes)"
        assert row["Ours, leaky"].startswith("96%")
        assert row["Ours, honest"].startswith("72%")
        assert row["Lost"] == "24 points"
        assert "Vision transformer on the page (shortened schedule)" in rows
        assert rows["Check: Layout alone"]["Lost"] == "\u2013"

    def test_leaky_figures_are_called_leaky(self, page):
        page.segmented_control(key="protocol").set_value("random").run()
        assert not page.exception
        assert "These figures are leaky" in page.warning[0].value
        assert all("(leaky)" in model for model in page.dataframe[0].value["Model"])
        assert "Trained for 3 epochs of 35." in texts(page)
        assert "100 (60)" in page.dataframe[0].value["Tested (different)"].tolist()

    def test_other_figures_and_sheets_can_be_chosen(self, page):
        page.segmented_control(key="sheets").set_value("3x4 sheets only").run()
        page.segmented_control(key="figure").set_value("Macro-F1").run()
        assert not page.exception
        assert len(page.get("plotly_chart")) == 2

    def test_one_model_is_shown_class_by_class(self, page):
        page.selectbox(key="model").select_index(1).run()
        assert not page.exception
        figures = page.table[1].value
        assert figures["MI"].tolist()[:2] == ["25", "\u2013"]


class TestDataset:
    @pytest.fixture
    def page(self, models, tmp_path):
        sheets = tmp_path / "data" / "sheets"
        for name, data in {"normal/1": NORMAL, "mi/2": FAST, "mi/3": FAST}.items():
            path = sheets / f"{name}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        (sheets.parent / "manifest.csv").write_text(
            "file,label,layout,session,fold,copies_in_v2\n"
            "normal/1.jpg,normal,edan_3x4,1,0,2\n"
            "mi/2.jpg,mi,edan_6x2,2,1,8\n"
            "mi/3.jpg,mi,other,2,1,\n"
        )
        shipped = models / "study" / "audit.json"
        shipped.parent.mkdir(parents=True)
        shipped.write_text(json.dumps(audit(sheets).to_dict()))
        return opened("dataset")

    def test_missing_audit_is_said_plainly_and_samples_are_drawn(self, models):
        page = opened("dataset")
        assert "audit.json) is not installed" in page.info[0].value
        assert len(page.get("image")) == len(SAMPLES)

    def test_audit_is_shown_with_plots_and_without_pictures_of_the_data(self, page):
        assert len(page.get("image")) == len(SAMPLES)
        assert len(page.get("plotly_chart")) == 5
        metrics = {metric.label: metric.value for metric in page.metric}
        assert metrics["Exact copies"] == "1"
        assert metrics["Leaks between folds"] == "0"
        shown = texts(page)
        assert "n = 3 sheets" in shown
        assert "10 files, but only 2 different images" in shown
        assert "2 recording sessions" in shown
        assert "8 times" in shown_tables(page)

    def test_audit_without_a_manifest_is_shown_too(self, models, tmp_path):
        folder = tmp_path / "plain" / "normal"
        folder.mkdir(parents=True)
        (folder / "1.jpg").write_bytes(NORMAL)
        shipped = models / "study" / "audit.json"
        shipped.parent.mkdir(parents=True)
        shipped.write_text(json.dumps(audit(folder.parent).to_dict()))
        page = opened("dataset")
        assert "no manifest" in texts(page)


@pytest.mark.skipif(
    not (ROOT / "models" / "study" / "results.json").exists(), reason="the study is not shipped yet"
)
def test_shipped_results_are_shown_under_every_protocol():
    page = opened("compare")
    assert not page.error
    runs = published.read_study(ROOT / "models" / "study" / "results.json")
    n_classes = min(len(run.classes) for run in runs)
    for protocol in {run.protocol for run in runs if len(run.classes) == n_classes}:
        page.segmented_control(key="protocol").set_value(protocol).run()
        assert not page.exception
        assert published.PROTOCOLS[protocol] in texts(page)


def test_shipped_audit_is_one_that_the_page_shows():
    page = opened("dataset")
    assert not page.info
    assert len(page.get("plotly_chart")) == 5


@pytest.mark.usefixtures("_fake_models")
class TestLeadLab:
    @pytest.fixture
    def page(self, models):
        for name in ("cnn", "crnn"):
            write_predictions(models / name)
        return opened("lead_lab")

    def test_missing_predictions_leave_the_steps(self, models):
        page = opened("lead_lab")
        assert "leads cannot be compared" in page.info[0].value
        assert "5. What a model sees, 150 x 150" in captions(page)

    def test_leads_and_rules_are_shown_with_number_for_the_chosen_model(self, page):
        # Said once, for all figures below.
        assert texts(page).count("n = 40 sheets of 20 sessions") == 1
        rules = page.table[0].value
        assert rules["Rule"].tolist() == ["Sum", "Vote", "Learned"]
        assert rules["Against the sum, points"][0] == "\u2013"
        # By class, alone, left out, weights.
        assert len(page.get("plotly_chart")) == 4
        page.segmented_control(key="lab_model").set_value("CNN").run()
        page.segmented_control(key="lab_sheets").set_value("3x4 sheets only").run()
        assert not page.exception
        assert "n = 30 sheets of 15 sessions" in texts(page)

    def test_sliders_change_the_steps(self, page):
        assert "sigma 1 px" in captions(page)
        page.slider(key="lab_sigma").set_value(3.0).run()
        page.toggle(key="lab_otsu").set_value(False).run()
        page.slider(key="lab_threshold").set_value(99).run()
        page.slider(key="lab_height").set_value(1.2).run()
        assert not page.exception
        assert "sigma 3 px" in captions(page)
        assert "up to grey level 99" in captions(page)
        assert "With the standard settings" in texts(page)

    def test_page_begins_with_the_steps_of_a_raised_st(self, page):
        headings = [header.value for header in page.header]
        assert headings[0] == "From paper to model, step by step"
        assert page.selectbox(key="lab_lead").value == "V3"
        assert "raised" in page.pills(key="lab_sample").value.lower()

    def test_settings_change_the_whole_verdict(self, page):
        assert "These are the standard settings." in texts(page)
        page.slider(key="lab_height").set_value(0.4).run()
        assert not page.exception
        assert "These settings" in texts(page)

    def test_rhythm_strip_of_an_uploaded_sheet_can_be_chosen(self, page):
        page.file_uploader[0].upload("sheet.jpg", NORMAL).run()
        page.selectbox(key="lab_lead").set_value(RHYTHM_STRIP).run()
        assert not page.exception

    def test_lead_that_a_new_sheet_lacks_is_let_go(self, page):
        page.selectbox(key="lab_lead").set_value("V6").run()
        page.pills(key="lab_sample").set_value("Irregular rhythm, six rows").run()
        assert not page.exception
        assert "part 2 of 2" in captions(page)

    def test_file_that_is_no_sheet_is_refused_in_plain_words(self, page):
        page.file_uploader[0].upload("x.jpg", b"words").run()
        assert "This file was not read." in texts(page)


def captions(page: AppTest) -> str:
    return "\n".join(image.caption for images in page.get("image") for image in images.proto.imgs)


def packed(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


@pytest.mark.usefixtures("_fake_models")
class TestEvaluateYourOwn:
    KEPT = ("own_archive", "own_report", "own_readings")
    FILES = {  # noqa: RUF012
        "train/mi/1.jpg": FAST,
        "test/mi/2.jpg": FAST,
        "test/normal/3.jpg": NORMAL,
        "normal/4.jpg": b"no picture",
        "covid_19/5.jpg": NORMAL,
    }

    def upload(self, data: bytes) -> AppTest:
        page = open_page(ROOT / "pages" / "evaluate_your_own.py")
        page.file_uploader[0].upload("sheets.zip", data).run()
        assert not page.exception
        return page

    def test_figures_findings_and_warnings(self):
        page = self.upload(packed(self.FILES))
        metrics = {metric.label: metric.value for metric in page.metric}
        assert metrics["Sheets read"] == "3"
        assert metrics["Sheets refused"] == "1"
        assert metrics["Files left out"] == "1"
        # One infarction (its copy is not counted) found, the normal sheet taken for one.
        assert metrics["Accuracy (95% interval)"].startswith("50%")
        said = " ".join(warning.value for warning in page.warning)
        assert "copies of each other" in said
        assert "tested on pictures that it knows" in said
        assert "covid_19 is no class" in shown_tables(page)
        labels = [b.proto.label for b in page.get("download_button")]
        assert "Download CSV, one row a file" in labels
        assert "Download a model card of your own" in labels
        assert not [button for button in page.button if button.key == "stop"]
        # Copies count when asked for.
        page.toggle(key="own_copies").set_value(True).run()
        metrics = {metric.label: metric.value for metric in page.metric}
        assert metrics["Accuracy (95% interval)"].startswith("67%")
        page.segmented_control(key="own_source").set_value("crnn").run()
        assert not page.exception

    def test_it_can_be_stopped_and_goes_on_where_it_stopped(self, monkeypatch):
        read = user_data.read_sheet
        seen = []

        def read_and_be_stopped(own, file):
            seen.append(file.path)
            if len(seen) == 2:
                # As a press of the button does: the flag is set, and the page starts again.
                st.session_state.own_stopped = True
                st.rerun()
            return read(own, file)

        monkeypatch.setattr(user_data, "read_sheet", read_and_be_stopped)
        page = self.upload(packed(self.FILES))
        assert "Stopped after 1 of 4 sheets" in page.warning[0].value
        assert {m.label: m.value for m in page.metric}["Sheets read"] == "1"
        page.button(key="go_on").click().run()
        assert not page.exception
        assert {m.label: m.value for m in page.metric}["Sheets read"] == "3"
        assert seen.count("train/mi/1.jpg") == 1

    @pytest.mark.parametrize("data", [b"words", packed({"cats/1.jpg": FAST})])
    def test_bad_archive_is_refused_in_plain_words(self, data):
        page = self.upload(data)
        assert "These files were not read." in texts(page)
        assert not page.metric

    def test_archive_without_a_readable_sheet(self):
        page = self.upload(packed({"mi/1.jpg": b"words"}))
        assert "None of the sheets could be read" in page.error[0].value

    def test_next_archive_takes_the_place_of_the_first_until_it_is_cleared(self):
        page = self.upload(packed(self.FILES))
        page.file_uploader[0].upload("b.zip", packed({"mi/1.jpg": FAST})).run()
        assert not page.exception
        assert {m.label: m.value for m in page.metric}["Sheets read"] == "1"
        page.button(key="own_clear").click().run()
        assert "own_archive" not in page.session_state
        assert not page.metric

    def test_results_outlive_a_visit_to_another_page(self):
        page = self.upload(packed(self.FILES))
        kept = {key: page.session_state[key] for key in self.KEPT}
        back = AppTest.from_file(str(ROOT / "pages" / "evaluate_your_own.py"), default_timeout=60)
        for key, value in {**kept, "routed": True}.items():
            back.session_state[key] = value
        back.run()
        assert {m.label: m.value for m in back.metric}["Sheets read"] == "3"

    def test_files_without_folders_take_their_labels_from_a_table(self):
        page = open_page(ROOT / "pages" / "evaluate_your_own.py")
        table = b"file;label\na.jpg;Myocardial infarction\nb.jpg;normal\n"
        uploader = page.file_uploader[0]
        uploader.set_value(
            [("a.jpg", FAST, None), ("b.jpg", NORMAL, None), ("labels.csv", table, None)]
        ).run()
        assert not page.exception
        files = page.dataframe[0].value
        assert files["Label"].tolist() == ["Myocardial infarction", "Normal"]
        # Two of two, or one of two: an interval that says how little that is.
        assert "exact" in texts(page)
        assert page.metric[3].value == "50% (1\u201399)"

    def test_every_file_is_listed_and_a_row_opens_its_reading(self):
        page = self.upload(packed(self.FILES))
        files = page.dataframe[0].value
        assert files["Read as"].tolist()[3:] == ["refused", "left out"]
        assert "no picture" not in files["Why"][3]

    def test_nothing_is_written(self, monkeypatch, tmp_path):
        def refuse(*arguments, **options):
            raise AssertionError("a temporary file was made")

        monkeypatch.setattr("tempfile.NamedTemporaryFile", refuse)
        monkeypatch.setattr("tempfile.mkdtemp", refuse)
        monkeypatch.chdir(tmp_path)
        self.upload(packed(self.FILES))
        assert not list(tmp_path.iterdir())

    def test_missing_models_are_said_plainly(self, monkeypatch):
        def fail():
            raise shipped_models.ModelError("model cnn: its files cannot be read")

        monkeypatch.setattr(shipped_models, "load_models", fail)
        page = self.upload(packed(self.FILES))
        assert "This installation is incomplete" in page.error[0].value


def test_every_page_is_in_the_menu():
    source = (ROOT / "app.py").read_text("utf-8")
    assert all(f"pages/{path.name}" in source for path in (ROOT / "pages").glob("*.py"))
