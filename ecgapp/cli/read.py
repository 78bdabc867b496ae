"""Commands that read sheets: predict and digitize."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ecgapp.cli.common import (
    EXIT_OK,
    EXIT_REFUSED,
    EXIT_USAGE,
    add_models_argument,
    new_file,
    printable,
    read_file,
)
from ecgapp.errors import Refusal, internal_error

if TYPE_CHECKING:
    from ecgapp.ecg import Signals
    from ecgapp.pipeline import Diagnosis

WFDB_SUFFIXES = (".hea", ".dat")
REPORT_FORMATS = ("pdf", "fhir", "fhir-r5", "dicom", "wfdb")


def add_predict(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``predict``."""
    parser.description = (
        "Reads scanned or exported 12-lead ECG sheets and prints what the models see. Exits with "
        "3 when some of the files were refused. Not a medical device."
    )
    # Not as Path, which would change how a name is written.
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--json", action="store_true", help="print one JSON array, lead by lead")
    add_models_argument(parser)
    parser.set_defaults(run=_run_predict)


def _run_predict(arguments: argparse.Namespace) -> int:
    from ecgapp.report.json_and_csv import to_line
    from ecgapp.service.memory import keep_freed_memory

    keep_freed_memory()
    # Before anything is printed, so that an incomplete installation leaves no half array.
    _load_all_models()
    describe = _to_json if arguments.json else to_line
    any_refused = False
    if arguments.json:
        print("[", end="")
    try:
        # Written as it goes, so that what a stopped command has read is not lost.
        for number, name in enumerate(_with_progress(arguments.files)):
            text, refused = _read_one(name, describe)
            any_refused |= refused
            if arguments.json:
                # In one piece, so that a signal finds the array between two objects.
                print(f",\n{text}" if number else f"\n{text}", end="", flush=True)
            else:
                print(printable(text), flush=True)
    finally:
        if arguments.json:
            print("\n]")
    return EXIT_REFUSED if any_refused else EXIT_OK


def _load_all_models() -> None:
    from ecgapp.digitize.curve_reader import load_curve_reader
    from ecgapp.digitize.stroke_reader import load_stroke_reader
    from ecgapp.inference.abstention import shipped_limits
    from ecgapp.inference.shipped_models import (
        load_models,
        load_statement_network,
        load_twelve_lead_network,
    )
    from ecgapp.inference.verdict import shipped_rule
    from ecgapp.sheet.detect.names import load_name_reader
    from ecgapp.sheet.detect.printed_settings import load_settings_reader

    load_models()
    load_twelve_lead_network()
    load_statement_network()
    load_name_reader()
    load_settings_reader()
    load_curve_reader()
    load_stroke_reader()
    shipped_rule()
    shipped_limits()


def _to_json(diagnosis: Diagnosis, name: str) -> str:
    from ecgapp.report.json_and_csv import to_json_object

    return json.dumps(to_json_object(diagnosis, name), allow_nan=False)


def _read_one(name: str, describe: Callable[[Diagnosis, str], str]) -> tuple[str, bool]:
    """Describe what a file shows, and say whether it was refused; no file stops the others."""
    from ecgapp.pipeline import Diagnosis, diagnose

    try:
        diagnosis = diagnose(read_file(Path(name)))
        return describe(diagnosis, name), diagnosis.refusal is not None
    except Refusal as refusal:
        return describe(Diagnosis(refusal=refusal), name), True
    except Exception:
        if sys.flags.dev_mode:
            raise
        return describe(Diagnosis(refusal=internal_error()), name), True


def _with_progress(files: list[str]) -> Iterable[str]:
    """Show a progress bar over several files, unless nobody watches."""
    if len(files) == 1 or not sys.stderr.isatty():
        return files
    from rich.console import Console
    from rich.progress import track

    return track(files, "Reading sheets", console=Console(stderr=True))


def add_report(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``report``."""
    parser.description = (
        "Writes what was read from a sheet: a PDF; a FHIR Bundle (release 4 or 5) with report, "
        "measurements, leads and the PDF (JSON); a ZIP of three DICOM objects: the leads as a "
        "waveform, the PDF, and a Structured Report; or a ZIP of a WFDB record: the leads, their "
        "beats, and what was measured and found as comments, without a patient. The patient of the "
        "others is the one that a DICOM file names, unless another is given; else a pseudonym made "
        "from the file's checksum. Exits with 3 when the sheet is refused. Not a medical device."
    )
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--format", choices=REPORT_FORMATS, default="pdf")
    parser.add_argument("-o", "--output", type=new_file, required=True, metavar="OUT")
    parser.add_argument("--patient-id", default="", metavar="ID", help="number of the patient")
    parser.add_argument(
        "--patient-name", default="", metavar="NAME", help="written as Family^Given"
    )
    parser.add_argument(
        "--pseudonymous", action="store_true", help="take nothing over from a DICOM file"
    )
    add_models_argument(parser)
    parser.set_defaults(run=_run_report)


def _run_report(arguments: argparse.Namespace) -> int:
    from ecgapp.pipeline import diagnose
    from ecgapp.report.exports import find_identity, write_report

    _load_all_models()
    try:
        data = read_file(arguments.file)
        diagnosis = diagnose(data)
        if diagnosis.refusal is not None:
            raise diagnosis.refusal
        identity = find_identity(
            data, arguments.patient_id, arguments.patient_name, arguments.pseudonymous
        )
    except Refusal as refusal:
        print(printable(f"{arguments.file}: {refusal}"), file=sys.stderr)
        return EXIT_REFUSED
    except ValueError as error:
        print(printable(str(error)), file=sys.stderr)
        return EXIT_USAGE
    content = write_report(diagnosis, arguments.format, data, arguments.file.name, identity)
    arguments.output.write_bytes(content)
    return EXIT_OK


def add_digitize(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``digitize``."""
    parser.description = (
        "Writes the columns time_s,I,II,III,aVR,aVL,aVF,V1,...,V6 in mV at 500 Hz, on the sheet's "
        "own time axis, empty where the sheet does not show a lead. An output that ends in .hea or "
        ".dat becomes a WFDB record of both files, with its beats in a third (.qrs), one that "
        "ends in .dcm a DICOM waveform object. Beside it a file of the same name that ends in "
        ".json says where the signals come from: page, layout, speed, gain, sampling rate, "
        "version, and the quality of the reading. "
        "Exits with 3 when the sheet cannot be read."
    )
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("-o", "--output", type=_signals_path, required=True, metavar="OUT.csv")
    add_models_argument(parser)
    parser.set_defaults(run=_run_digitize)


def _run_digitize(arguments: argparse.Namespace) -> int:
    from ecgapp.pipeline import trace_file
    from ecgapp.report.json_and_csv import to_sidecar

    try:
        diagnosis = trace_file(read_file(arguments.file))
    except Refusal as refusal:
        print(printable(f"{arguments.file}: {refusal}"), file=sys.stderr)
        return EXIT_REFUSED
    assert diagnosis.signals is not None  # or it would have been refused
    files = _signal_files(diagnosis.signals, arguments.output)
    sidecar = to_sidecar(diagnosis, arguments.file.name)
    files[arguments.output.with_suffix(".json")] = json.dumps(sidecar, indent=2).encode()
    for path, content in files.items():
        path.write_bytes(content)
    return EXIT_OK


def _signal_files(signals: Signals, output: Path) -> dict[Path, bytes]:
    """Write signals in the format that the output's name asks for, as a table unless it does."""
    from ecgapp.io.dicom_waveform import write_dicom_waveform
    from ecgapp.io.signals_csv import write_signals_csv
    from ecgapp.report.wfdb import record_with_beats

    suffix = output.suffix.lower()
    if suffix == ".dcm":
        return {output: write_dicom_waveform(signals)}
    if suffix in WFDB_SUFFIXES:
        files = record_with_beats(signals, output.stem)
        return {output.with_name(name): content for name, content in files.items()}
    return {output: write_signals_csv(signals).encode()}


def _signals_path(text: str) -> Path:
    """Read an argument that names signals to write, so that a wrong one is wrong usage."""
    from ecgapp.io.wfdb_record import RECORD_NAME

    path = new_file(text)
    if path.suffix.lower() in WFDB_SUFFIXES and not RECORD_NAME.fullmatch(path.stem):
        raise argparse.ArgumentTypeError(
            f"{path.stem!r} cannot name a WFDB record, which takes letters, digits, _ and -"
        )
    return path
