import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed")

from study_sets import build_tiny_net  # noqa: E402

from ecgapp.benchmark.published.inputs import INPUT_KINDS, StudyInputs, load_inputs  # noqa: E402
from ecgapp.datasets.window_set import CLASSES  # noqa: E402
from ecgapp.training import fit as training  # noqa: E402
from ecgapp.training.networks import bagging, ensemble  # noqa: E402
from ecgapp.training.networks.recipe import Recipe  # noqa: E402
from ecgapp.training.networks.registry import ARCHITECTURES, STUDIED, Architecture  # noqa: E402

FIFTEEN = {
    "cnn", "crnn", "lead_cnn_128", "svm", "random_forest", "decision_tree", "cnn_128_page",
    "cnn2d", "cnn3d", "attention_lstm", "hybrid", "time_distributed_cnn", "attention_vgg", "vit",
    "bagging",
}  # fmt: skip
NETS = [name for name, one in STUDIED.items() if one.library == "keras"]
CLASSICAL = [name for name, one in STUDIED.items() if one.library != "keras"]


def make_inputs(kind: str, n_sheets: int) -> StudyInputs:
    """Sheets on which each class has its ink in a quarter of its own."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 30, (n_sheets, *INPUT_KINDS[kind]), dtype=np.uint8)
    number = np.arange(n_sheets) % len(CLASSES)
    height = images.shape[-2] // len(CLASSES)
    for image, quarter in zip(images, number, strict=True):
        image[..., quarter * height : (quarter + 1) * height, :] += 200
    return StudyInputs(
        kind=kind,
        images=images,
        sheet=np.array([f"sheet{i}" for i in range(n_sheets)]),
        label=np.array(CLASSES)[number],
        layout=np.full(n_sheets, "3x4"),
        session=np.arange(n_sheets) // 2,
        fold=np.arange(n_sheets) // 2 % 5,
        lead=np.full(n_sheets, "II" if kind.startswith("lead_") else ""),
        copies_in_v2=np.ones(n_sheets, np.int64),
    )


def quick(architecture: Architecture) -> Recipe:
    return replace(architecture.recipe, epochs=1, batch_size=4)


def test_all_fifteen_are_registered_under_their_names() -> None:
    assert set(STUDIED) == FIFTEEN
    for name, one in STUDIED.items():
        assert one.name == name
        assert one.input_kind in INPUT_KINDS
        assert all(0 < figure.value < 1 for figure in one.published)


def test_every_source_with_five_classes_is_studied_with_five() -> None:
    four_only = {name for name, one in STUDIED.items() if one.n_classes == (4,)}
    assert four_only == {"cnn", "crnn", "lead_cnn_128", "vit"}


@pytest.mark.parametrize("name", NETS)
def test_a_net_is_as_large_as_its_description_says(name: str) -> None:
    build = ARCHITECTURES[name].build
    text = __import__(build.__module__, fromlist=["build"]).__doc__
    stated = re.search(r"four classes:\s+([\d,]+)\s+weights", text)
    assert stated, text
    assert build(4).count_params() == int(stated[1].replace(",", ""))


@pytest.mark.parametrize("name", CLASSICAL)
def test_classical_learners_tell_plain_classes_apart(name: str, tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    inputs = make_inputs(ARCHITECTURES[name].input_kind, 80)
    train_rows, test_rows = np.arange(48), np.arange(48, 80)
    recipe = ARCHITECTURES[name].recipe
    model = training.train(name, inputs, CLASSES, train_rows, None, recipe, tmp_path)
    probabilities = training.predict(model, inputs, test_rows)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    predicted = np.array(CLASSES)[probabilities.argmax(axis=1)]
    assert (predicted == inputs.label[test_rows]).mean() > 0.9
    # Scaled by the training part alone: its brightest pixel is 1, another image's may be more.
    scaled = model[0].transform(inputs.images[train_rows].reshape(48, -1).astype(np.float32))
    assert scaled.max() == pytest.approx(1)


def test_pixels_are_standardised_by_the_training_rows_alone(tmp_path: Path) -> None:
    inputs = make_inputs("leads_13x64", 12)
    inputs.images[8:] = 255
    rows = np.arange(8)
    recipe = quick(ARCHITECTURES["cnn2d"])
    net = training.train("cnn2d", inputs, CLASSES, rows, None, recipe, tmp_path)
    layer = next(x for x in net.layers if isinstance(x, keras.layers.Normalization))
    assert float(np.squeeze(layer.mean)) == pytest.approx(inputs.images[:8].mean(), rel=1e-3)
    assert float(np.squeeze(layer.variance)) == pytest.approx(inputs.images[:8].var(), rel=1e-3)


def test_a_recipe_in_bfloat16_keeps_weights_and_probabilities_precise(tmp_path: Path) -> None:
    inputs = make_inputs("leads_13x64", 8)
    recipe = replace(quick(ARCHITECTURES["cnn2d"]), bfloat16=True)
    net = training.train("cnn2d", inputs, CLASSES, np.arange(8), None, recipe, tmp_path)
    layer = next(x for x in net.layers if isinstance(x, keras.layers.Conv2D))
    assert (layer.compute_dtype, layer.variable_dtype) == ("bfloat16", "float32")
    assert keras.config.dtype_policy().name == "float32"
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        assert ARCHITECTURES["attention_vgg"].build(4).output.dtype == "float32"
    finally:
        keras.config.set_dtype_policy("float32")


def test_interrupted_training_of_an_ensemble_goes_on_with_the_next_member(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bagging, "MEMBERS", 3)
    monkeypatch.setattr(bagging.cnn2d, "build", build_tiny_net)
    inputs = make_inputs("leads_13x64", 20)
    rows = np.arange(20)
    recipe = replace(quick(ARCHITECTURES["bagging"]), batch_size=16)
    seen = []
    fit = training._fit

    def note(*arguments: object) -> None:
        seen.append(arguments[3])
        if len(seen) == 3:
            raise KeyboardInterrupt
        fit(*arguments)

    monkeypatch.setattr(training, "_fit", note)
    with pytest.raises(KeyboardInterrupt):
        training.train("bagging", inputs, CLASSES, rows, None, recipe, tmp_path)
    net = training.train("bagging", inputs, CLASSES, rows, None, recipe, tmp_path)
    members = ensemble.members(net)
    assert len(training.read_history(tmp_path / "member0")) == 1
    # Each member learns from sheets of its own drawing, the same after an interruption.
    drawn = [tuple(of_member) for of_member in seen]
    assert drawn[:2] == drawn[3:5]
    assert len(set(drawn)) == len(members) == 3
    assert {len(of_member) for of_member in drawn} == {16}
    mean = np.mean([training.predict(member, inputs, rows) for member in members], axis=0)
    np.testing.assert_allclose(training.predict(net, inputs, rows), mean, atol=1e-6)


def test_the_learning_rate_follows_the_recipe() -> None:
    six = ARCHITECTURES["cnn2d"].recipe
    rates = [training.learning_rate(six, epoch) for epoch in range(20)]
    assert rates == [1e-3] * 10 + [5e-4] * 5 + [2.5e-4] * 5
    vit = ARCHITECTURES["vit"].recipe
    assert {training.learning_rate(vit, epoch) for epoch in range(35)} == {1e-4}
    own = [training.learning_rate(ARCHITECTURES["cnn"].recipe, epoch) for epoch in range(20)]
    assert own[0] == pytest.approx(1e-3)
    assert own == sorted(own, reverse=True)


@pytest.mark.parametrize("name", ["adam", "adamax", "adamw"])
def test_the_optimizer_is_the_recipes(name: str) -> None:
    recipe = Recipe(optimizer=name, gradient_norm=10.0, beta_2=0.99, weight_decay=0.5)
    optimizer = training._optimizer(recipe)
    assert type(optimizer).__name__.lower() == name
    assert optimizer.global_clipnorm == 10.0
    assert optimizer.beta_2 == 0.99
    assert optimizer.weight_decay == (0.5 if name == "adamw" else None)


def test_a_file_copied_eight_times_weighs_as_eight_sheets() -> None:
    inputs = make_inputs("page_128", 4)
    rows = np.array([0] * 8 + [1, 2, 3])
    np.testing.assert_allclose(training.sheet_weights(inputs, rows, class_balance=0), 1)


def test_page_augmentation_turns_pages_a_little_and_only_in_training() -> None:
    pages = np.full((16, 128, 128, 1), 255, np.uint8)
    pages[:, 62:66, 4:60] = 0
    layer = training.augmentation_layer("page", seed=0)
    np.testing.assert_array_equal(np.asarray(layer(pages, training=False)), pages)
    turned = np.asarray(layer(pages, training=True))[..., 0]
    assert len({page.tobytes() for page in turned}) == 16
    assert (turned[:, :, 70:] > 250).all()  # never mirrored; what comes in is paper
    assert (turned[:, :50] > 250).all()
    assert (turned.min(axis=(1, 2)) < 100).all()


@pytest.mark.parametrize("kind", sorted({one.input_kind for one in STUDIED.values()}))
def test_a_file_of_inputs_comes_back_as_it_was(kind: str, tmp_path: Path) -> None:
    inputs = make_inputs(kind, 4)
    path = inputs.save(tmp_path / "inputs")
    assert path.name == f"{kind}.npz"
    again = load_inputs(tmp_path / "inputs", kind)
    assert again.digest() == inputs.digest()
    np.testing.assert_array_equal(again.images, inputs.images)
    assert inputs.where(np.arange(2)).digest() != inputs.digest()
