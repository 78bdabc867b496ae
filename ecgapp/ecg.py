"""The vocabulary: lead names, layouts, the canonical scale, and the leads as voltages over time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Said on every page, report and file.
DISCLAIMER = (
    "For research and teaching. Not a medical device; not for diagnosing or treating anyone."
)

LIMB_LEADS = ("I", "II", "III", "aVR", "aVL", "aVF")
# From the left arm round to the left foot, with aVR turned over (Cabrera).
CABRERA_LIMB_LEADS = ("aVL", "I", "aVR", "II", "aVF", "III")
CHEST_LEADS = ("V1", "V2", "V3", "V4", "V5", "V6")
LEADS = LIMB_LEADS + CHEST_LEADS
RHYTHM_STRIP = "rhythm"
RHYTHM_STRIP_LEAD = "II"
# Boxes of the ten-second strips below the rows, from the top down. The models read the first.
RHYTHM_STRIPS = (RHYTHM_STRIP, "rhythm_2", "rhythm_3")
# Each limb lead from I and II (Einthoven 1912, Goldberger 1942).
LIMB_WEIGHTS = {
    "I": (1.0, 0.0),
    "II": (0.0, 1.0),
    "III": (-1.0, 1.0),
    "aVR": (-0.5, -0.5),
    "aVL": (1.0, -0.5),
    "aVF": (-0.5, 1.0),
}
# Every name that the models know; they number the leads in this order.
NAMED_LEADS = (*LEADS, RHYTHM_STRIP)

# Canonical scale: 200 dpi, 25 mm/s, 10 mm/mV.
PX_PER_MM = 200 / 25.4
MM_PER_S = 25.0
MM_PER_MV = 10.0
# What a sheet shows of a resting ECG, from first to last (Kligfield 2007, AHA/ACC/HRS part I).
SHEET_S = 10.0
# Of traced signals.
SAMPLING_RATE_HZ = 500
PX_PER_S = PX_PER_MM * MM_PER_S
PX_PER_MV = PX_PER_MM * MM_PER_MV


class Box(NamedTuple):
    """A rectangle of page pixels; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class Layout:
    """How the twelve leads are placed on a sheet.

    Attributes
    ----------
    name : str
        Rows by columns, as in ``3x4``.
    columns : tuple of tuple of str
        Lead names, column by column from the left, each from the top down.
    inverted : frozenset of str
        Leads that are printed upside down, as Cabrera's order prints -aVR.
    """

    name: str
    columns: tuple[tuple[str, ...], ...]
    inverted: frozenset[str] = frozenset()

    @property
    def is_cabrera(self) -> bool:
        """Whether the limb leads stand in the order of their axes."""
        names = tuple(name for column in self.columns for name in column)
        return names[: len(CABRERA_LIMB_LEADS)] == CABRERA_LIMB_LEADS

    @property
    def n_rows(self) -> int:
        """Rows of leads, the rhythm strip not counted."""
        return len(self.columns[0])

    @property
    def seconds_per_column(self) -> float:
        """Width of one column, seconds; a sheet shows ten seconds in all."""
        return SHEET_S / len(self.columns)

    def place(self, lead: str) -> tuple[int, int]:
        """Row and column (from 0) where the layout prints a lead."""
        for column, names in enumerate(self.columns):
            if lead in names:
                return names.index(lead), column
        raise KeyError(lead)


def _in_columns(name: str, leads: tuple[str, ...], n_columns: int) -> Layout:
    n_rows = len(leads) // n_columns
    columns = tuple(leads[start : start + n_rows] for start in range(0, len(leads), n_rows))
    inverted = frozenset({"aVR"}) if leads[:6] == CABRERA_LIMB_LEADS else frozenset[str]()
    return Layout(name, columns, inverted)


# Rows by columns, as the sheets are called.
LAYOUT_3X4 = _in_columns("3x4", LEADS, 4)
LAYOUT_6X2 = _in_columns("6x2", LEADS, 2)
LAYOUT_12X1 = _in_columns("12x1", LEADS, 1)
_CABRERA_LEADS = CABRERA_LIMB_LEADS + CHEST_LEADS
LAYOUTS = {
    layout.name: layout
    for layout in (
        LAYOUT_3X4,
        LAYOUT_6X2,
        LAYOUT_12X1,
        _in_columns("3x4-cabrera", _CABRERA_LEADS, 4),
        _in_columns("6x2-cabrera", _CABRERA_LEADS, 2),
        _in_columns("12x1-cabrera", _CABRERA_LEADS, 1),
        _in_columns("4x3", LEADS, 3),
        _in_columns("2x6", LEADS, 6),
    )
}
# Some machines print aVR itself in Cabrera's order.
UPRIGHT_CABRERA = tuple(
    replace(layout, inverted=frozenset()) for layout in LAYOUTS.values() if layout.inverted
)
# Some machines print four rows of three leads one after the other: I, II and III above, and V1, V2
# and V3 below aVR, aVL and aVF.
LAYOUT_4X3_BY_ROWS = Layout("4x3", tuple(LEADS[column::3] for column in range(3)))


@dataclass(frozen=True)
class Signals:
    """Twelve leads on one common time axis.

    Attributes
    ----------
    sampling_rate_hz : int
        Samples per second.
    leads : dict of str to ndarray of float32, shape (n_samples,)
        Voltage of each of the twelve leads, mV; NaN where it is not known.
    """

    sampling_rate_hz: int
    leads: dict[str, NDArray[np.float32]]

    @property
    def n_samples(self) -> int:
        """Samples of each lead."""
        return len(self.leads[LEADS[0]])

    def lasting(self, seconds: float) -> Signals:
        """Lengthen signals that are shorter with values that are not known."""
        missing = round(seconds * self.sampling_rate_hz) - self.n_samples
        if missing <= 0:
            return self
        return Signals(
            self.sampling_rate_hz,
            {
                name: np.pad(values, (0, missing), constant_values=np.nan)
                for name, values in self.leads.items()
            },
        )
