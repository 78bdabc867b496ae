"""A small ZIP to try one's own evaluation with: drawn sheets in folders of their classes."""

from __future__ import annotations

import io
import zipfile

from ecgapp.synthesis.cases import Case, draw_case

# Two hearts a class, of two layouts and machines; nobody's data.
SAMPLE_CASES = (
    Case(seed=21),
    Case(rate_bpm=64, layout="6x2", seed=22),
    Case(rate_bpm=92, rhythm="atrial_fibrillation", seed=23),
    Case(rate_bpm=76, rhythm="premature_ventricular_beats", layout="6x2", seed=24),
    Case(rate_bpm=84, st_territory="anterior", seed=25),
    Case(rate_bpm=78, st_territory="inferior", layout="6x2", seed=26),
    Case(rate_bpm=70, q_waves="inferior", seed=27),
    Case(rate_bpm=66, q_waves="anterior", layout="6x2", seed=28),
)


def draw_sample_archive() -> bytes:
    """Draw the sheets and pack them, each into the folder of what was simulated.

    Returns
    -------
    bytes
        A ZIP file of some megabytes.
    """
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number, case in enumerate(SAMPLE_CASES, start=1):
            archive.writestr(zipfile.ZipInfo(f"{case.label}/{number}.jpg"), draw_case(case))
    return stream.getvalue()
