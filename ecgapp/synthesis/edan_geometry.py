"""Where the data's machine prints things on its page: one place for finding and for drawing.

Measured in the 2213 x 1572 px sheets (200 dpi) of the development data by averaging their ink
masks: 378 sheets of 3x4 (every third one) and all 219 of 6x2. Rows are read from the feet of the
calibration pulses. There are three templates:

- ``3x4``: grid, rhythm strip. The rows lie in the same place, to the pixel, on every sheet.
- ``6x2+rhythm``: no grid, rhythm strip (142 sheets). The rows lie in the same place on every
  sheet.
- ``6x2``: grid, no rhythm strip, a table of measurements above, so that the frame begins lower
  (77 sheets). The machine spaces the rows to fit the curves, so that nearly every sheet has rows
  of its own; the baselines given here are the medians. Found were, row by row, 430-608,
  536-877, 674-1097, 868-1247, 1122-1400 and 1352-1508, neighbours 64 to 317 px apart.

Everything else (columns, pulses, separators, names) is placed alike in all three. All pixels are
coordinates of pixel centres, so that an ink run of rows 462 to 464 has its baseline at 463.
"""

from __future__ import annotations

from dataclasses import dataclass

from ecgapp.ecg import LAYOUT_3X4, LAYOUT_6X2, PX_PER_MV, PX_PER_S, SHEET_S, Box, Layout

# Measured on the known machine's development sheets, as all that follows; pixels at 200 dpi.
PAGE_WIDTH_PX = 2213
PAGE_HEIGHT_PX = 1572

# The first column's curves begin here; ten seconds end at x = 2120.
CURVES_LEFT_PX = 152
CURVES_RIGHT_PX = round(CURVES_LEFT_PX + SHEET_S * PX_PER_S)

# A pulse is drawn foot, rise, top, fall, foot: x of the two ends of the feet and of the two flanks.
PULSE_FOOT_LEFT_PX = 96
PULSE_RISE_PX = 105
PULSE_FALL_PX = 121.5
PULSE_FOOT_RIGHT_PX = 131
PULSE_HEIGHT_PX = PX_PER_MV

# Curves are 4 px thick, without anti-aliasing; pulses and separators 3 to 4 px.
CURVE_STROKE_PX = 4
TEMPLATE_STROKE_PX = 3

# Separators reach this far above the first row's baseline and below the last row's (the rhythm
# strip not counted).
SEPARATOR_OVERHANG_PX = 43

# A lead's name is printed over the beginning of its curve. Letters fill this much, measured from
# the column's left edge and from the row's baseline (aVR is the widest).
NAME_LEFT_PX = 0
NAME_RIGHT_PX = 56
NAME_TOP_PX = -25
NAME_BOTTOM_PX = -5

# The grid's millimetres are a little wider than the curves' (7.874 px): measured over the frame.
GRID_PX_PER_MM = 7.92


@dataclass(frozen=True)
class Template:
    """One way in which the machine fills its page.

    Attributes
    ----------
    name : str
        Unique name, as in ``6x2+rhythm``.
    layout : Layout
        Which leads are printed where.
    has_rhythm_strip : bool
        Whether ten seconds of lead II are printed as the last row.
    has_grid : bool
        Whether a frame with a millimetre grid is printed.
    baselines_px : tuple of float
        y of 0 mV of each row from the top, the rhythm strip last where there is one.
    rows_fit_curves : bool
        Whether the machine moves the rows to fit the curves; `baselines_px` are then medians.
    frame : Box
        The grid's frame, from the centre of its left and top line to that of its right and bottom
        line; on templates without a grid, the part of the page left for curves.
    """

    name: str
    layout: Layout
    has_rhythm_strip: bool
    has_grid: bool
    baselines_px: tuple[float, ...]
    rows_fit_curves: bool
    frame: Box

    @property
    def column_edges_px(self) -> tuple[float, ...]:
        """Where each column's curves begin, and last where the rightmost column's end, as x."""
        width_px = self.layout.seconds_per_column * PX_PER_S
        return tuple(CURVES_LEFT_PX + k * width_px for k in range(len(self.layout.columns) + 1))

    @property
    def separators_px(self) -> tuple[float, ...]:
        """Centre of each separator line, as x: the edges between columns."""
        return self.column_edges_px[1:-1]


# Where the machine prints rows and frame, by layout; pixels from the top and the left.
TEMPLATE_3X4 = Template(
    name="3x4",
    layout=LAYOUT_3X4,
    has_rhythm_strip=True,
    has_grid=True,
    baselines_px=(463.0, 763.0, 1065.5, 1366.0),
    rows_fit_curves=False,
    frame=Box(69, 284, 2174, 1516),
)
TEMPLATE_6X2_RHYTHM = Template(
    name="6x2+rhythm",
    layout=LAYOUT_6X2,
    has_rhythm_strip=True,
    has_grid=False,
    baselines_px=(399.0, 568.5, 740.5, 913.0, 1085.5, 1257.5, 1429.5),
    rows_fit_curves=False,
    frame=Box(69, 284, 2174, 1516),
)
TEMPLATE_6X2 = Template(
    name="6x2",
    layout=LAYOUT_6X2,
    has_rhythm_strip=False,
    has_grid=True,
    baselines_px=(496.5, 668.5, 879.5, 1079.5, 1274.5, 1446.5),
    rows_fit_curves=True,
    frame=Box(69, 404, 2174, 1516),
)
TEMPLATES = {t.name: t for t in (TEMPLATE_3X4, TEMPLATE_6X2_RHYTHM, TEMPLATE_6X2)}
