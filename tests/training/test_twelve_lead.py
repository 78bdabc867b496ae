from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ecgapp.digitize.leads import cut_leads
from ecgapp.digitize.trace import digitize
from ecgapp.ecg import LEADS, Signals
from ecgapp.inference.twelve_lead_inputs import TwelveLeadInputs, twelve_lead_inputs
from ecgapp.io.pages import read_page
from ecgapp.sheet.edan import locate_native
from ecgapp.synthesis.edan import render
from ecgapp.synthesis.simulate import PatientModel, simulate

LAYOUTS = ("3x4", "6x2", "6x2+rhythm")


def read_back(signals: Signals, template: str) -> Signals:
    import io

    page = io.BytesIO()
    render(signals, template).save(page, "PNG")
    sheet = locate_native(read_page(page.getvalue()))
    return digitize(sheet, cut_leads(sheet))


def without(signals: Signals, lead: str) -> Signals:
    return replace(
        signals, leads={**signals.leads, lead: np.full(signals.n_samples, np.nan, np.float32)}
    )


@pytest.fixture(scope="module")
def patient() -> Signals:
    return simulate(PatientModel(heart_rate_bpm=88, rhythm="premature_ventricular_beats"))


@pytest.fixture(scope="module")
def by_layout(patient: Signals) -> dict[str, TwelveLeadInputs]:
    return {name: twelve_lead_inputs(read_back(patient, name)) for name in LAYOUTS}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_same_heart_looks_the_same_in_every_layout(
    patient: Signals, by_layout: dict[str, TwelveLeadInputs], layout: str
) -> None:
    whole, read = twelve_lead_inputs(patient), by_layout[layout]
    assert read.shown.all()
    alike = [
        np.corrcoef(read.leads[0, :, lead], whole.leads[0, :, lead])[0, 1] for lead in range(12)
    ]
    # Where premature beats of neighbouring rows cross, one may be cut.
    assert min(alike) > 0.85
    assert np.median(alike) > 0.99
    assert np.corrcoef(read.activity[0], whole.activity[0])[0, 1] > 0.95


def test_each_lead_is_read_where_a_3x4_sheet_shows_it(patient: Signals) -> None:
    read = twelve_lead_inputs(patient)
    for lead, start_s in (("I", 0.0), ("aVL", 2.5), ("V2", 5.0), ("V6", 7.5)):
        there = patient.leads[lead][round(start_s * 500) :][:1250:5]
        there = there - np.median(there)
        found = read.leads[0, :, LEADS.index(lead)]
        assert np.abs(found - there).mean() < 0.02


def test_activity_rises_once_a_beat_whichever_leads_tell_it() -> None:
    rate = 72
    read = twelve_lead_inputs(simulate(PatientModel(heart_rate_bpm=rate)))
    active = read.activity[0] > 0.5
    starts = np.flatnonzero(active[1:] & ~active[:-1])
    beats = 1 + int((np.diff(starts) > 25).sum())
    assert beats == pytest.approx(rate / 6, abs=1)


def test_a_lead_that_is_not_shown_is_marked_and_empty(patient: Signals) -> None:
    read = twelve_lead_inputs(without(patient, "V3"))
    assert read.shown[0].tolist() == [lead != "V3" for lead in LEADS]
    assert not read.leads[0, :, LEADS.index("V3")].any()
    assert all(np.isfinite(array).all() for array in read.arrays())


def test_a_small_gap_is_bridged_and_a_sheet_without_any_lead_is_no_error(
    patient: Signals,
) -> None:
    torn = patient.leads["V5"].copy()
    torn[4000:4100] = np.nan
    read = twelve_lead_inputs(replace(patient, leads={**patient.leads, "V5": torn}))
    assert read.shown.all()
    empty = patient
    for lead in LEADS:
        empty = without(empty, lead)
    assert not any(array.any() for array in twelve_lead_inputs(empty).arrays())


keras = pytest.importorskip("keras", reason="Keras is not installed")

from ecgapp.datasets import ptbxl  # noqa: E402
from ecgapp.datasets.window_set import CLASSES  # noqa: E402
from ecgapp.inference.shipped_models import TwelveLeadNetwork  # noqa: E402
from ecgapp.training.fit import predict, train  # noqa: E402
from ecgapp.training.networks import twelve_lead  # noqa: E402
from ecgapp.training.networks.registry import ARCHITECTURES  # noqa: E402
from ecgapp.training.pretrain import Pretraining, pretrain, superclass_auroc  # noqa: E402
from ecgapp.training.pretrained_weights import load_pretrained, save_pretrained  # noqa: E402
from ecgapp.training.run_folder import StaleRunError  # noqa: E402
from ecgapp.training.sheet_presentation import (  # noqa: E402
    Changes,
    as_any_sheet,
    as_sheet,
    change,
    machine_filter,
)
from ecgapp.training.twelve_lead_sheets import SheetSet  # noqa: E402

NOTHING = Changes(
    gain=0, lead_gain=0, wander_mv=0, noise_mv=0, lost_peak=0,
    missing_leads=0, missing_column=0,
)  # fmt: skip


def eight_leads(n: int) -> np.ndarray:
    patients = (PatientModel(heart_rate_bpm=60 + 5 * k, seed=k) for k in range(n))
    names = ("I", "II", *LEADS[6:])
    return np.stack(
        [
            np.stack([signals.leads[name][::5] * 100 for name in names], axis=1)
            for signals in map(simulate, patients)
        ]
    ).astype(np.int16)


@pytest.fixture(scope="module")
def steps() -> np.ndarray:
    return eight_leads(8)


@pytest.fixture(scope="module")
def net() -> keras.Model:
    keras.utils.set_random_seed(0)
    return twelve_lead.build(4)


def test_what_a_missing_lead_holds_moves_nothing_but_that_it_is_missing_does(
    net: keras.Model, steps: np.ndarray
) -> None:
    inputs = as_sheet(steps[:2])
    every = net.predict(inputs.arrays(), verbose=0)
    np.testing.assert_allclose(every.sum(axis=1), 1, rtol=1e-5)
    shown = inputs.shown.copy()
    shown[:, 7] = 0
    masked = [inputs.leads, shown, inputs.activity]
    other = inputs.leads.copy()
    other[:, :, 7] = 3.0
    without_v2 = net.predict(masked, verbose=0)
    np.testing.assert_allclose(
        net.predict([other, shown, inputs.activity], verbose=0), without_v2, atol=1e-6
    )
    assert np.abs(without_v2 - every).max() > 1e-5


def test_one_strange_beat_reaches_the_head(net: keras.Model, steps: np.ndarray) -> None:
    inputs = as_sheet(steps[:1])
    strange = inputs.leads.copy()
    strange[0, 100:115, 6:9] += 1.5
    sheet = keras.Model(net.inputs, net.get_layer("column2_max").output)
    before, after = (
        np.asarray(sheet([leads, inputs.shown, inputs.activity]))
        for leads in (inputs.leads, strange)
    )
    assert np.abs(after - before).max() > 0.1


def test_the_network_is_as_large_as_its_description_says_and_small_enough(
    net: keras.Model,
) -> None:
    stated = twelve_lead.__doc__.split("For four classes: ")[1].split(" weights")[0]
    assert net.count_params() == int(stated.replace(",", ""))
    assert net.count_params() * 4 < 10_000_000


def test_a_sheet_that_nothing_changes_is_itself(steps: np.ndarray) -> None:
    inputs = as_sheet(steps)
    rng = np.random.default_rng(0)
    assert (as_any_sheet(steps, rng, NOTHING).shown == 1).all()
    changed = change(inputs, rng, NOTHING)
    np.testing.assert_allclose(changed.activity, inputs.activity, atol=0.35)
    np.testing.assert_array_equal(changed.shown, inputs.shown)


def test_changed_sheets_stay_finite_and_like_themselves(steps: np.ndarray) -> None:
    for inputs in (
        as_any_sheet(steps, np.random.default_rng(1), Changes()),
        change(as_sheet(steps), np.random.default_rng(1), Changes(missing_leads=1.0)),
    ):
        assert all(np.isfinite(array).all() for array in inputs.arrays())
        assert [array.shape for array in inputs.arrays()] == [(8, 250, 12), (8, 12), (8, 1000)]
        assert not inputs.leads.transpose(0, 2, 1)[inputs.shown == 0].any()


def test_the_machines_filter_takes_wander_out_and_leaves_beats(steps: np.ndarray) -> None:
    drift = (100 * np.sin(np.linspace(0, 3, 1000)))[None, :, None].astype(np.int16)
    filtered, drifting = machine_filter(steps), machine_filter(steps + drift)
    assert np.abs(drifting - filtered).max() < 25
    assert np.ptp(filtered, axis=1).mean() > 0.7 * np.ptp(steps, axis=1).mean()


def make_records(steps: np.ndarray) -> ptbxl.Records:
    superclasses = np.zeros((len(steps), 5), np.int8)
    superclasses[np.arange(len(steps)), np.arange(len(steps)) % 5] = 1
    codes = frozenset({"SR"})
    return ptbxl.Records(
        steps,
        superclasses,
        (frozenset({"NSR"}),) * len(steps),
        (codes, None) * (len(steps) // 2),
        np.array(["Female", "Male"] * (len(steps) // 2)),
        np.full(len(steps), 60, np.float32),
    )


def test_what_is_not_known_of_a_record_is_no_target(
    steps: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ptbxl, "MIN_SNOMED", 1)
    monkeypatch.setattr(ptbxl, "MIN_SCP", 1)
    records = make_records(steps)
    names = ptbxl.statement_names(records)
    assert names == (*ptbxl.SUPERCLASSES, "snomed:NSR", "scp:SR")
    wanted = ptbxl.targets(records, names)
    assert wanted[:, -2].tolist() == [1] * 8
    assert wanted[:, -1].tolist() == [1, -1] * 4


def test_the_other_four_leads_follow_from_the_eight() -> None:
    leads = ptbxl.twelve_leads(np.array([100, 150, 1, 2, 3, 4, 5, 6]))
    by_name = dict(zip(LEADS, leads.tolist(), strict=True))
    assert by_name["III"] == pytest.approx(0.5)
    assert by_name["aVR"] == pytest.approx(-1.25)
    assert by_name["aVL"] == pytest.approx(0.25)
    assert by_name["aVF"] == pytest.approx(1.0)
    assert by_name["V6"] == pytest.approx(0.06)


def tiny(n: int) -> keras.Model:
    leads = keras.Input((250, 12), name="leads")
    shown = keras.Input((12,), name="shown")
    activity = keras.Input((1000,), name="activity")
    pooled = [keras.layers.GlobalMaxPooling1D()(x) for x in (leads,)]
    x = keras.layers.Dense(8, activation="relu", name="hidden")(
        keras.layers.Concatenate()([*pooled, shown, activity])
    )
    return keras.Model([leads, shown, activity], keras.layers.Dense(n, activation="softmax")(x))


def test_pretraining_goes_on_where_it_stopped(steps: np.ndarray, tmp_path: Path) -> None:
    records = make_records(steps)
    plan = Pretraining(epochs=2, batch_size=4)
    first = pretrain(records, records, plan, tmp_path, tiny)
    history = (tmp_path / "history.csv").read_text()
    assert len(history.splitlines()) == 3
    again = pretrain(records, records, plan, tmp_path, tiny)
    for one, other in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    figures = superclass_auroc(again, as_sheet(steps).arrays(), records.superclasses)
    assert set(figures) == {"macro", *ptbxl.SUPERCLASSES}
    with pytest.raises(StaleRunError):
        pretrain(records, records, replace(plan, seed=1), tmp_path, tiny)


def make_sheets(steps: np.ndarray) -> SheetSet:
    n = len(steps)
    number = np.arange(n) % 4
    return SheetSet(
        traced=as_sheet(steps),
        sheet=np.array([f"sheet{i}" for i in range(n)]),
        label=np.array(CLASSES)[number],
        layout=np.full(n, "3x4"),
        session=np.arange(n),
        fold=np.arange(n) % 5,
    )


def test_fine_tuning_begins_with_pretrained_weights(
    steps: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keras.utils.set_random_seed(1)
    source = tiny(7)
    save_pretrained(source, tmp_path / "pretrained.npz")
    entry = ARCHITECTURES["twelve_lead"]
    recipe = replace(entry.recipe, epochs=1, batch_size=4, learning_rate=0.0)
    entry = replace(entry, build=tiny, recipe=recipe, pretrained=tmp_path / "pretrained.npz")
    monkeypatch.setitem(ARCHITECTURES, "twelve_lead", entry)
    sheets, rows = make_sheets(steps), np.arange(8)
    net = train("twelve_lead", sheets, CLASSES, rows, None, recipe, tmp_path / "run")
    for one, other in zip(net.get_weights()[:2], source.get_weights()[:2], strict=True):
        np.testing.assert_array_equal(one, other)
    assert predict(net, sheets, rows).shape == (8, 4)
    with pytest.raises(KeyError):
        load_pretrained(twelve_lead.build(4), tmp_path / "pretrained.npz")


def test_the_exported_network_says_what_the_trained_one_says(
    steps: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tf2onnx", reason="exporting needs TensorFlow, which is not installed")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("exporting needs the TensorFlow backend of Keras")
    import onnxruntime

    from ecgapp.training.export import export_model

    # All twelve leads as one column: the same layers, and a quarter of what is to be converted.
    monkeypatch.setattr(twelve_lead, "LEADS_PER_COLUMN", len(LEADS))
    net = twelve_lead.build(4)
    net.save(tmp_path / "model.keras")
    (tmp_path / "metadata.json").write_text("{}")
    assert export_model(tmp_path) < 1e-5
    path = tmp_path / "model.onnx"
    assert path.stat().st_size < 10_000_000
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    inputs = as_sheet(steps[:3])
    served, features = TwelveLeadNetwork({}, session).predict_with_features(inputs)
    np.testing.assert_allclose(served, net.predict(inputs.arrays(), verbose=0), atol=1e-5)
    head = net.get_layer(twelve_lead.HEAD)
    np.testing.assert_allclose(np.asarray(head(features)), served, atol=1e-5)


def test_the_shipped_card_gives_the_shipped_predictions_figures(tmp_path: Path) -> None:
    import shutil

    from ecgapp.io.weights import MODELS_FOLDER
    from ecgapp.training.model_card import write_card

    folder = MODELS_FOLDER / "twelve_lead"
    for name in (
        "metadata.json",
        "predictions.csv",
        "pretrained.json",
        "checks.json",
        "learning_curve.json",
    ):
        shutil.copy(folder / name, tmp_path)
    write_card(tmp_path)
    assert (tmp_path / "README.md").read_text() == (folder / "README.md").read_text()
