"""Models that always say the same, for tests of what stands around the models."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgapp.inference.twelve_lead_inputs import TwelveLeadInputs

CLASSES = ["normal", "abnormal_heartbeat", "mi", "history_of_mi"]


class FakeModel:
    def __init__(self, name: str, probabilities: list[float]) -> None:
        self.name = name
        self.metadata: dict[str, Any] = {"classes": CLASSES}
        self._probabilities = probabilities

    def predict(self, windows: NDArray[np.uint8], leads: Sequence[str]) -> NDArray[np.float32]:
        assert len(leads) == len(windows)
        assert windows.dtype == np.uint8
        assert windows.shape[1:] == (150, 150)
        return np.tile(np.float32(self._probabilities), (len(windows), 1))


class FakeNetwork:
    def __init__(self, probabilities: list[float]) -> None:
        self.metadata: dict[str, Any] = {"classes": CLASSES}
        self._probabilities = probabilities

    def predict(self, inputs: TwelveLeadInputs) -> NDArray[np.float32]:
        assert inputs.leads.shape == (1, 250, 12)
        return np.float32([self._probabilities])


class FakeStatementNetwork:
    def __init__(self, probabilities: list[float]) -> None:
        self.metadata: dict[str, Any] = {
            "classes": CLASSES,
            "statements": ["NORM", "MI"],
            "shipped": {
                code: {"scale": 1.0, "offset": 0.0, "threshold": 0.5} for code in ("NORM", "MI")
            },
        }
        self._probabilities = probabilities

    def predict(self, inputs: TwelveLeadInputs) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        assert inputs.leads.shape == (1, 250, 12)
        return np.float32([self._probabilities]), np.float32([[0.1, 0.9]])


def install(
    monkeypatch: Any,
    cnn: list[float] = [0.07, 0.02, 0.9, 0.01],  # noqa: B006
    crnn: list[float] = [0.25, 0.03, 0.7, 0.02],  # noqa: B006
    twelve_lead: list[float] = [0.1, 0.05, 0.8, 0.05],  # noqa: B006
    statements: list[float] = [0.1, 0.05, 0.8, 0.05],  # noqa: B006
) -> None:
    """Put four fake models, which find a myocardial infarction, where the shipped ones are."""
    from ecgapp.inference import shipped_models, verdict

    models = {"cnn": FakeModel("cnn", cnn), "crnn": FakeModel("crnn", crnn)}
    rule = verdict.ConfidenceRule(
        weights={"cnn": 0.4, "crnn": 0.3, "twelve_lead": 0.3},
        bias=dict.fromkeys(CLASSES, 0.0),
        temperatures={"cnn": 1.0, "crnn": 1.0, "twelve_lead": 1.0},
        fold_temperatures={},
        min_probability=0.6,
        set_min_probability=dict.fromkeys(CLASSES, 0.2),
        expected_accuracy=0.9,
        confident_share=0.8,
        expected_calibration_error=0.02,
        elsewhere=verdict.ElsewhereRule(
            weights={"statements": 1.0},
            bias=dict.fromkeys(CLASSES, 0.0),
            min_probability=0.7,
            set_min_probability=dict.fromkeys(CLASSES, 0.2),
            target_accuracy=0.95,
            judged={},
        ),
    )
    monkeypatch.setattr(shipped_models, "load_models", lambda: models)
    monkeypatch.setattr(
        shipped_models, "load_twelve_lead_network", lambda: FakeNetwork(twelve_lead)
    )
    monkeypatch.setattr(
        shipped_models, "load_statement_network", lambda: FakeStatementNetwork(statements)
    )
    monkeypatch.setattr(verdict, "shipped_rule", lambda: rule)
