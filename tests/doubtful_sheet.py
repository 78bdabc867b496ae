"""A sheet whose layout nobody can tell surely, so that the app shows pictures to choose from."""

import io
from dataclasses import replace

from ecgapp.ecg import LAYOUTS
from ecgapp.synthesis.draw import draw_sheet
from ecgapp.synthesis.simulate import PatientModel, simulate
from ecgapp.synthesis.vendors import VENDORS


def doubtful_sheet() -> bytes:
    """Draw a sheet in Cabrera's order, which names have to tell, without names."""
    vendor = replace(VENDORS["bars"], name_size_mm=0.1, prints=())
    file = io.BytesIO()
    drawn = draw_sheet(simulate(PatientModel()), LAYOUTS["3x4-cabrera"], ("II",), vendor)
    drawn.image.save(file, "PNG")
    return file.getvalue()
