import csv
import gzip
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed")

from study_sets import build_tiny_net, make_inputs  # noqa: E402

from ecgapp.benchmark.published import jobs, results  # noqa: E402
from ecgapp.benchmark.published import run as study  # noqa: E402
from ecgapp.benchmark.published.confounders import CONFOUNDERS, border_mask  # noqa: E402
from ecgapp.benchmark.published.inputs import FIVE_CLASSES  # noqa: E402
from ecgapp.cli import main  # noqa: E402
from ecgapp.training import fit as training  # noqa: E402
from ecgapp.training.networks import attention_vgg, bagging, vit  # noqa: E402
from ecgapp.training.networks.registry import ARCHITECTURES, STUDIED  # noqa: E402
from ecgapp.training.run_folder import StaleRunError, read_plan  # noqa: E402

FAST = "cnn2d"
SLOW_TO_COMPILE = ("attention_vgg", "bagging", "cnn3d", "crnn", "lead_cnn_128", "vit")


@pytest.fixture(autouse=True)
def quick_recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, entry in ARCHITECTURES.items():
        recipe = replace(entry.recipe, epochs=1, batch_size=8)
        monkeypatch.setitem(
            ARCHITECTURES, name, replace(entry, recipe=recipe, shortened=entry.shortened and recipe)
        )


@pytest.fixture
def tiny_net(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the training around the net counts, train one that takes no time."""
    monkeypatch.setitem(ARCHITECTURES, FAST, replace(ARCHITECTURES[FAST], build=build_tiny_net))


def part_of(runs: Path, run: study.StudyRun, part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((runs / run.folder_name / part / "part.json").read_text())
    return found


@pytest.fixture
def eager_steps(name: str) -> Iterator[None]:
    """Spare TensorFlow the graphs of large nets, which take longer than the few steps without."""
    if keras.backend.backend() != "tensorflow" or name not in SLOW_TO_COMPILE:
        yield
        return
    import tensorflow

    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(False)


@pytest.mark.usefixtures("eager_steps")
@pytest.mark.filterwarnings("ignore:Even though the `tf.config:UserWarning")
@pytest.mark.parametrize("name", study.names())
def test_every_entry_trains_tests_and_is_saved_on_a_small_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if not study.can_run(name):
        pytest.skip(f"{study.library_of(name)} is not installed")
    # Less of the same in the largest nets, whose full size another test counts.
    monkeypatch.setattr(vit, "BLOCKS", 1)
    monkeypatch.setattr(attention_vgg, "WIDTH", 64)
    monkeypatch.setattr(bagging, "MEMBERS", 2)
    entry = CONFOUNDERS.get(name) or ARCHITECTURES[name]
    is_net = name in ARCHITECTURES and entry.library == "keras"
    began_with: list[np.ndarray] = []
    nets = []

    def build(n_classes: int) -> Any:
        net = entry.build(n_classes)
        began_with.extend(net.get_weights())
        return net

    def train_and_keep(*arguments: Any) -> Any:
        nets.append(training.train(*arguments))
        return nets[-1]

    if is_net:
        monkeypatch.setitem(ARCHITECTURES, name, replace(entry, build=build))
        monkeypatch.setattr(study, "train", train_and_keep)
    n_classes = entry.n_classes[-1]
    run = study.StudyRun(name, "grouped", n_classes)
    # The learners without epochs need every class.
    n_sheets = 6 if entry.library == "keras" else 8 * n_classes
    inputs = make_inputs(entry.input_kind, n_sheets, n_classes)
    study.run_parts(run, inputs, tmp_path, ["fold0"])

    with (tmp_path / run.folder_name / "fold0" / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    part = part_of(tmp_path, run, "fold0")
    assert len({row["sheet"] for row in rows}) == part["n_test"] > 0
    assert not part["leaky"]
    assert part["seconds"] >= 0
    assert part["environment"]["keras"]
    for row in rows:
        found = [float(row[f"p_{label}"]) for label in run.classes]
        assert sum(found) == pytest.approx(1, abs=1e-3)
    assert not list(tmp_path.rglob("*.weights.h5"))  # hundreds of megabytes in the large nets
    if is_net:
        (net,) = nets
        changed = [not np.array_equal(*w) for w in zip(began_with, net.get_weights(), strict=True)]
        assert sum(changed) > len(changed) / 2
        net.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
        said, again = (training.predict(one, inputs, np.arange(4)) for one in (net, loaded))
        np.testing.assert_allclose(again, said, atol=1e-6)


@pytest.mark.usefixtures("tiny_net")
def test_an_interrupted_run_goes_on_and_repeats_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = study.StudyRun(FAST, "grouped", 4)
    inputs = make_inputs("leads_13x64", n_sheets=24)
    trained = []
    train = study.train

    def stop_in_second_fold(*arguments: Any) -> Any:
        if len(trained) == 1:
            raise KeyboardInterrupt
        trained.append(arguments[-1].name)
        return train(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(study, "train", stop_in_second_fold)
        with pytest.raises(KeyboardInterrupt):
            study.run_parts(run, inputs, tmp_path)
    assert trained == ["fold0"]
    assert study.missing_parts(run, inputs, tmp_path) == ["fold1", "fold2"]

    # The parts that are left may be run one by one, in any order.
    study.run_parts(run, inputs, tmp_path, ["fold2"])
    before = (tmp_path / run.folder_name / "fold0" / "part.json").stat().st_mtime_ns
    study.run_parts(run, inputs, tmp_path)
    assert (tmp_path / run.folder_name / "fold0" / "part.json").stat().st_mtime_ns == before
    assert study.missing_parts(run, inputs, tmp_path) == []
    with pytest.raises(ValueError, match="no part fold9"):
        study.run_parts(run, inputs, tmp_path, ["fold9"])


@pytest.mark.usefixtures("tiny_net")
def test_training_that_stopped_in_an_epoch_goes_on_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(ARCHITECTURES[FAST].recipe, epochs=3)
    monkeypatch.setitem(ARCHITECTURES, FAST, replace(ARCHITECTURES[FAST], recipe=recipe))
    run = study.StudyRun(FAST, "holdout", 4)
    inputs = make_inputs("leads_13x64", n_sheets=24)
    write = training._Journal.on_epoch_end

    def stop_in_second_epoch(self: Any, epoch: int, logs: Any = None) -> None:
        if epoch == 1:
            raise KeyboardInterrupt
        write(self, epoch, logs)

    with monkeypatch.context() as patch:
        patch.setattr(training._Journal, "on_epoch_end", stop_in_second_epoch)
        with pytest.raises(KeyboardInterrupt):
            study.run_parts(run, inputs, tmp_path)
    folder = tmp_path / run.folder_name / "holdout"
    assert len(training.read_history(folder)) == 1
    spent = json.loads((folder / "cost.json").read_text())["seconds"]
    study.run_parts(run, inputs, tmp_path)
    assert [row["epoch"] for row in training.read_history(folder)] == [1, 2, 3]
    assert part_of(tmp_path, run, "holdout")["epochs"] == 3
    assert part_of(tmp_path, run, "holdout")["seconds"] > spent


def test_other_data_never_mixes_into_a_run(tmp_path: Path) -> None:
    run = study.StudyRun("layout_only", "grouped", 4)
    study.run_parts(run, make_inputs("printed_rate", n_sheets=24), tmp_path)
    with pytest.raises(StaleRunError, match="--runs"):
        study.run_parts(run, make_inputs("printed_rate", n_sheets=28), tmp_path)


def test_the_leaky_protocol_says_how_much_it_leaks(tmp_path: Path) -> None:
    inputs = make_inputs("printed_rate", n_sheets=80)
    for protocol in ("random", "holdout"):
        study.run_parts(study.StudyRun("printed_rate", protocol, 4), inputs, tmp_path)
    leaky = part_of(tmp_path, study.StudyRun("printed_rate", "random", 4), "random")
    honest = part_of(tmp_path, study.StudyRun("printed_rate", "holdout", 4), "holdout")
    assert leaky["leaky"]
    assert leaky["n_test_in_training"] > 0
    assert not honest["leaky"]
    assert honest["n_test_in_training"] == 0
    n_files = sum(leaky[name] for name in ("n_train", "n_validation", "n_test"))
    assert n_files == inputs.copies_in_v2.sum()


def test_five_classes_are_drawn_at_random_from_both_versions_together(tmp_path: Path) -> None:
    inputs = make_inputs("printed_rate", n_sheets=80, n_classes=5)
    run = study.StudyRun("device_only", "random", 5)
    study.run_parts(run, inputs, tmp_path)
    part = part_of(tmp_path, run, "random")
    n_files = sum(part[name] for name in ("n_train", "n_validation", "n_test"))
    assert n_files == 80 + inputs.copies_in_v2.sum()


@pytest.mark.usefixtures("tiny_net")
def test_collected_results_are_complete_and_the_table_sets_leaky_beside_honest(
    tmp_path: Path,
) -> None:
    runs, shipped = tmp_path / "runs", tmp_path / "models"
    inputs = make_inputs("leads_13x64", n_sheets=60)
    rates = make_inputs("printed_rate", n_sheets=60)
    for protocol in ("grouped", "random"):
        study.run_parts(study.StudyRun(FAST, protocol, 4), inputs, runs)
        study.run_parts(study.StudyRun("layout_only", protocol, 4), rates, runs)
    results.collect(runs, shipped)
    text = (shipped / "results.json").read_text()
    assert "NaN" not in text
    entries = {(one["name"], one["protocol"]): one for one in json.loads(text)["runs"]}
    assert len(entries) == 4

    honest = entries[FAST, "grouped"]
    assert honest["kind"] == "model"
    assert not honest["leaky"]
    assert honest["classes"] == list(FIVE_CLASSES[:4])
    assert honest["n_test"] == honest["n_test_different"] == honest["all"]["sheets"] == 60
    assert honest["only_3x4"]["sheets"] == int((inputs.layout == "3x4").sum())
    assert honest["schedule"] == "full"
    assert honest["epochs"] == 1
    assert honest["published"][0]["metric"] == "accuracy"
    assert honest["cost"]["seconds"] > 0
    assert honest["data_sha256"] == inputs.digest()
    for part in ("all", "only_3x4"):
        found = honest[part]
        low, high = found["accuracy_95"]
        assert 0 <= low <= found["accuracy"] <= high <= 1
        assert sum(map(sum, found["confusion"])) == found["sheets"]
        assert set(found["per_class"]) == set(honest["classes"])
        assert set(found["per_class"]["mi"]) == {
            "precision", "recall", "f1", "specificity", "support",
        }  # fmt: skip
    leaky = entries[FAST, "random"]
    assert leaky["leaky"]
    assert leaky["n_test"] > leaky["n_test_different"]
    assert leaky["all"]["sheets"] == leaky["n_test"]
    assert "leaky" in leaky["note"]
    assert entries["layout_only", "grouped"]["kind"] == "confounder"

    with gzip.open(shipped / "predictions" / f"{FAST}-grouped-4.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    assert {row["sheet"] for row in rows} == set(inputs.sheet)
    with (shipped / "history.csv").open(newline="") as file:
        assert {row["part"] for row in csv.DictReader(file)} == {
            "fold0", "fold1", "fold2", "random",
        }  # fmt: skip

    table = results.to_markdown(list(entries.values()))
    header, model = (
        next(line for line in table.splitlines() if word in line)
        for word in ("published |", "2-D CNN")
    )
    assert header.index("leaky") < header.index("honest")
    assert "98.2% (five classes)" in model
    assert f"n {leaky['n_test']}, {leaky['n_test_different']} different" in model
    assert "n 60, 3 folds" in model
    assert "*Layout only*" in table
    assert "Leaky" in table

    partly = [e | {"schedule": "shortened"} if e is leaky else e for e in entries.values()]
    rows = results.to_markdown(partly).splitlines()
    cells = next(line for line in rows if "2-D CNN" in line).split("|")
    assert [cell.endswith("(shortened schedule) ") for cell in cells[1:5]] == [
        False,
        False,
        True,
        False,
    ]


def test_what_was_shipped_earlier_stays_when_other_runs_are_collected(tmp_path: Path) -> None:
    rates = make_inputs("printed_rate", n_sheets=40)
    shipped = tmp_path / "models"
    for name in ("layout_only", "printed_rate"):
        study.run_parts(study.StudyRun(name, "grouped", 4), rates, tmp_path / name)
        results.collect(tmp_path / name, shipped)
    found = results.read_results(shipped / "results.json")
    assert {entry["name"] for entry in found} == {"layout_only", "printed_rate"}
    first = (shipped / "results.json").read_bytes()
    results.collect(tmp_path / "layout_only", shipped)
    assert (shipped / "results.json").read_bytes() == first


def test_a_run_with_folds_missing_says_so(tmp_path: Path) -> None:
    run = study.StudyRun("layout_only", "grouped", 4)
    study.run_parts(run, make_inputs("printed_rate", n_sheets=40), tmp_path / "runs", ["fold1"])
    (entry,) = results.collect(tmp_path / "runs", tmp_path / "models")
    assert "only fold1 of 3 parts" in entry["note"]
    assert "1 folds" in results.to_markdown([entry])


def test_a_confounder_sees_what_it_says_and_nothing_else() -> None:
    rates = make_inputs("printed_rate", n_sheets=80)
    rows = np.arange(80)
    train, test = rows[:60], rows[60:]
    classes = FIVE_CLASSES[:4]
    by_rate = CONFOUNDERS["printed_rate"].judge(rates, train, test, classes)
    fast = rates.images[test, 0] >= 90
    assert set(np.array(classes)[by_rate[fast].argmax(axis=1)]) == {"abnormal_heartbeat"}
    assert "abnormal_heartbeat" not in np.array(classes)[by_rate[~fast].argmax(axis=1)]
    by_layout = CONFOUNDERS["layout_only"].judge(rates, train, test, classes)
    is_6x2 = rates.layout[test] == "6x2"
    assert (by_layout[is_6x2, 0] == 0).all()  # normal sheets are never 6x2
    assert len(np.unique(by_layout, axis=0)) == 2

    # Header and footer are seen; a curve, wherever a layout prints one, is not.
    seen = border_mask(182, 256)
    assert seen[:20].all()
    assert seen[-5:].all()
    assert not seen[26:174, 10:250].any()


def test_the_command_runs_parts_side_by_side_collects_and_prints_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_inputs("printed_rate", n_sheets=40).save(tmp_path)
    runs, shipped = str(tmp_path / "runs"), str(tmp_path / "models")
    command = ["study", "run", "layout_only", "--protocol", "grouped"]
    command += ["--inputs", str(tmp_path), "--runs", runs]
    assert main.main([*command, "--fold", "0"]) == 0
    assert main.main([*command, "--jobs", "2"]) == 0
    printed = capsys.readouterr().out
    assert "2 parts to run" in printed  # fold 0 is done
    assert "[2/2]" in printed
    assert "left" in printed
    assert (tmp_path / "runs" / "layout_only-grouped-4" / "fold1.log").exists()
    assert main.main(["study", "collect", "--runs", runs, "--models", shipped]) == 0
    assert main.main(["study", "table", "--models", shipped]) == 0
    assert "| *Layout only* |" in capsys.readouterr().out
    assert "2 runs side by side" in (tmp_path / "models" / "study" / "results.json").read_text()


def test_a_job_that_fails_is_named_with_its_log_and_stops_no_other(tmp_path: Path) -> None:
    said: list[str] = []
    wrong = jobs.Job("wrong", ("study", "run"), tmp_path / "wrong.log")
    right = jobs.Job("right", ("--help",), tmp_path / "right.log")
    assert jobs.run_side_by_side([wrong, right], 1, said.append) == [wrong]
    assert "FAILED" in said[0]
    assert "wrong.log" in said[0]
    assert "done" in said[1]
    assert "usage" in (tmp_path / "right.log").read_text()


def test_stopping_the_command_stops_what_it_started(tmp_path: Path) -> None:
    make_inputs("leads_13x64", n_sheets=24).save(tmp_path)
    command = [sys.executable, "-m", "ecgapp", "study", "run", FAST, "--protocol", "grouped"]
    command += ["--inputs", str(tmp_path), "--runs", str(tmp_path / "runs"), "--jobs", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()  # the first job starts now
        time.sleep(1)
        parent.terminate()
        assert parent.wait(timeout=30) == main.EXIT_INTERRUPTED
    # The log is complete: nothing writes to it any more.
    log = tmp_path / "runs" / f"{FAST}-grouped-4" / "fold0.log"
    size = log.stat().st_size
    time.sleep(3)
    assert log.stat().st_size == size
    assert not list(tmp_path.rglob("part.json"))


def test_study_list_shows_all_fifteen_and_wrong_names_are_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["study", "list"]) == 0
    listed = capsys.readouterr().out
    for name in study.names():
        assert f"  {name} " in listed
    assert len(STUDIED) == 15
    command = ["study", "run", "--protocol", "grouped", "--inputs", str(tmp_path)]
    assert main.main(command) == 2
    assert main.main([*command, "resnet"]) == 2
    assert "resnet" in capsys.readouterr().err
    assert main.main([*command, "layout_only"]) == 2  # nothing was prepared there


def test_a_shortened_schedule_is_named(tmp_path: Path) -> None:
    run = study.StudyRun("vit", "grouped", 4, schedule="shortened")
    inputs = make_inputs("page_182x256", n_sheets=12)
    study.missing_parts(run, inputs, tmp_path)
    assert read_plan(tmp_path / run.folder_name)["schedule"] == "shortened"
    (planned,) = study.plan_runs(["vit"], ["grouped"], [4, 5], 0, "shortened")
    assert planned == run


def test_the_quick_radial_kernel_gives_the_usual_support_vector_machine() -> None:
    pytest.importorskip("sklearn")
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler
    from sklearn.svm import SVC

    from ecgapp.training.networks.classical import build_svm

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 40)).astype(np.float32)
    labels = (images[:, 0] > 80).astype(int) + (images[:, 1] > 150)
    usual = make_pipeline(MinMaxScaler(), SVC()).fit(images[:40], labels[:40])
    quick = build_svm(3).fit(images[:40], labels[:40])
    np.testing.assert_allclose(
        quick.decision_function(images[40:]), usual.decision_function(images[40:]), atol=1e-4
    )
