"""What the shipped networks state of simulated hearts, drawn as another machine's sheet."""

import io
from typing import Any

import pytest

from ecgapp import diagnose
from ecgapp.ecg import LAYOUTS
from ecgapp.pipeline import Diagnosis
from ecgapp.synthesis.draw import draw_sheet
from ecgapp.synthesis.simulate import PatientModel, simulate
from ecgapp.synthesis.vendors import VENDORS


def read(**patient: Any) -> Diagnosis:
    file = io.BytesIO()
    drawn = draw_sheet(
        simulate(PatientModel(**patient)), LAYOUTS["3x4"], ("II",), vendor=VENDORS["pink"]
    )
    drawn.image.save(file, "PNG")
    return diagnose(file.getvalue())


@pytest.mark.parametrize(
    ("patient", "code", "label"),
    [
        ({}, "NORM", "normal"),
        ({"bundle_branch_block": "left"}, "CLBBB", "abnormal_heartbeat"),
        ({"rhythm": "atrial_fibrillation", "heart_rate_bpm": 88.0}, "AFIB", "abnormal_heartbeat"),
        ({"rhythm": "premature_ventricular_beats"}, "PVC", "abnormal_heartbeat"),
        ({"rhythm": "ventricular_pacing"}, "PACE", "abnormal_heartbeat"),
        ({"heart_rate_bpm": 116.0}, "STACH", "abnormal_heartbeat"),
        ({"q_waves": frozenset({"inferior"})}, "IMI", "history_of_mi"),
    ],
)
def test_a_drawn_heart_is_stated_and_called_what_it_is(
    patient: dict[str, Any], code: str, label: str
) -> None:
    read_back = read(**patient)
    assert read_back.verdict is not None
    assert read_back.verdict.elsewhere
    assert read_back.statements[code].present
    assert read_back.verdict.label == label


def test_a_raised_st_is_no_normal_heart() -> None:
    verdict = read(st_level_mv=dict.fromkeys(("V2", "V3", "V4"), 0.3)).verdict
    assert verdict is not None
    assert verdict.label == "mi"
    assert not verdict.confident
