"""Coverage-guided fuzzing of everything between an upload's bytes and the located sheet.

``make fuzz`` runs it for a minute on each target. ``intake`` mutates files of every picture format,
``dicom``, ``waveform`` and ``pdf`` what their readers get in a process of their own, ``zip``
archives of labelled sheets; ``align`` makes pages of whatever the bytes say. Whatever comes in, a
reading is a page or a refusal: any other exception, a hang, or too much memory ends the run with
the input that did it.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

with atheris.instrument_imports(include=["ecgapp"]):
    # Imported late by the product, and only what is imported here is instrumented.
    from ecgapp.datasets import user_data
    from ecgapp.errors import Refusal
    from ecgapp.io.decoders import child, isolation
    from ecgapp.io.dicom_waveform import read_waveform
    from ecgapp.io.pages import PageImage, read_pages
    from ecgapp.sheet.locate import locate

import cv2
import numpy as np
from PIL import Image

from ecgapp.ecg import Signals
from ecgapp.io.dicom_waveform import write_dicom_waveform
from ecgapp.synthesis.samples import draw_sample
from ecgapp.synthesis.simulate import PatientModel, simulate
from tests.bad_files import dicom_picture, pdf, saved, zipped

SECONDS = 60
LONGEST_INPUT_S = 20
# Instrumented code never gives the arrays of a call back; uninstrumented code does.
MOST_MEMORY_MB = 8000
MOST_BYTES = 200_000
MOST_BYTES_OF_A_PAGE = 600
CLASSES = ("normal", "abnormal_heartbeat", "mi", "history_of_mi")
SHORTEST_SIDE_PX, LONGEST_SIDE_PX = 200, 700


def fuzz_intake(data: bytes) -> None:
    """Read a file's pages."""
    try:
        for _ in read_pages(data):
            pass
    except Refusal as refusal:
        _check(refusal)


def fuzz_waveform(data: bytes) -> None:
    """Read a recording."""
    try:
        read_waveform(data)
    except Refusal as refusal:
        _check(refusal)


def fuzz_zip(data: bytes) -> None:
    """Open an archive and unpack what is in it."""
    try:
        own = user_data.open_archive(data, CLASSES)
    except Refusal as refusal:
        _check(refusal)
        return
    user_data.audit_archive(own)


def read_here(reader: str, data: bytes, index: int, time_limit_s: float) -> bytes:
    """Let a reader read in this process, where its code is instrumented."""
    return b"".join(child.answer(reader, data, index))


def _check(refusal: Refusal) -> None:
    if not refusal.message.strip():
        raise AssertionError("a refusal says why")


def fuzz_align(data: bytes) -> None:
    """Locate a sheet on a page that the bytes describe."""
    provider = atheris.FuzzedDataProvider(data)
    width, height = (provider.ConsumeIntInRange(SHORTEST_SIDE_PX, LONGEST_SIDE_PX) for _ in "xy")
    gray = np.full((height, width), provider.ConsumeIntInRange(0, 255), np.uint8)
    while provider.remaining_bytes() > 6:
        ends = [provider.ConsumeIntInRange(0, LONGEST_SIDE_PX) for _ in range(4)]
        ink, step = provider.ConsumeIntInRange(0, 255), provider.ConsumeIntInRange(3, 60)
        repeats = provider.ConsumeIntInRange(1, 40)
        for k in range(repeats):
            shift = k * step
            cv2.line(gray, (ends[0] + shift, ends[1]), (ends[2] + shift, ends[3]), ink, 1)
    rgb = cv2.cvtColor(gray, cv2.COLOR_GRAY2RGB)
    try:
        locate(PageImage(np.asarray(rgb, np.uint8), gray, "PNG"))
    except Refusal as refusal:
        _check(refusal)


TARGETS = {
    "intake": fuzz_intake,
    "dicom": fuzz_intake,
    "waveform": fuzz_waveform,
    "pdf": fuzz_intake,
    "zip": fuzz_zip,
    "align": fuzz_align,
}


def write_seeds(target: str, folder: Path) -> None:
    """Write small files of the formats that a target reads, to begin from."""
    if target == "dicom":
        (folder / "picture").write_bytes(dicom_picture(np.full((210, 230), 255, np.uint8)))
        return
    if target == "waveform":
        leads = {lead: values[:600] for lead, values in simulate(PatientModel()).leads.items()}
        (folder / "recording").write_bytes(write_dicom_waveform(Signals(500, leads)))
        return
    if target == "pdf":
        (folder / "drawing").write_bytes(pdf(b"0 0 m 720 504 l S"))
        (folder / "scan").write_bytes(saved(Image.new("L", (300, 210), 255), "PDF"))
        return
    if target == "zip":
        picture = saved(Image.new("L", (300, 210), 255), "PNG")
        (folder / "archive").write_bytes(zipped({"mi/1.png": picture, "normal/2.png": picture}))
        return
    (folder / "noise").write_bytes(np.random.default_rng(0).bytes(600))
    sheet = Image.open(io.BytesIO(draw_sample("Normal rhythm"))).convert("RGB")
    small = sheet.resize((600, 426))
    for name in ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "PDF"):
        small.save(folder / name.lower(), name)


def main() -> None:
    """Fuzz the target that is named, for a bounded time."""
    name = sys.argv[1]
    isolation._run_child = read_here
    with TemporaryDirectory() as folder:
        write_seeds(name, Path(folder))
        options = [
            sys.argv[0],
            folder,
            f"-max_total_time={SECONDS}",
            f"-timeout={LONGEST_INPUT_S}",
            f"-rss_limit_mb={MOST_MEMORY_MB}",
            f"-max_len={MOST_BYTES_OF_A_PAGE if name == 'align' else MOST_BYTES}",
            "-len_control=0",
            f"-artifact_prefix={folder}/",
        ]
        atheris.Setup(options, TARGETS[name])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
