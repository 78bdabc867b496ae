"""Coverage-guided fuzzing of everything between an upload's bytes and the located sheet.

``make fuzz`` runs it for a minute or two on each target; ``intake`` mutates files of every format,
``align`` makes pages of whatever the bytes say. Whatever comes in, a reading is a page or a
refusal: any other exception, a hang, or too much memory ends the run with the input that did it.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

with atheris.instrument_imports(include=["ecgapp"]):
    # Imported late by the product, and only what is imported here is instrumented.
    from ecgapp.errors import Refusal
    from ecgapp.io.pages import PageImage, read_pages
    from ecgapp.sheet.locate import locate

import cv2
import numpy as np
from PIL import Image

from ecgapp.synthesis.samples import draw_sample

SECONDS = 60
LONGEST_INPUT_S = 20
# Instrumented code never gives the arrays of a call back; uninstrumented code does.
MOST_MEMORY_MB = 8000
MOST_BYTES = {"intake": 200_000, "align": 600}
SHORTEST_SIDE_PX, LONGEST_SIDE_PX = 200, 700


def fuzz_intake(data: bytes) -> None:
    """Read a file's pages."""
    try:
        for _ in read_pages(data):
            pass
    except Refusal as refusal:
        _check(refusal)


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


def write_seeds(folder: Path) -> None:
    """Write a small file of each picture format, and a long one of noise, to begin from."""
    (folder / "noise").write_bytes(np.random.default_rng(0).bytes(600))
    sheet = Image.open(io.BytesIO(draw_sample("Normal rhythm"))).convert("RGB")
    small = sheet.resize((600, 426))
    for name in ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "PDF"):
        small.save(folder / name.lower(), name)


def main() -> None:
    """Fuzz the target that is named, for a bounded time."""
    target = {"intake": fuzz_intake, "align": fuzz_align}[sys.argv[1]]
    with TemporaryDirectory() as folder:
        write_seeds(Path(folder))
        options = [
            sys.argv[0],
            folder,
            f"-max_total_time={SECONDS}",
            f"-timeout={LONGEST_INPUT_S}",
            f"-rss_limit_mb={MOST_MEMORY_MB}",
            f"-max_len={MOST_BYTES[sys.argv[1]]}",
            "-len_control=0",
            f"-artifact_prefix={folder}/",
        ]
        atheris.Setup(options, target)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
