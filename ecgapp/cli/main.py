"""The command line: ``python -m ecgapp COMMAND``.

Each command is one ``_add_<command>`` function, which declares its arguments, and one
``_run_<command>`` function, which returns the exit status. What a command needs is imported when
it runs, so that ``--help`` and ``predict`` stay quick and never load a training framework.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ecgapp.benchmark.published.run import StudyRun
    from ecgapp.datasets.window_set import WindowSet
    from ecgapp.ecg import Signals
    from ecgapp.pipeline import Diagnosis
    from ecgapp.training.crossval import LabelledSet

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

EXIT_OK = 0
EXIT_FOUND = 1
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_REFUSED = 3
EXIT_INTERRUPTED = 130
EXIT_READER_GONE = 141


def main(argv: list[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : list of str, optional
        Arguments without the program's name; those of the process when left out.

    Returns
    -------
    int
        Exit status of the command; 1 when a shipped model is missing or damaged, or a package
        that it needs is not installed, 2 when a file that it needs cannot be opened or written,
        130 when it was stopped with Ctrl+C, 141 when the reader of its output stopped reading.

    Raises
    ------
    SystemExit
        With status 2 for wrong usage, with 0 after ``--help``.
    """
    from ecgapp.errors import Refusal

    arguments = _build_parser().parse_args(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A file's name may hold what the terminal's encoding lacks.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        status = int(arguments.run(arguments))
        print(end="", flush=True)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # `head` has read enough. Python would write the rest at exit, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_READER_GONE
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        print(f"{name}{_in_words(error)}", file=sys.stderr)
        return EXIT_USAGE
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return EXIT_USAGE
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "ecgapp":
            raise
        print(
            f"{error.name} is not installed. `make app` installs what serving needs, `make lint` "
            "also what training and the study need.",
            file=sys.stderr,
        )
        return EXIT_FAILED
    except Exception as error:
        # Late: --help need not wait for ONNX Runtime.
        from ecgapp.io.weights import ModelError

        if not isinstance(error, ModelError):
            raise
        print(error, file=sys.stderr)
        return EXIT_FAILED
    return status


def _in_words(problem: Exception) -> str:
    """Say what is wrong, without the number that Python gives a system's error."""
    return getattr(problem, "strerror", None) or str(problem)


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ecgapp",
        description="Reads scanned 12-lead ECG sheets lead by lead. For research and teaching; "
        "not a medical device.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_predict(commands)
    _add_digitize(commands)
    _add_audit(commands)
    _add_bench(commands)
    _add_pretrain(commands)
    _add_train(commands)
    _add_crossval(commands)
    _add_windows(commands)
    _add_export(commands)
    _add_evaluate(commands)
    _add_study(commands)
    _add_check_leads(commands)
    _add_render(commands)
    return parser


def _add_predict(commands: Commands) -> None:
    parser = commands.add_parser(
        "predict",
        help="read sheets and print a verdict for each",
        description="Reads scanned or exported 12-lead ECG sheets and prints what the models see. "
        "Exits with 3 when some of the files were refused. Not a medical device.",
    )
    # Not as Path, which would change how a name is written.
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--json", action="store_true", help="print one JSON array, lead by lead")
    parser.set_defaults(run=_run_predict)


def _run_predict(arguments: argparse.Namespace) -> int:
    from ecgapp.inference.shipped_models import load_models, load_twelve_lead_network
    from ecgapp.inference.verdict import shipped_rule
    from ecgapp.report.json_and_csv import to_json_object, to_line

    # Before anything is printed, so that an incomplete installation leaves no half array.
    load_models()
    load_twelve_lead_network()
    shipped_rule()
    # Written as it goes, so that what a stopped command has read is not lost.
    refused = False
    for number, name in enumerate(_with_progress(arguments.files)):
        diagnosis = _diagnose_file(Path(name))
        refused |= diagnosis.refusal is not None
        if arguments.json:
            print("[" if number == 0 else ",")
            print(json.dumps(to_json_object(diagnosis, name)), end="")
        else:
            print(to_line(diagnosis, name), flush=True)
    if arguments.json:
        print("\n]")
    return EXIT_REFUSED if refused else EXIT_OK


def _diagnose_file(path: Path) -> Diagnosis:
    from ecgapp.pipeline import Diagnosis, diagnose

    try:
        data = _read_up_to_limit(path)
    except OSError as error:
        from ecgapp.errors import Refusal

        what = f"Opening the file: {_in_words(error)}; give the path of a picture file."
        return Diagnosis(refusal=Refusal("cannot_open", "Opening the file", what))
    return diagnose(data)


def _read_up_to_limit(path: Path) -> bytes:
    """Read a file, or as much of it as shows that it is too large."""
    from ecgapp.errors import MAX_UPLOAD_BYTES

    with path.open("rb") as file:
        return file.read(MAX_UPLOAD_BYTES + 1)


def _with_progress(files: list[str]) -> Iterable[str]:
    """Show a progress bar over several files, unless nobody watches."""
    if len(files) == 1 or not sys.stderr.isatty():
        return files
    from rich.console import Console
    from rich.progress import track

    return track(files, "Reading sheets", console=Console(stderr=True))


def _add_digitize(commands: Commands) -> None:
    parser = commands.add_parser(
        "digitize",
        help="trace a sheet's leads to a table of signals",
        description="Writes the columns time_s,I,II,III,aVR,aVL,aVF,V1,...,V6 in mV at 500 Hz, on "
        "the sheet's own time axis, empty where the sheet does not show a lead. An output that "
        "ends in .hea or .dat becomes a WFDB record of both files, one that ends in .dcm a DICOM "
        "waveform object. Exits with 3 when the sheet cannot be read.",
    )
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("-o", "--output", type=_signals_path, required=True, metavar="OUT.csv")
    parser.set_defaults(run=_run_digitize)


def _run_digitize(arguments: argparse.Namespace) -> int:
    from ecgapp.errors import Refusal

    try:
        signals = _signals_of(_read_up_to_limit(arguments.file))
    except (OSError, Refusal) as problem:
        print(f"{arguments.file}: {_in_words(problem)}", file=sys.stderr)
        return EXIT_REFUSED
    for path, content in _signal_files(signals, arguments.output).items():
        path.write_bytes(content)
    return EXIT_OK


def _signals_of(data: bytes) -> Signals:
    """Take the signals of a waveform object, or trace the first page that shows a sheet."""
    from ecgapp.digitize.leads import cut_leads
    from ecgapp.digitize.trace import digitize
    from ecgapp.errors import Refusal
    from ecgapp.io.dicom_waveform import read_waveform
    from ecgapp.io.pages import read_pages
    from ecgapp.sheet.locate import locate

    waveform = read_waveform(data)
    if waveform is not None:
        return waveform
    refusals: list[Refusal] = []
    for page in read_pages(data):
        try:
            sheet = locate(page)
            return digitize(sheet, cut_leads(sheet))
        except Refusal as refusal:
            refusals.append(refusal)
    raise refusals[0]


def _signal_files(signals: Signals, output: Path) -> dict[Path, bytes]:
    """Write signals in the format that the output's name asks for, as a table unless it does."""
    from ecgapp.io.dicom_waveform import write_dicom_waveform
    from ecgapp.io.signals_csv import write_signals_csv
    from ecgapp.io.wfdb_record import write_wfdb

    suffix = output.suffix.lower()
    if suffix == ".dcm":
        return {output: write_dicom_waveform(signals)}
    if suffix in WFDB_SUFFIXES:
        files = write_wfdb(signals, output.stem)
        return {output.with_name(name): content for name, content in files.items()}
    return {output: write_signals_csv(signals).encode()}


WFDB_SUFFIXES = (".hea", ".dat")


def _signals_path(text: str) -> Path:
    """Read an argument that names signals to write, so that a wrong one is wrong usage."""
    from ecgapp.io.wfdb_record import RECORD_NAME

    path = _new_file(text)
    if path.suffix.lower() in WFDB_SUFFIXES and not RECORD_NAME.fullmatch(path.stem):
        raise argparse.ArgumentTypeError(
            f"{path.stem!r} cannot name a WFDB record, which takes letters, digits, _ and -"
        )
    return path


def _existing_folder(text: str) -> Path:
    """Read an argument that must name a folder, so that a wrong one is wrong usage."""
    folder = Path(text)
    if not folder.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text!r}")
    return folder


def _new_file(text: str) -> Path:
    """Read an argument that names a file to write; found wrong before the work, not after it."""
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is a folder, and should be a file's name")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {str(path.parent)!r}")
    return path


def _at_least_one(text: str) -> int:
    """Read an argument that counts something."""
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return number


def _add_audit(commands: Commands) -> None:
    parser = commands.add_parser(
        "audit",
        help="check a folder of labelled sheets for duplicates, leaks and label conflicts",
        description="Checks a folder of class subfolders, with or without train/val/test folders "
        "above them, for unreadable files, duplicates, label conflicts and leaks between splits. "
        "A manifest.csv in the folder or beside it is read too. Exits with 1 when splits share "
        "content or sessions.",
    )
    parser.add_argument("folder", type=_existing_folder, metavar="DIR")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    parser.set_defaults(run=_run_audit)


def _run_audit(arguments: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    from ecgapp.datasets.audit import audit
    from ecgapp.errors import Refusal

    # On stderr, so that the report alone can be piped.
    console = Console(stderr=True)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("Reading files", total=None)
            report = audit(
                arguments.folder,
                lambda done, total: progress.update(task, completed=done, total=total),
            )
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return EXIT_USAGE
    if arguments.json:
        print(json.dumps(report.to_dict(), indent=2))
    else:
        print(report.to_text())
    return EXIT_FOUND if report.leaks else EXIT_OK


def _add_bench(commands: Commands) -> None:
    parser = commands.add_parser(
        "bench",
        help="measure speed and memory, how well sheets are read, or what moves the verdict",
        description="speed: measures a warm reading against a pipeline of scikit-image, PNG files "
        "and Keras, and a cold predict against importing Keras and loading the models. trace: "
        "draws recordings in every layout, clean and photographed, reads them back, reads real "
        "sheets and photographs, and shows pictures that are no ECG. counterfactuals: changes "
        "simulated patients and their pages and tells what the verdict makes of it. Needs the "
        "training requirements.",
    )
    parser.add_argument(
        "what", nargs="?", choices=("speed", "trace", "counterfactuals"), default="speed"
    )
    parser.add_argument(
        "--data", type=_existing_folder, metavar="DIR", help="trace: holds khan, ludb, ptbxl"
    )
    parser.add_argument(
        "--records",
        type=_at_least_one,
        default=12,
        metavar="N",
        help="trace: recordings of each source (default 12; two minutes of one core for each)",
    )
    parser.add_argument(
        "--overlays",
        type=_existing_folder,
        metavar="DIR",
        help="trace: write the photographs there, with what was found drawn over them",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON array")
    parser.add_argument(
        "--warm", type=_at_least_one, default=20, metavar="N", help="readings (default 20)"
    )
    parser.add_argument(
        "--cold", type=_at_least_one, default=5, metavar="N", help="processes (default 5)"
    )
    parser.set_defaults(run=_run_bench)


def _run_bench(arguments: argparse.Namespace) -> int:
    if arguments.what == "trace":
        return _run_bench_trace(arguments)
    if arguments.what == "counterfactuals":
        return _run_bench_counterfactuals(arguments)
    from ecgapp.benchmark.speed import run_benchmark, to_table

    try:
        comparisons = run_benchmark(arguments.warm, arguments.cold)
    except FileNotFoundError as missing:
        print(missing, file=sys.stderr)
        return EXIT_REFUSED
    if arguments.json:
        print(json.dumps([comparison.to_dict() for comparison in comparisons], indent=2))
    else:
        from rich.console import Console

        Console().print(to_table(comparisons))
    return EXIT_OK


def _run_bench_trace(arguments: argparse.Namespace) -> int:
    if arguments.data is None:
        print("bench trace needs --data DIR", file=sys.stderr)
        return EXIT_USAGE
    from dataclasses import asdict

    from rich.console import Console

    from ecgapp.benchmark import reading

    photos = reading.read_photos(arguments.data / "photos", arguments.overlays)
    figures = reading.run(arguments.data, arguments.records)
    if arguments.json:
        print(json.dumps(list(map(asdict, figures)) + list(map(asdict, photos)), indent=2))
    else:
        Console().print(reading.to_table(figures), reading.photo_table(photos))
    return EXIT_OK


def _run_bench_counterfactuals(arguments: argparse.Namespace) -> int:
    from dataclasses import asdict

    from rich.console import Console

    from ecgapp.benchmark import counterfactuals

    changes = [
        effect
        for layout in counterfactuals.LAYOUTS
        for effect in counterfactuals.change_effects(layout)
    ]
    pages = [counterfactuals.page_effect(layout) for layout in counterfactuals.LAYOUTS]
    if arguments.json:
        print(json.dumps(list(map(asdict, changes)) + list(map(asdict, pages)), indent=2))
    else:
        Console().print(counterfactuals.to_table(changes))
        print(counterfactuals.pages_text(pages))
    return EXIT_OK


ARCHITECTURES = ("cnn", "crnn")
TWELVE_LEAD_NETWORK = "twelve_lead"
TRAINED = (*ARCHITECTURES, TWELVE_LEAD_NETWORK)


def _add_pretrain(commands: Commands) -> None:
    parser = commands.add_parser(
        "pretrain",
        help="pretrain the twelve-lead network on PTB-XL",
        description="Teaches the twelve-lead network what PTB-XL states about its records, "
        "presented as sheets, and writes models/twelve_lead/pretrained.npz, from which crossval "
        "begins. "
        "About half an hour on two cores. A stopped command goes on where it stopped.",
    )
    parser.add_argument("architecture", choices=(TWELVE_LEAD_NETWORK,))
    parser.add_argument(
        "--data",
        type=_existing_folder,
        required=True,
        metavar="DIR",
        help="data folder, which holds ptbxl/",
    )
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), metavar="DIR", help="where the state is kept"
    )
    parser.add_argument("--models", type=Path, default=Path("models"), metavar="DIR")
    parser.set_defaults(run=_run_pretrain)


def _run_pretrain(arguments: argparse.Namespace) -> int:
    from ecgapp.datasets.ptbxl import load_records
    from ecgapp.training.pretrain import Pretraining, pretrain, ship_pretrained
    from ecgapp.training.run_folder import StaleRunError

    runs = arguments.runs / f"{arguments.architecture}-pretrained"
    train, choose = (load_records(arguments.data, part) for part in ("train", "val"))
    try:
        net = pretrain(train, choose, Pretraining(), runs)
    except StaleRunError as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    folder = arguments.models / arguments.architecture
    ship_pretrained(net, runs, folder)
    print(f"Written to {folder}; next: python -m ecgapp crossval {arguments.architecture}")
    return EXIT_OK


def _add_train(commands: Commands) -> None:
    parser = commands.add_parser(
        "train",
        help="train one model",
        description="Trains one model and writes runs/ARCH/model.keras. Sessions are held out for "
        "early stopping, unless --epochs says how long to train on every sheet. Stopped training "
        "goes on where it stopped.",
    )
    _add_training_arguments(parser)
    parser.add_argument(
        "--epochs",
        type=_at_least_one,
        metavar="N",
        help="train on every sheet for exactly N epochs",
    )
    parser.set_defaults(run=_run_train)


def _run_train(arguments: argparse.Namespace) -> int:
    from ecgapp.training.crossval import train_final
    from ecgapp.training.networks import registry
    from ecgapp.training.run_folder import StaleRunError

    windows = _rows_to_train_on(arguments)
    name = arguments.architecture
    runs = arguments.runs / name
    recipe = registry.ARCHITECTURES[name].recipe
    try:
        train_final(name, windows, _classes(windows), recipe, runs, arguments.epochs)
    except StaleRunError as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    print(f"Trained model: {runs / 'model.keras'}")
    return EXIT_OK


def _add_crossval(commands: Commands) -> None:
    parser = commands.add_parser(
        "crossval",
        help="cross-validate a model on the grouped folds, and train the one that ships",
        description="Trains and tests a model on every fold, then trains the shipped model on "
        "every sheet for as many epochs as the folds needed, and writes it with its out-of-fold "
        "predictions to models/ARCH. Run export afterwards. A stopped command goes on where it "
        "stopped.",
    )
    _add_training_arguments(parser)
    parser.add_argument(
        "--fold",
        type=int,
        action="append",
        metavar="K",
        help="run only this fold and train no final model (may be repeated)",
    )
    parser.add_argument("--models", type=Path, default=Path("models"), metavar="DIR")
    parser.set_defaults(run=_run_crossval)


def _run_crossval(arguments: argparse.Namespace) -> int:
    import numpy as np

    from ecgapp.training import crossval
    from ecgapp.training.networks import registry
    from ecgapp.training.run_folder import StaleRunError

    windows = _rows_to_train_on(arguments)
    classes = _classes(windows)
    name = arguments.architecture
    recipe = registry.ARCHITECTURES[name].recipe
    runs = arguments.runs / name
    known = np.unique(windows.fold).tolist()
    if unknown := set(arguments.fold or ()) - set(known):
        print(f"no fold {min(unknown)} in the data; folds: {known}", file=sys.stderr)
        return EXIT_USAGE
    folds = arguments.fold or known
    try:
        crossval.cross_validate(name, windows, classes, recipe, runs, folds)
        if arguments.fold:
            return EXIT_OK
        epochs = crossval.learnt_epochs(runs, folds)
        crossval.train_final(name, windows, classes, recipe, runs, epochs)
    except StaleRunError as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    crossval.ship(runs, windows, arguments.models / name)
    print(f"Written to {arguments.models / name}; next: python -m ecgapp export")
    return EXIT_OK


def _add_windows(commands: Commands) -> None:
    parser = commands.add_parser(
        "windows",
        help="cut all labelled sheets into one file of model windows",
        description="Reads every labelled twelve-lead sheet of a data folder and writes the "
        "windows that models train on to one .npz file, for train and crossval on a machine "
        "without the sheets.",
    )
    parser.add_argument("--data", type=_existing_folder, required=True, metavar="DIR")
    parser.add_argument("-o", "--output", type=_new_file, required=True, metavar="FILE.npz")
    parser.set_defaults(run=_run_windows)


def _run_windows(arguments: argparse.Namespace) -> int:
    windows = _windows_of_data(arguments.data)
    windows.save(arguments.output)
    print(f"{len(windows)} windows written to {arguments.output}")
    return EXIT_OK


STUDY_FOLDER = Path("models", "study")


def _add_evaluate(commands: Commands) -> None:
    parser = commands.add_parser(
        "evaluate",
        help="print the shipped models' out-of-fold figures",
        description="Prints what the shipped out-of-fold predictions amount to, for the verdict "
        "and for each model: accuracy, macro-F1, every class, areas under the receiver operating "
        "characteristic, calibration, confident verdicts and prediction sets, for all sheets, for "
        "3x4 alone, and without the sheets whose labels are suspicious, or were doubtful when they "
        "were looked at; and where errors lie. The suspicious ones are chosen by the verdicts "
        "themselves, so without them figures rise by construction: take them for a bound. Needs "
        "neither data nor the training requirements.",
    )
    parser.add_argument("--models", type=_existing_folder, default=Path("models"), metavar="DIR")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    parser.set_defaults(run=_run_evaluate)


def _run_evaluate(arguments: argparse.Namespace) -> int:
    from rich.console import Console

    from ecgapp.evaluation.summary import evaluate_shipped, to_text

    evaluation = evaluate_shipped(arguments.models)
    if arguments.json:
        print(json.dumps(evaluation.to_dict(), indent=2))
    else:
        Console().print(*to_text(evaluation), sep="\n")
    return EXIT_OK


def _add_study(commands: Commands) -> None:
    parser = commands.add_parser(
        "study",
        help="train and judge the published models under honest and leaky protocols",
        description="The study: every published model, and what can be told without reading a "
        "heartbeat, trained and judged under the same protocols.",
    )
    steps = parser.add_subparsers(title="steps", metavar="STEP", required=True)
    _add_study_list(steps)
    _add_study_inputs(steps)
    _add_study_run(steps)
    _add_study_collect(steps)
    _add_study_table(steps)
    _add_study_suspicious(steps)


def _add_study_list(steps: Commands) -> None:
    parser = steps.add_parser("list", help="list the models and the confounder checks")
    parser.set_defaults(run=_run_study_list)


def _run_study_list(arguments: argparse.Namespace) -> int:
    from ecgapp.benchmark.published.confounders import CONFOUNDERS
    from ecgapp.training.networks.registry import STUDIED

    print("Models")
    for model in STUDIED.values():
        classes = " or ".join(map(str, model.n_classes))
        print(f"  {model.name:22}{model.title}; {classes} classes; {model.source}")
    print("Confounder checks")
    for check in CONFOUNDERS.values():
        classes = " or ".join(map(str, check.n_classes))
        print(f"  {check.name:22}{check.title}; {classes} classes; {check.note}")
    return EXIT_OK


def _add_study_inputs(steps: Commands) -> None:
    parser = steps.add_parser(
        "inputs",
        help="cut all labelled sheets into the files that the models read",
        description="Reads every labelled sheet of a data folder and writes one .npz file for each "
        "kind of input, for study run on a machine without the sheets.",
    )
    parser.add_argument("--data", type=_existing_folder, required=True, metavar="DIR")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    parser.set_defaults(run=_run_study_inputs)


def _run_study_inputs(arguments: argparse.Namespace) -> int:
    from ecgapp.benchmark.published.inputs import INPUT_KINDS

    for kind in INPUT_KINDS:
        _prepare_inputs(arguments.data, kind, arguments.output)
    return EXIT_OK


def _prepare_inputs(data: Path, kind: str, folder: Path) -> None:
    """Write one kind of input of all labelled sheets of a data folder."""
    from ecgapp.benchmark.published.inputs import FIVE_CLASSES
    from ecgapp.benchmark.published.prepare import build_inputs
    from ecgapp.datasets.khan import read_manifest

    inputs, refusals = build_inputs(read_manifest(data, FIVE_CLASSES), kind, Path(".cache"))
    path = inputs.save(folder)
    print(f"{len(inputs)} rows written to {path}; {len(refusals)} sheets cannot be read this way")


def _add_study_run(steps: Commands) -> None:
    parser = steps.add_parser(
        "run",
        help="train and test models under a protocol",
        description="Trains and tests models and confounder checks. An interrupted run goes on "
        "where it stopped when the command is repeated; what is done is not done again. "
        "Afterwards: study collect, study table.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="see study list")
    parser.add_argument("--all", action="store_true", help="run all whose library is installed")
    parser.add_argument(
        "--protocol",
        nargs="+",
        required=True,
        choices=("grouped", "holdout", "random"),
        help="grouped: five folds by session; holdout: 70/15/15 by session; random: as published, "
        "over file copies, LEAKY",
    )
    parser.add_argument("--classes", nargs="+", type=int, choices=(4, 5), default=[4])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=_existing_folder, metavar="DIR", help="holds khan/")
    source.add_argument(
        "--inputs", type=_existing_folder, metavar="DIR", help="what study inputs wrote"
    )
    parser.add_argument("--runs", type=Path, default=Path("runs", "study"), metavar="DIR")
    parser.add_argument(
        "--fold", type=int, action="append", metavar="K", help="of grouped, run only this fold"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument(
        "--schedule",
        choices=("full", "shortened"),
        help="full wherever there is a GPU, and for all nets but the two largest",
    )
    parser.add_argument(
        "--jobs",
        type=_at_least_one,
        metavar="N",
        help="run N at a time, each in a process with a log file",
    )
    parser.set_defaults(run=_run_study_run)


def _run_study_run(arguments: argparse.Namespace) -> int:
    from ecgapp.benchmark.published import run as study
    from ecgapp.training.run_folder import StaleRunError

    if unknown := set(arguments.names) - set(study.names()):
        print(f"not in study list: {', '.join(sorted(unknown))}", file=sys.stderr)
        return EXIT_USAGE
    if bool(arguments.names) == arguments.all:
        print("name what to run, or give --all", file=sys.stderr)
        return EXIT_USAGE
    runs = study.plan_runs(
        study.names() if arguments.all else arguments.names,
        arguments.protocol,
        arguments.classes,
        arguments.seed,
        arguments.schedule,
    )
    for name in dict.fromkeys(run.name for run in runs if not study.can_run(run.name)):
        print(f"left out {name}: it needs {study.library_of(name)}", file=sys.stderr)
    runs = [run for run in runs if study.can_run(run.name)]
    folder = arguments.inputs or Path(".cache", "study-inputs")
    if arguments.data:
        for kind in dict.fromkeys(run.entry.input_kind for run in runs):
            _prepare_inputs(arguments.data, kind, folder)
    parts = [f"fold{fold}" for fold in arguments.fold] if arguments.fold else None
    try:
        if arguments.jobs:
            return _run_in_processes(runs, folder, parts, arguments.runs, arguments.jobs)
        for run in runs:
            study.run_parts(run, study.load(folder, run), arguments.runs, parts)
    except (OSError, StaleRunError, ValueError) as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    return EXIT_OK


def _run_in_processes(
    runs: Sequence[StudyRun], inputs: Path, parts: list[str] | None, folder: Path, n_at_once: int
) -> int:
    from ecgapp.benchmark.published.jobs import jobs_of, run_side_by_side

    jobs = jobs_of(runs, inputs, parts, folder)
    print(f"{len(jobs)} parts to run, {n_at_once} at a time; logs in {folder}", flush=True)
    return EXIT_FOUND if run_side_by_side(jobs, n_at_once) else EXIT_OK


def _add_study_collect(steps: Commands) -> None:
    parser = steps.add_parser(
        "collect", help="write the figures and predictions of the finished runs to models/study"
    )
    parser.add_argument(
        "--runs", type=_existing_folder, default=Path("runs", "study"), metavar="DIR"
    )
    parser.add_argument("-o", "--output", type=Path, default=STUDY_FOLDER, metavar="DIR")
    parser.set_defaults(run=_run_study_collect)


def _run_study_collect(arguments: argparse.Namespace) -> int:
    from ecgapp.benchmark.published.results import collect

    entries = collect(arguments.runs, arguments.output)
    print(f"{len(entries)} runs in {arguments.output}; next: python -m ecgapp study table")
    return EXIT_OK


def _add_study_table(steps: Commands) -> None:
    parser = steps.add_parser(
        "table", help="print the table: published, ours when leaky, ours when honest (Markdown)"
    )
    parser.add_argument("--results", type=Path, default=STUDY_FOLDER, metavar="DIR")
    parser.set_defaults(run=_run_study_table)


def _run_study_table(arguments: argparse.Namespace) -> int:
    from ecgapp.benchmark.published.results import RESULTS_FILE, read_results, to_markdown

    try:
        print(to_markdown(read_results(arguments.results / RESULTS_FILE)), end="")
    except OSError as error:
        print(f"{error}; run study collect first", file=sys.stderr)
        return EXIT_REFUSED
    return EXIT_OK


def _add_study_suspicious(steps: Commands) -> None:
    parser = steps.add_parser(
        "suspicious",
        help="list the sheets whose labels the shipped verdicts contradict",
        description="Finds suspicious labels by confident learning on the out-of-fold verdicts and "
        "writes models/study/suspicious_sheets.csv, the most suspicious first. What a person saw "
        "on a sheet is taken from suspicious_seen.csv beside it (columns sheet, seen).",
    )
    parser.add_argument("--models", type=_existing_folder, default=Path("models"), metavar="DIR")
    parser.set_defaults(run=_run_study_suspicious)


def _run_study_suspicious(arguments: argparse.Namespace) -> int:
    from ecgapp.evaluation.calibration import VERDICT_PREDICTIONS
    from ecgapp.evaluation.predictions import read_predictions
    from ecgapp.training import label_noise

    models: Path = arguments.models
    verdicts = read_predictions(models / VERDICT_PREDICTIONS)
    alone = [read_predictions(models / name / "predictions.csv").by_sheet() for name in TRAINED]
    seen = label_noise.read_seen(models / "study" / label_noise.SEEN_FILE)
    found = label_noise.find_suspicious(verdicts, alone, seen)
    path = models / "study" / label_noise.SUSPICIOUS_FILE
    label_noise.write_suspicious(path, found)
    looked_at = sum(sheet.seen != "" for sheet in found)
    print(f"{len(found)} of {len(verdicts)} sheets in {path}; {looked_at} of them were looked at")
    return EXIT_OK


def _add_check_leads(commands: Commands) -> None:
    parser = commands.add_parser(
        "check-leads",
        help="check over a data folder that leads are found, named and cut rightly",
        description="Finds and cuts the leads of every sheet that the manifest lists, and "
        "counts how often the layout is right, how much of the curves is missing, and how far "
        "simultaneous limb leads are from Einthoven's and Goldberger's laws.",
    )
    parser.add_argument("--data", type=_existing_folder, required=True, metavar="DIR")
    parser.set_defaults(run=_run_check_leads)


def _run_check_leads(arguments: argparse.Namespace) -> int:
    from ecgapp.benchmark.leads import check_sheets, compare_originals, to_text

    checks = check_sheets(arguments.data)
    print(to_text(checks, *compare_originals(arguments.data)))
    return EXIT_OK


def _add_export(commands: Commands) -> None:
    parser = commands.add_parser(
        "export",
        help="convert the trained models for serving and check that they say the same",
        description="Converts models/cnn, crnn and twelve_lead from Keras to ONNX, checks that "
        "both say the same, writes each model's card, and learns from the out-of-fold "
        "predictions when a "
        "verdict is confident.",
    )
    parser.add_argument("--models", type=_existing_folder, default=Path("models"), metavar="DIR")
    parser.set_defaults(run=_run_export)


def _run_export(arguments: argparse.Namespace) -> int:
    from ecgapp.training.export import ParityError, export_model
    from ecgapp.training.model_card import write_card, write_verdict_card
    from ecgapp.training.stacking import write_rule

    for name in TRAINED:
        try:
            difference = export_model(arguments.models / name)
        except ParityError as error:
            print(f"{name} was not exported: {error}", file=sys.stderr)
            return EXIT_FAILED
        write_card(arguments.models / name)
        print(f"{name}: exported, probabilities differ by at most {difference:.1e}")
    rule = write_rule(arguments.models, TRAINED)
    write_verdict_card(arguments.models)
    print(
        f"A verdict is confident from {rule.min_probability:.1%} on: "
        f"{rule.confident_share:.0%} of the sheets, {rule.expected_accuracy:.1%} of them right"
    )
    return EXIT_OK


def _add_training_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("architecture", choices=TRAINED)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--data", type=_existing_folder, metavar="DIR", help="data folder, which holds khan/"
    )
    source.add_argument(
        "--windows", type=Path, metavar="FILE.npz", help="a file that the windows command wrote"
    )
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), metavar="DIR", help="where runs keep their state"
    )


def _rows_to_train_on(arguments: argparse.Namespace) -> LabelledSet:
    if arguments.architecture != TWELVE_LEAD_NETWORK:
        return _windows_to_train_on(arguments)
    if not arguments.data:
        print(f"{TWELVE_LEAD_NETWORK} reads whole sheets: give --data", file=sys.stderr)
        raise SystemExit(EXIT_USAGE)
    from ecgapp.datasets.khan import read_manifest
    from ecgapp.training.twelve_lead_sheets import build_sheets

    sheets, refusals = build_sheets(read_manifest(arguments.data), Path(".cache"))
    _name_left_out(refusals)
    return sheets


def _windows_to_train_on(arguments: argparse.Namespace) -> WindowSet:
    from ecgapp.datasets.window_set import load_windows

    if arguments.data:
        return _windows_of_data(arguments.data)
    try:
        return load_windows(arguments.windows)
    except (ValueError, KeyError, EOFError, BadZipFile) as error:
        print(
            f"{arguments.windows}: no file that the windows command wrote ({error})",
            file=sys.stderr,
        )
        raise SystemExit(EXIT_USAGE) from error


def _windows_of_data(data: Path) -> WindowSet:
    from ecgapp.datasets.khan import build_windows, read_manifest

    windows, refusals = build_windows(read_manifest(data), Path(".cache"))
    _name_left_out(refusals)
    return windows


def _name_left_out(refusals: dict[Path, str]) -> None:
    for path, reason in refusals.items():
        print(f"left out {path.name}: {reason}", file=sys.stderr)


def _classes(windows: LabelledSet) -> tuple[str, ...]:
    """Order the set's labels as the models' outputs are ordered."""
    from ecgapp.datasets.window_set import CLASSES

    found = set(windows.label.tolist())
    return tuple(name for name in CLASSES if name in found)


def _picture_path(text: str) -> Path:
    """Read an argument that must name a picture to write, so that a wrong one is wrong usage."""
    path = _new_file(text)
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise argparse.ArgumentTypeError(f"{text!r} should end in .png or .jpg")
    return path


def _leads(text: str) -> tuple[str, ...]:
    """Read an argument that lists the leads of up to three rhythm strips."""
    from ecgapp.ecg import LEADS, RHYTHM_STRIPS

    leads = tuple(text.split(","))
    if unknown := [lead for lead in leads if lead not in LEADS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is no lead; there are {','.join(LEADS)}")
    if len(leads) > len(RHYTHM_STRIPS):
        raise argparse.ArgumentTypeError(f"{text!r} has more than {len(RHYTHM_STRIPS)} leads")
    return leads


def _add_render(commands: Commands) -> None:
    from ecgapp.ecg import LAYOUTS
    from ecgapp.synthesis.edan_geometry import TEMPLATES
    from ecgapp.synthesis.vendors import VENDORS

    parser = commands.add_parser(
        "render",
        help="draw a table of signals as a sheet",
        description="Draws ten seconds of twelve leads as a sheet. The table has the columns "
        "time_s,I,II,III,aVR,aVL,aVF,V1,...,V6 in mV at 500 Hz, empty where a lead is not known. "
        f"The layouts {', '.join(TEMPLATES)} without any other option give the page of the "
        "machine that printed the public data set (2213 x 1572 pixels, 200 dpi, 25 mm/s, "
        "10 mm/mV); the options below draw sheets of other machines. Exits with 3 when the table "
        "cannot be read.",
    )
    parser.add_argument("signals", type=Path, metavar="SIGNALS.csv")
    parser.add_argument(
        "-o", "--output", type=_picture_path, required=True, metavar="PAGE.png", help="the page"
    )
    layouts = tuple(dict.fromkeys((*TEMPLATES, *LAYOUTS)))
    parser.add_argument("--layout", choices=layouts, default="3x4", help="default 3x4")
    parser.add_argument(
        "--strips",
        type=_leads,
        metavar="LEADS",
        help="leads to print over ten seconds below the rows, as in II,V1,V5; default none",
    )
    parser.add_argument("--vendor", choices=tuple(VENDORS), help="look of the sheet; default pink")
    parser.add_argument("--speed", type=float, choices=(25, 50), help="mm/s; default 25")
    parser.add_argument("--gain", type=float, choices=(5, 10, 20), help="mm/mV; default 10")
    parser.add_argument(
        "--photo",
        type=_at_least_one,
        metavar="SEED",
        help="photograph the sheet by hand, the SEED-th way",
    )
    parser.set_defaults(run=_run_render)


def _run_render(arguments: argparse.Namespace) -> int:
    from ecgapp.ecg import LAYOUTS
    from ecgapp.errors import Refusal
    from ecgapp.io.signals_csv import read_signals_csv
    from ecgapp.synthesis.edan import DPI, render
    from ecgapp.synthesis.edan_geometry import TEMPLATES

    options = ("strips", "vendor", "speed", "gain", "photo")
    native = all(getattr(arguments, option) is None for option in options)
    if not native and arguments.layout not in LAYOUTS:
        print(f"--layout {arguments.layout} takes no other option", file=sys.stderr)
        return EXIT_USAGE
    try:
        signals = read_signals_csv(arguments.signals.read_bytes())
    except (OSError, Refusal) as problem:
        print(f"{arguments.signals}: {_in_words(problem)}", file=sys.stderr)
        return EXIT_REFUSED
    if native and arguments.layout in TEMPLATES:
        render(signals, arguments.layout).save(arguments.output, dpi=(DPI, DPI))
    else:
        _draw_other_sheet(signals, arguments)
    return EXIT_OK


def _draw_other_sheet(signals: Signals, arguments: argparse.Namespace) -> None:
    from ecgapp.ecg import LAYOUTS, MM_PER_MV, MM_PER_S
    from ecgapp.synthesis.degrade import photograph
    from ecgapp.synthesis.draw import draw_sheet
    from ecgapp.synthesis.edan import DPI
    from ecgapp.synthesis.vendors import VENDORS

    # A photograph needs a sheet that is sharper than itself.
    dpi = DPI if arguments.photo is None else 2 * DPI
    drawn = draw_sheet(
        signals,
        LAYOUTS[arguments.layout],
        arguments.strips or (),
        VENDORS[arguments.vendor or "pink"],
        arguments.speed or MM_PER_S,
        arguments.gain or MM_PER_MV,
        px_per_mm=dpi / 25.4,
    )
    if arguments.photo is None:
        drawn.image.save(arguments.output, dpi=(dpi, dpi))
    else:
        photograph(drawn, arguments.photo).image.save(arguments.output)
