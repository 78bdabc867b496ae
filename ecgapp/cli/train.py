"""Commands that make the shipped models."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

from ecgapp.cli.common import (
    CACHE,
    EXIT_FAILED,
    EXIT_OK,
    EXIT_USAGE,
    add_data_argument,
    add_models_argument,
    add_runs_argument,
    at_least_one,
    existing_folder,
)
from ecgapp.cli.data import name_left_out, windows_of_data

if TYPE_CHECKING:
    from ecgapp.datasets.window_set import WindowSet
    from ecgapp.training.crossval import LabelledSet


TWELVE_LEAD_NETWORK = "twelve_lead"
TRAINED = ("cnn", "crnn", TWELVE_LEAD_NETWORK)


def add_pretrain(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``pretrain``."""
    parser.description = (
        "Teaches the twelve-lead network what PTB-XL states about its records, "
        "presented as sheets, and writes models/twelve_lead/pretrained.npz, from which crossval "
        "begins. About half an hour on two cores. A stopped command goes on where it stopped."
    )
    parser.add_argument("architecture", choices=(TWELVE_LEAD_NETWORK,))
    add_data_argument(parser, holds="ptbxl/")
    add_runs_argument(parser)
    add_models_argument(parser, to_write=True)
    parser.set_defaults(run=_run_pretrain)


def _run_pretrain(arguments: argparse.Namespace) -> int:
    from ecgapp.datasets.ptbxl import load_records
    from ecgapp.training.pretrain import Pretraining, pretrain, ship_pretrained

    runs = arguments.runs / f"{arguments.architecture}-pretrained"
    train, choose = (load_records(arguments.data, part) for part in ("train", "val"))
    net = pretrain(train, choose, Pretraining(), runs)
    folder = arguments.models / arguments.architecture
    ship_pretrained(net, runs, folder)
    print(f"Written to {folder}; next: python -m ecgapp crossval {arguments.architecture}")
    return EXIT_OK


def add_train(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``train``."""
    parser.description = (
        "Trains one model and writes runs/ARCH/model.keras. Sessions are held out for "
        "early stopping, unless --epochs says how long to train on every sheet. Stopped training "
        "goes on where it stopped."
    )
    _add_training_arguments(parser)
    parser.add_argument(
        "--epochs", type=at_least_one, metavar="N", help="train on every sheet for exactly N epochs"
    )
    parser.set_defaults(run=_run_train)


def _run_train(arguments: argparse.Namespace) -> int:
    from ecgapp.training.crossval import train_final
    from ecgapp.training.networks import registry

    windows = _rows_to_train_on(arguments)
    name = arguments.architecture
    runs = arguments.runs / name
    recipe = registry.ARCHITECTURES[name].recipe
    train_final(name, windows, _classes(windows), recipe, runs, arguments.epochs)
    print(f"Trained model: {runs / 'model.keras'}")
    return EXIT_OK


def add_crossval(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``crossval``."""
    parser.description = (
        "Trains and tests a model on every fold, then trains the shipped model on "
        "every sheet for as many epochs as the folds needed, and writes it with its out-of-fold "
        "predictions to models/ARCH. Run export afterwards. A stopped command goes on where it "
        "stopped."
    )
    _add_training_arguments(parser)
    parser.add_argument(
        "--fold",
        type=int,
        action="append",
        metavar="K",
        help="run only this fold and train no final model (may be repeated)",
    )
    add_models_argument(parser, to_write=True)
    parser.set_defaults(run=_run_crossval)


def _run_crossval(arguments: argparse.Namespace) -> int:
    import numpy as np

    from ecgapp.training import crossval
    from ecgapp.training.networks import registry

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
    crossval.cross_validate(name, windows, classes, recipe, runs, folds)
    if arguments.fold:
        return EXIT_OK
    epochs = crossval.learnt_epochs(runs, folds)
    crossval.train_final(name, windows, classes, recipe, runs, epochs)
    crossval.ship(runs, windows, arguments.models / name)
    print(f"Written to {arguments.models / name}; next: python -m ecgapp export")
    return EXIT_OK


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``inputs``."""
    parser.description = (
        "Cuts and traces every labelled sheet, or takes it from the cache, and writes the "
        "checksums of what the networks learn from to models/study/inputs.json. About ten minutes "
        "on two cores for sheets that are not in the cache."
    )
    add_data_argument(parser)
    add_models_argument(parser)
    parser.set_defaults(run=_run_inputs)


def _run_inputs(arguments: argparse.Namespace) -> int:
    from ecgapp.training import inputs

    for name, found in inputs.main(arguments.data, CACHE, arguments.models).items():
        print(f"{name}: {found['rows']} rows, {found['left_out']} sheets left out")
    return EXIT_OK


def add_export(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``export``."""
    parser.description = (
        "Converts trained models from Keras to ONNX and checks that both say the same. Run stack "
        "and cards afterwards."
    )
    parser.add_argument(
        "architectures",
        nargs="*",
        metavar="ARCH",
        help=f"{', '.join(TRAINED)}; default: all of them",
    )
    add_models_argument(parser)
    parser.set_defaults(run=_run_export)


def _run_export(arguments: argparse.Namespace) -> int:
    from ecgapp.training.export import ParityError, export_model

    for name in arguments.architectures or TRAINED:
        try:
            difference = export_model(arguments.models / name)
        except ParityError as error:
            print(f"{name} was not exported: {error}", file=sys.stderr)
            return EXIT_FAILED
        print(f"{name}: exported, probabilities differ by at most {difference:.1e}")
    return EXIT_OK


def add_stack(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``stack``."""
    parser.description = (
        "Learns from the models' out-of-fold predictions how they make a verdict and when it is "
        "confident, and writes models/verdict.json and verdict_predictions.csv."
    )
    add_models_argument(parser)
    parser.set_defaults(run=_run_stack)


def _run_stack(arguments: argparse.Namespace) -> int:
    from ecgapp.training.stacking import write_rule

    rule = write_rule(arguments.models, TRAINED)
    print(
        f"A verdict is confident from {rule.min_probability:.1%} on: "
        f"{rule.confident_share:.0%} of the sheets, {rule.expected_accuracy:.1%} of them right"
    )
    return EXIT_OK


def add_cards(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``cards``."""
    parser.description = (
        "Writes the cards of the verdict and of every model, README.md in their folders, from the "
        "files that hold the figures."
    )
    add_models_argument(parser)
    parser.set_defaults(run=_run_cards)


def _run_cards(arguments: argparse.Namespace) -> int:
    from ecgapp.inference.shipped_models import STATEMENT_NETWORK
    from ecgapp.training import statement_card
    from ecgapp.training.model_card import write_card, write_verdict_card

    for name in TRAINED:
        write_card(arguments.models / name)
    statement_card.write_card(arguments.models / STATEMENT_NETWORK)
    write_verdict_card(arguments.models)
    return EXIT_OK


def add_code_versions(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``code-versions``."""
    parser.description = (
        "Brings code_versions.json up to date, by which dvc.yaml tells a change of code from a "
        "change of its comments."
    )
    parser.set_defaults(run=_run_code_versions)


def _run_code_versions(arguments: argparse.Namespace) -> int:
    from ecgapp.training.code_versions import write_code_versions

    changed = write_code_versions(Path())
    print(f"code that has changed: {', '.join(changed) or 'none'}")
    return EXIT_OK


def add_development_features(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``development-features``."""
    parser.description = (
        "Writes models/twelve_lead/development_features.npz, by which the app says what a sheet "
        "is most like, and names it in the metadata. Run it after export; needs the sheets, "
        "traced or in the cache, and then ten seconds."
    )
    add_data_argument(parser)
    add_models_argument(parser)
    parser.set_defaults(run=_run_development_features)


def _run_development_features(arguments: argparse.Namespace) -> int:
    from ecgapp.training import development_features

    development_features.main(arguments.data, arguments.models)
    return EXIT_OK


def add_statements(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``statements``."""
    parser.description = (
        "Learns both heads of the statement network on the pretrained body in "
        "models/twelve_lead/pretrained.npz, calibrates and exports it: models/statements. About "
        "ten minutes on two cores. Run check sources afterwards."
    )
    add_data_argument(parser, holds="ptbxl/")
    parser.add_argument(
        "--calibrate", action="store_true", help="keep the network, and only calibrate it again"
    )
    add_models_argument(parser)
    parser.set_defaults(run=_run_statements)


def _run_statements(arguments: argparse.Namespace) -> int:
    from ecgapp.training import statement_network

    statement_network.main(arguments.data, arguments.models, arguments.calibrate)
    return EXIT_OK


def add_train_names(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``train-names``."""
    parser.description = (
        "Trains the reader of lead names that ships further on drawn pieces of pages and of whole "
        "sheets, converts it for serving and writes models/names. Needs no data; half an hour."
    )
    add_models_argument(parser, to_write=True)
    parser.set_defaults(run=_run_train_names)


def _run_train_names(arguments: argparse.Namespace) -> int:
    from ecgapp.training import name_reader

    name_reader.main(arguments.models)
    return EXIT_OK


def add_train_settings(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``train-settings``."""
    parser.description = (
        "Trains the reader of printed paper speed and gain on drawn lines, converts it for serving "
        "and writes models/settings. Needs no data; twenty minutes."
    )
    add_models_argument(parser, to_write=True)
    parser.set_defaults(run=_run_train_settings)


def _run_train_settings(arguments: argparse.Namespace) -> int:
    from ecgapp.training import settings_reader

    settings_reader.main(arguments.models)
    return EXIT_OK


def add_train_curves(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``train-curves``."""
    parser.description = (
        "Trains the reader that tells crossing curves apart, on drawn windows of PTB-XL's training "
        "folds, converts it for serving and writes models/curves. About 50 minutes of one core; a "
        "training that was stopped is gone on with."
    )
    add_data_argument(parser, holds="ptbxl/")
    add_models_argument(parser, to_write=True)
    parser.set_defaults(run=_run_train_curves)


def _run_train_curves(arguments: argparse.Namespace) -> int:
    from ecgapp.training import curve_reader

    curve_reader.main(arguments.data, arguments.models)
    return EXIT_OK


def add_train_strokes(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``train-strokes``."""
    parser.description = (
        "Trains the reader of strokes on sheets of drawn machines that print PTB-XL's training "
        "folds, converts it for serving and writes models/strokes. About twenty minutes of two "
        "cores; what was drawn before a stop is not drawn again."
    )
    add_data_argument(parser, holds="ptbxl/")
    add_models_argument(parser, to_write=True)
    add_runs_argument(parser)
    parser.set_defaults(run=_run_train_strokes)


def _run_train_strokes(arguments: argparse.Namespace) -> int:
    from ecgapp.training import stroke_reader

    stroke_reader.main(arguments.data, arguments.models, arguments.runs / "strokes")
    return EXIT_OK


def _add_training_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("architecture", choices=TRAINED)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--data", type=existing_folder, metavar="DIR", help="data folder, which holds khan/"
    )
    source.add_argument(
        "--windows", type=Path, metavar="FILE.npz", help="a file that the windows command wrote"
    )
    add_runs_argument(parser)


def _rows_to_train_on(arguments: argparse.Namespace) -> LabelledSet:
    if arguments.architecture != TWELVE_LEAD_NETWORK:
        return _windows_to_train_on(arguments)
    if not arguments.data:
        print(f"{TWELVE_LEAD_NETWORK} reads whole sheets: give --data", file=sys.stderr)
        raise SystemExit(EXIT_USAGE)
    from ecgapp.datasets.khan import read_manifest
    from ecgapp.training.twelve_lead_sheets import build_sheets

    sheets, refusals = build_sheets(read_manifest(arguments.data), CACHE)
    name_left_out(refusals)
    return sheets


def _windows_to_train_on(arguments: argparse.Namespace) -> WindowSet:
    from ecgapp.datasets.window_set import load_windows

    if arguments.data:
        return windows_of_data(arguments.data)
    try:
        return load_windows(arguments.windows)
    except (ValueError, KeyError, EOFError, BadZipFile) as error:
        print(
            f"{arguments.windows}: no file that the windows command wrote ({error})",
            file=sys.stderr,
        )
        raise SystemExit(EXIT_USAGE) from error


def _classes(windows: LabelledSet) -> tuple[str, ...]:
    """Order the set's labels as the models' outputs are ordered."""
    from ecgapp.datasets.window_set import CLASSES

    found = set(windows.label.tolist())
    return tuple(name for name in CLASSES if name in found)


def add_train_swaps(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``train-swaps``."""
    parser.description = (
        "Learns on PTB-XL's training folds which electrodes were put in each other's place, and "
        "writes ecgapp/measure/electrode_swap.json. Five minutes of one core."
    )
    add_data_argument(parser, "ptbxl/")
    parser.set_defaults(run=_run_train_swaps)


def _run_train_swaps(arguments: argparse.Namespace) -> int:
    from ecgapp.training import electrode_swaps

    for name, part in electrode_swaps.main(arguments.data).items():
        print(f"{name}: {part:.1%} of the training records found")
    return EXIT_OK
