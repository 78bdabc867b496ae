from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from ecgapp.explain import nearest_cases
from ecgapp.explain.nearest_cases import DevelopmentSheets, find_neighbours, unit_length
from ecgapp.inference.shipped_models import MODELS_FOLDER, TWELVE_LEAD_NETWORK
from ecgapp.io.weights import ModelError
from ecgapp.training.development_features import distance_to_other_sessions

FILE = MODELS_FOLDER / TWELVE_LEAD_NETWORK / nearest_cases.DEVELOPMENT_FILE


@pytest.fixture(scope="module")
def shipped() -> DevelopmentSheets:
    return nearest_cases.load_development_sheets()


def test_a_development_sheet_is_its_own_nearest(shipped: DevelopmentSheets) -> None:
    for row in (0, 500, 1300):
        # The scale of the features does not matter.
        found = find_neighbours(7 * shipped.features[row], shipped)
        assert found.rows[0] == row
        assert sum(found.labels.values()) == nearest_cases.N_NEAREST
        assert found.labels[str(shipped.label[row])] >= 1
        assert found.distance < shipped.typical_distance[1]


def test_what_is_like_no_sheet_is_further_off_than_they_are(shipped: DevelopmentSheets) -> None:
    rng = np.random.default_rng(0)
    unlike = rng.random(shipped.features.shape[1], dtype=np.float32)
    assert find_neighbours(unlike, shipped).distance > shipped.typical_distance[1]
    nothing = np.zeros(shipped.features.shape[1], np.float32)
    assert find_neighbours(nothing, shipped).distance > shipped.typical_distance[1]


def test_only_numbers_and_labels_are_shipped(shipped: DevelopmentSheets) -> None:
    assert FILE.stat().st_size < 1_000_000
    n = len(shipped.label)
    assert all(len(getattr(shipped, field.name)) == n for field in fields(shipped))
    np.testing.assert_allclose(np.linalg.norm(shipped.features, axis=1), 1, atol=1e-3)


def test_another_file_than_the_released_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / TWELVE_LEAD_NETWORK
    folder.mkdir()
    (folder / FILE.name).write_bytes(FILE.read_bytes() + b"!")
    monkeypatch.setattr(nearest_cases, "MODELS_FOLDER", tmp_path)
    with pytest.raises(ModelError, match="SHA-256"):
        nearest_cases.load_development_sheets.__wrapped__()


def test_typical_distance_is_to_other_sessions() -> None:
    rng = np.random.default_rng(1)
    patients = unit_length(rng.random((12, 192), dtype=np.float32))
    twice = np.repeat(patients, 2, axis=0)
    session = np.repeat(np.arange(12), 2)
    assert distance_to_other_sessions(twice, session).min() > 0.1
