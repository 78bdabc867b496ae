"""From the bytes of a file to what is known of it, whatever the kind of file."""

import io

import numpy as np
import pytest
from fakes import install
from PIL import Image

from ecgapp import diagnose
from ecgapp.ecg import LAYOUTS, LEADS, Signals
from ecgapp.io.dicom_waveform import write_dicom_waveform
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


def test_missing_leads_are_named_and_the_others_shown():
    signals = simulate(PatientModel())
    blank = np.full_like(signals.leads["I"], np.nan)
    without = Signals(
        signals.sampling_rate_hz,
        {lead: blank if lead in ("V5", "V6") else signals.leads[lead] for lead in LEADS},
    )
    drawn = draw_sheet(without, LAYOUTS["3x4"], ("II",))
    diagnosis = diagnose(as_file(drawn.image, "PNG"))
    assert diagnosis.verdict is None
    assert diagnosis.refusal.code == "leads_missing"
    assert "V5, V6" in diagnosis.refusal.message
    assert "I" in diagnosis.leads
    assert "V6" not in diagnosis.leads
    assert "heart_rate_bpm" in diagnosis.measurements
