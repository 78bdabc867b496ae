import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed")

from ecgapp.training.networks.registry import ARCHITECTURES  # noqa: E402

SERVED = ("cnn", "crnn")


@pytest.mark.parametrize("name", SERVED)
def test_outputs_are_probabilities_of_as_many_classes_as_asked_for(name: str) -> None:
    inputs = [np.zeros((2, 150, 150, 1), np.uint8), np.array([0, 12], np.int32)]
    probabilities = np.asarray(ARCHITECTURES[name].build(5)(inputs))
    assert probabilities.shape == (2, 5)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", SERVED)
def test_nets_stay_small_enough_to_ship(name: str) -> None:
    assert ARCHITECTURES[name].build(4).count_params() * 4 < 3_000_000


def test_the_nets_are_the_two_that_were_published() -> None:
    for net in (ARCHITECTURES["cnn"].build(4), ARCHITECTURES["crnn"].build(4)):
        convolutions = [x for x in net.layers if isinstance(x, keras.layers.Conv2D)]
        assert [layer.filters for layer in convolutions] == [32, 64, 128]
        assert {layer.kernel_size for layer in convolutions} == {(3, 3)}
    lstms = [x for x in ARCHITECTURES["crnn"].build(4).layers if isinstance(x, keras.layers.LSTM)]
    assert [layer.return_sequences for layer in lstms] == [True, False]


def test_the_crnn_reads_the_windows_width_as_time() -> None:
    net = ARCHITECTURES["crnn"].build(4)
    first_lstm = next(x for x in net.layers if isinstance(x, keras.layers.LSTM))
    sequence = keras.Model(net.inputs[0], first_lstm.input)
    paper = np.zeros((1, 150, 150, 1), np.uint8)
    late_beat = paper.copy()
    late_beat[:, 40:110, 130:135] = 255
    change = np.abs(np.asarray(sequence(late_beat)) - np.asarray(sequence(paper))).sum(axis=(0, 2))
    assert not change[:12].any()
    assert change[14:].any()


@pytest.mark.parametrize("name", SERVED)
def test_the_same_curve_may_mean_something_else_in_another_lead(name: str) -> None:
    net = ARCHITECTURES[name].build(4)
    windows = np.zeros((2, 150, 150, 1), np.uint8)
    windows[:, 70:75] = 255
    avr, v4 = np.asarray(net([windows, np.array([3, 9], np.int32)]))
    assert np.abs(avr - v4).max() > 1e-6
