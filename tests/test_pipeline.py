"""From the bytes of a file to what is known of it, whatever the kind of file."""

import io
import json
import pickle
import time

import numpy as np
import pytest
from doubtful_sheet import doubtful_sheet
from fakes import install
from PIL import Image

from ecgapp import diagnose, errors, pipeline
from ecgapp.digitize import trace
from ecgapp.ecg import LAYOUTS, LEADS, Signals
from ecgapp.io.dicom_waveform import write_dicom_waveform
from ecgapp.io.weights import ModelError
from ecgapp.pipeline import trace_file
from ecgapp.report import json_and_csv
from ecgapp.sheet import first_sheet
from ecgapp.sheet.located import Correction
from ecgapp.synthesis.draw import draw_sheet
from ecgapp.synthesis.edan import render
from ecgapp.synthesis.simulate import PatientModel, simulate


@pytest.fixture(autouse=True)
def fake_models(monkeypatch):
    install(monkeypatch)


def as_file(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def test_a_clean_sheet_is_traced_and_measured():
    diagnosis = diagnose(as_file(render(simulate(PatientModel(heart_rate_bpm=75)), "3x4"), "PNG"))
    assert diagnosis.verdict is not None
    assert diagnosis.signals is not None
    assert np.isfinite(diagnosis.signals.leads["II"]).mean() > 0.95
    assert diagnosis.measurements["heart_rate_bpm"].value == pytest.approx(75, abs=2)


def test_tracing_alone_neither_measures_nor_asks_a_network(monkeypatch):
    for step in ("measure", "read_leads", "read_together"):
        monkeypatch.setattr(pipeline, step, lambda *_: pytest.fail("nobody asked for this"))
    traced = trace_file(as_file(render(simulate(PatientModel()), "3x4"), "PNG"))
    assert np.isfinite(traced.signals.leads["II"]).mean() > 0.95


def test_what_is_known_of_a_curve_and_its_likeliest_course_are_traced_at_once(monkeypatch):
    traced: list[str] = []
    whole = trace.trace

    def noted(lead):
        traced.append(lead.name)
        return whole(lead)

    monkeypatch.setattr(trace, "trace", noted)
    # Cut off, it is no page of the known machine.
    sheet = render(simulate(PatientModel(heart_rate_bpm=75)), "3x4").crop((30, 150, 2200, 1540))
    diagnosis = diagnose(as_file(sheet, "PNG"))
    assert diagnosis.sheet.aligned
    assert diagnosis.verdict is not None
    assert max(traced.count(name) for name in LEADS) == 1


def test_a_sheet_without_heartbeats_is_never_confident():
    flat = np.zeros_like(simulate(PatientModel()).leads["I"])
    diagnosis = diagnose(as_file(render(Signals(500, dict.fromkeys(LEADS, flat)), "3x4"), "PNG"))
    assert "heart_rate_bpm" not in diagnosis.measurements
    assert diagnosis.verdict is None or "heartbeats" in diagnosis.verdict.reason


def test_the_page_with_the_sheet_is_found_in_a_document():
    cover = Image.new("RGB", (1654, 1170), "white")
    sheet = render(simulate(PatientModel()), "6x2")
    document = as_file(cover, "PDF", save_all=True, append_images=[sheet], resolution=200)
    diagnosis = diagnose(document)
    assert diagnosis.refusal is None
    assert diagnosis.sheet.layout.name == "6x2"


def test_a_page_too_small_hides_no_sheet_behind_it_and_the_page_is_told():
    cover, sheet = Image.new("RGB", (1654, 1170), "white"), render(simulate(PatientModel()), "3x4")
    small = Image.new("RGB", (80, 60), "white")
    pages = [cover, small, sheet]
    diagnosis = diagnose(
        as_file(pages[0], "TIFF", compression="tiff_lzw", save_all=True, append_images=pages[1:])
    )
    assert diagnosis.refusal is None
    assert (diagnosis.page.number, diagnosis.page.n_pages) == (3, 3)
    assert any("page 3 of 3" in check.found for check in diagnosis.checks)


def test_a_correction_is_tried_on_the_page_that_it_is_about():
    sheet = render(simulate(PatientModel()), "3x4")
    document = as_file(
        sheet,
        "TIFF",
        compression="tiff_lzw",
        save_all=True,
        append_images=[sheet, sheet.rotate(180)],
    )
    diagnosis = diagnose(document, Correction(layout_name="3x4", page=3))
    assert diagnosis.page.number == 3
    refused = diagnose(document, Correction(page=7))
    assert refused.refusal.code == "no_such_page"


def test_a_refused_correction_shows_the_page_that_it_is_about():
    sheet, cover = render(simulate(PatientModel()), "3x4"), Image.new("RGB", (1654, 1170), "white")
    document = as_file(sheet, "TIFF", compression="tiff_lzw", save_all=True, append_images=[cover])
    diagnosis = diagnose(document, Correction(quarter_turns=1, page=2))
    assert diagnosis.refusal is not None
    assert diagnosis.page.number == 2


def test_more_than_one_sheet_in_a_file_is_said():
    sheet, cover = render(simulate(PatientModel()), "3x4"), Image.new("RGB", (1654, 1170), "white")
    pages = [sheet, cover, sheet]
    diagnosis = diagnose(
        as_file(pages[0], "TIFF", compression="tiff_lzw", save_all=True, append_images=pages[1:])
    )
    assert diagnosis.page.number == 1
    (note,) = [check for check in diagnosis.checks if check.name == "Sheets in the file"]
    assert note.found.startswith("page 1 was read; page 3 not")
    said = json_and_csv.to_json_object(diagnosis, "a.tif")["other_pages"]
    assert said == {"sheets": [3], "doubtful": [], "not_looked_at": []}
    assert json_and_csv.to_line(diagnosis, "a.tif").endswith("though a sheet is there too")
    assert all("page 3 not" in row for row in json_and_csv.to_csv(diagnosis, "a").splitlines()[1:])


def test_pages_that_may_show_a_sheet_and_pages_that_nobody_looked_at_are_said(monkeypatch):
    sheet = render(simulate(PatientModel()), "3x4")
    doubtful = Image.open(io.BytesIO(doubtful_sheet())).convert("RGB")
    document = as_file(
        doubtful, "TIFF", compression="tiff_lzw", save_all=True, append_images=[sheet, sheet, sheet]
    )
    diagnosis = diagnose(document)
    assert diagnosis.page.number == 2
    assert diagnosis.other_pages.doubtful == (1,)
    assert diagnosis.other_pages.sheets == (3, 4)
    monkeypatch.setattr(first_sheet, "_LOOK_FURTHER_S", 0.0)
    assert diagnose(document).other_pages.not_looked_at == (3, 4)
    chosen = diagnose(document, Correction(page=3))
    assert chosen.page.number == 3
    assert chosen.other_pages.said == "pages 1 to 2, 4 not looked at"


@pytest.mark.parametrize("empty", [None, float("nan")])
def test_an_emptied_corner_is_refused_in_words(empty):
    sheet = as_file(render(simulate(PatientModel()), "3x4"), "PNG")
    corners = ((150, 300), (2100, 300), (2100, empty), (150, 1400))
    refusal = diagnose(sheet, Correction(corners_px=corners)).refusal
    assert refusal.code == "bad_corners"
    assert "nan" not in refusal.message
    assert "empty" in refusal.message


def test_a_document_without_a_sheet_is_refused_for_its_first_page():
    cover = Image.new("RGB", (1654, 1170), "white")
    diagnosis = diagnose(as_file(cover, "TIFF", save_all=True, append_images=[cover]))
    assert diagnosis.verdict is None
    assert diagnosis.refusal is not None


def test_a_recording_is_measured_from_its_own_samples():
    signals = simulate(PatientModel(heart_rate_bpm=66))
    diagnosis = diagnose(write_dicom_waveform(signals))
    assert diagnosis.verdict is not None
    assert set(diagnosis.leads) >= set(LEADS)
    assert np.isfinite(diagnosis.signals.leads["V6"]).all()
    assert diagnosis.measurements["heart_rate_bpm"].value == pytest.approx(66, abs=2)


@pytest.mark.parametrize("n_samples", [4_990, 4_900, 4_600])
def test_a_recording_a_little_shorter_than_a_sheet_is_read(n_samples):
    signals = simulate(PatientModel(heart_rate_bpm=66))
    shorter = Signals(500, {lead: values[:n_samples] for lead, values in signals.leads.items()})
    diagnosis = diagnose(write_dicom_waveform(shorter))
    assert diagnosis.refusal is None
    assert diagnosis.measurements["heart_rate_bpm"].value == pytest.approx(66, abs=2)
    # Of V4 to V6, which a sheet shows last, too much is missing to rely on it.
    assert ("V4, V5, V6" in (diagnosis.verdict.reason or "")) is (n_samples == 4_600)


def test_a_recording_that_lacks_a_column_is_refused():
    signals = simulate(PatientModel())
    short = Signals(500, {lead: values[:4_000] for lead, values in signals.leads.items()})
    refusal = diagnose(write_dicom_waveform(short)).refusal
    assert refusal.code == "bad_signals"
    assert "8.0 s" in refusal.message
    assert "8.75 s" in refusal.message


def test_a_flat_recording_is_refused():
    noise = 0.004 * np.random.default_rng(0).standard_normal((12, 5_000)).astype(np.float32)
    recorded = write_dicom_waveform(Signals(500, dict(zip(LEADS, noise, strict=True))))
    diagnosis = diagnose(recorded)
    assert diagnosis.verdict is None
    assert diagnosis.refusal.code == "flat_curves"
    assert trace_file(recorded).signals.n_samples == 5_000


def test_one_electrode_that_is_off_is_told():
    signals = simulate(PatientModel())
    leads = {**signals.leads, "V3": np.zeros_like(signals.leads["V3"])}
    verdict = diagnose(write_dicom_waveform(Signals(500, leads))).verdict
    assert not verdict.confident
    assert "V3" in verdict.reason


@pytest.mark.makes_mistakes
def test_a_mistake_of_the_program_costs_one_file_and_tells_nothing_of_it(monkeypatch, caplog):
    patient = "Jane Doe"

    def mistaken(*arguments):
        raise ValueError(f"could not convert {patient!r} to a number")

    monkeypatch.setattr(pipeline, "measure", mistaken)
    diagnosis = diagnose(as_file(render(simulate(PatientModel()), "3x4"), "PNG"))
    assert diagnosis.refusal.code == "internal_error"
    assert diagnosis.sheet is not None
    (record,) = caplog.records
    assert "ValueError" in record.getMessage()
    assert "in mistaken" in record.getMessage()
    assert "Jane Doe" not in record.getMessage() + diagnosis.refusal.message


def test_memory_that_runs_out_is_a_refusal(monkeypatch):
    def greedy(*arguments):
        raise MemoryError

    monkeypatch.setattr(pipeline, "cut_leads", greedy)
    diagnosis = diagnose(as_file(render(simulate(PatientModel()), "3x4"), "PNG"))
    assert diagnosis.refusal.code == "too_complex"


def test_a_damaged_installation_is_no_refusal(monkeypatch):
    def damaged(*arguments):
        raise ModelError("model cnn: it was changed")

    monkeypatch.setattr(pipeline, "read_leads", damaged)
    with pytest.raises(ModelError):
        diagnose(as_file(render(simulate(PatientModel()), "3x4"), "PNG"))


def test_time_that_is_over_is_a_refusal_whatever_the_clock_on_the_wall(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 0.0)
    noise = Image.effect_noise((1654, 1170), 100)
    document = as_file(noise, "TIFF", save_all=True, append_images=[noise] * 9)
    start = time.thread_time()
    with errors.time_limit(0.2):
        refusal = diagnose(document).refusal
    assert refusal.code == "too_complex"
    assert time.thread_time() - start < 5


def without(leads: tuple[str, ...]) -> bytes:
    """A page of another machine that does not show some leads."""
    signals = simulate(PatientModel())
    blank = np.full_like(signals.leads["I"], np.nan)
    shown = {lead: blank if lead in leads else signals.leads[lead] for lead in LEADS}
    drawn = draw_sheet(Signals(signals.sampling_rate_hz, shown), LAYOUTS["3x4"], ("II",))
    return as_file(drawn.image, "PNG")


def test_a_verdict_without_some_leads_names_them_and_is_not_confident(monkeypatch):
    install(monkeypatch)
    diagnosis = diagnose(without(("V5", "V6")))
    assert diagnosis.refusal is None
    assert diagnosis.sheet.missing == ("V5", "V6")
    assert not diagnosis.verdict.confident
    assert "V5, V6" in diagnosis.verdict.reason
    assert set(LEADS) - set(diagnosis.lead_probabilities) == {"V5", "V6"}
    assert np.isnan(diagnosis.signals.leads["V6"]).all()
    assert "heart_rate_bpm" in diagnosis.measurements


def test_limb_leads_alone_are_named_as_such_and_shown():
    diagnosis = diagnose(without(("V1", "V2", "V3", "V4", "V5", "V6")))
    assert diagnosis.verdict is None
    assert diagnosis.refusal.code == "leads_missing"
    assert "only the limb leads were found" in diagnosis.refusal.message
    assert set(diagnosis.leads) >= {"I", "aVF"}
    assert "V1" not in diagnosis.leads


class TestDoubtfulLayout:
    def test_two_layouts_are_proposed_and_the_one_chosen_is_read(self):
        refused = diagnose(doubtful_sheet())
        assert refused.refusal.code == "unknown_layout"
        likeliest, other = refused.proposals
        assert likeliest.layout_name == "3x4-cabrera"
        assert len(LAYOUTS[other.layout_name].columns) != 4
        # V6 is shown at the lower right, over the strip.
        xs, ys = zip(*likeliest.corners_px["V6"], strict=True)
        height, width = refused.page.gray.shape
        assert 0.5 * width < min(xs) < max(xs) <= width
        assert 0.5 * height < max(ys) <= height
        assert max(ys) <= max(y for _, y in likeliest.corners_px["rhythm"])
        read = diagnose(doubtful_sheet(), Correction("3x4-cabrera", page=1))
        assert read.refusal is None
        assert read.sheet.layout.name == "3x4-cabrera"
        assert read.proposals == ()

    def test_proposals_come_out_of_a_worker_process(self):
        refused = diagnose(doubtful_sheet())
        again = pickle.loads(pickle.dumps(refused))
        assert again.refusal.message == refused.refusal.message
        assert again.proposals == refused.proposals

    def test_what_was_set_by_hand_is_said_in_json_and_csv(self):
        read = diagnose(doubtful_sheet(), Correction("3x4-cabrera", page=1))
        said = json_and_csv.to_json_object(read, "a.png")
        assert json.loads(json.dumps(said))["set_by_hand"] == ["page 1", "layout 3x4-cabrera"]
        assert json_and_csv.to_sidecar(read, "a.png")["set_by_hand"] == [
            "page 1",
            "layout 3x4-cabrera",
        ]
        rows = json_and_csv.to_csv(read, "a.png").splitlines()
        assert all('"Set by hand: page 1, layout 3x4-cabrera."' in row for row in rows[1:])
        by_itself = diagnose(as_file(render(simulate(PatientModel()), "3x4"), "PNG"))
        assert json_and_csv.to_json_object(by_itself, "b.png")["set_by_hand"] == []
        assert by_itself.proposals == ()
