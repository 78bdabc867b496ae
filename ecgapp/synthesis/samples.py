"""Sheets to try the app with, drawn from simulated patients when they are asked for."""

from __future__ import annotations

import io
from dataclasses import dataclass

from ecgapp.synthesis.edan import DPI, PageStyle, render
from ecgapp.synthesis.simulate import PatientModel, simulate

_JPEG_QUALITY = 75  # percent, as pictures are sent on


@dataclass(frozen=True)
class Sample:
    """A simulated sheet.

    Attributes
    ----------
    description : str
        One sentence on what to look for. It says what was simulated, not what a model will say.
    patient : PatientModel
        Who was recorded.
    layout_name : str
        Name of a template in `geometry.TEMPLATES`.
    """

    description: str
    patient: PatientModel
    layout_name: str = "3x4"


# Keys are the names that people choose from.
SAMPLES = {
    "Normal rhythm": Sample(
        "Regular sinus rhythm at 68 beats per minute.",
        PatientModel(heart_rate_bpm=68, seed=11),
    ),
    "Fast heart rate": Sample(
        "Regular sinus rhythm at 118 beats per minute.",
        PatientModel(heart_rate_bpm=118, seed=12),
    ),
    "Premature beats": Sample(
        "Sinus rhythm at 76 beats per minute; every fourth beat comes early and is wide.",
        PatientModel(heart_rate_bpm=76, rhythm="premature_ventricular_beats", seed=13),
    ),
    "Raised ST in V1 to V4": Sample(
        "ST 0.15 to 0.4 mV above the baseline in V1 to V4, as in an acute anterior infarction.",
        PatientModel(
            heart_rate_bpm=84,
            st_level_mv={"V1": 0.15, "V2": 0.35, "V3": 0.4, "V4": 0.3, "II": -0.06},
            seed=14,
        ),
    ),
    "Q waves in II, III and aVF": Sample(
        "Deep Q waves in the inferior leads, as an old infarction leaves them.",
        PatientModel(heart_rate_bpm=72, q_waves=frozenset({"inferior"}), seed=15),
    ),
    "Irregular rhythm, six rows": Sample(
        "Atrial fibrillation at about 95 beats per minute, printed in two columns of six leads.",
        PatientModel(heart_rate_bpm=95, rhythm="atrial_fibrillation", seed=16),
        layout_name="6x2",
    ),
}


def draw_sample(name: str) -> bytes:
    """Draw a sample sheet.

    Parameters
    ----------
    name : str
        A key of `SAMPLES`.

    Returns
    -------
    bytes
        A JPEG file of 2213 x 1572 px.

    Raises
    ------
    KeyError
        For the name of no sample.
    """
    sample = SAMPLES[name]
    style = PageStyle(
        title="SIMULATED ECG",
        patient_id=f"SAMPLE {list(SAMPLES).index(name) + 1}",
        heart_rate_bpm=sample.patient.heart_rate_bpm,
    )
    page = render(simulate(sample.patient), sample.layout_name, style)
    file = io.BytesIO()
    page.save(file, "JPEG", quality=_JPEG_QUALITY, dpi=(DPI, DPI))
    return file.getvalue()
