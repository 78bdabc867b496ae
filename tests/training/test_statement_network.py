import numpy as np
import pytest

from ecgapp.datasets.statements import LEARNT
from ecgapp.inference.statements import calibrated, read_calibrations

pytest.importorskip("mapie", reason="training needs the offline half")

from ecgapp.training.statement_calibration import calibrate, fit


def made_up(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Too sure probabilities, and what is true."""
    rng = np.random.default_rng(seed)
    log_odds = rng.normal(-1, 2, n)
    true = rng.random(n) < 1 / (1 + np.exp(-log_odds))
    return 1 / (1 + np.exp(-3 * log_odds)), true


def test_probabilities_that_are_too_sure_are_drawn_back() -> None:
    probabilities, true = made_up(4000)
    fitted = fit(probabilities, true, [{}] * len(true), None)
    assert fitted.scale == pytest.approx(1 / 3, abs=0.04)
    assert fitted.offset == pytest.approx(0, abs=0.15)
    assert 0.2 < fitted.threshold < 0.6


def test_only_what_is_good_enough_ships_and_the_rest_says_why() -> None:
    n = 600
    probabilities = np.full((n, len(LEARNT)), 0.1)
    targets = np.zeros((n, len(LEARNT)), np.float32)
    good, bad, rare = (LEARNT.index(name) for name in ("NORM", "MI", "AFLT"))
    probabilities[:, good], true = made_up(n)
    targets[:, good] = true
    targets[:, bad] = np.random.default_rng(1).random(n) < 0.3
    targets[:3, rare] = 1
    found = calibrate(probabilities, targets, [{}] * n)
    assert list(found["shipped"]) == ["NORM"]
    assert "AUROC" in found["left_out"]["MI"]
    assert "3 of 600" in found["left_out"]["AFLT"]
    assert "snomed:NSR" in found["left_out"]
    calibration = read_calibrations(found)["NORM"]
    everything = [calibrated(p, calibration, {}) for p in probabilities[:, good]]
    assert np.mean(everything) == pytest.approx(true.mean(), abs=0.03)


keras = pytest.importorskip("keras", reason="Keras is not installed")


def test_both_heads_read_the_pretrained_body() -> None:
    from ecgapp.io.weights import MODELS_FOLDER
    from ecgapp.training.networks import twelve_lead
    from ecgapp.training.pretrained_weights import load_pretrained

    net = twelve_lead.build_with_statements(4)
    before = np.asarray(net.get_layer("statements").kernel)
    load_pretrained(net, MODELS_FOLDER / "twelve_lead" / "pretrained.npz")
    np.testing.assert_array_equal(before, np.asarray(net.get_layer("statements").kernel))
    assert {name: one.shape[1] for name, one in net.output.items()} == {
        "probabilities": 4,
        "statements": len(LEARNT),
    }


def test_the_shipped_network_says_what_the_trained_one_says() -> None:
    from ecgapp.inference.shipped_models import MODELS_FOLDER, load_statement_network
    from ecgapp.inference.twelve_lead_inputs import TwelveLeadInputs
    from ecgapp.training.networks import twelve_lead

    net = keras.saving.load_model(
        MODELS_FOLDER / "statements" / "model.keras",
        custom_objects={"ecgapp>LeadBias": twelve_lead.LeadBias},
        compile=False,
    )
    rng = np.random.default_rng(0)
    inputs = TwelveLeadInputs(
        rng.standard_normal((3, 250, 12), np.float32),
        np.ones((3, 12), np.float32),
        rng.random((3, 1000), np.float32),
    )
    labels, statements = load_statement_network().predict(inputs)
    expected = net.predict(inputs.arrays(), verbose=0)
    np.testing.assert_allclose(labels, expected["probabilities"], atol=1e-5)
    np.testing.assert_allclose(statements, expected["statements"], atol=1e-5)
