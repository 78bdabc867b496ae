"""What is known about a page once its leads have been found, and how a person may correct it."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import (
    CHEST_LEADS,
    LEADS,
    LIMB_LEADS,
    MM_PER_MV,
    MM_PER_S,
    PX_PER_MV,
    PX_PER_S,
    RHYTHM_STRIPS,
    SHEET_S,
    Box,
    Layout,
)
from ecgapp.errors import Refusal

STEP = "Finding the leads"

# Seconds that a verdict needs, of the sheet and of each lead. On 220 records of PTB-XL's fold 9 the
# statements' mean AUROC is 0.90 with ten seconds, 0.88 and 0.87 with seven in one and in two
# columns, 0.84 to 0.85 with five, and 0.83 with 2.2 of each lead: networks read windows of 2.5.
LEAST_SECONDS, LEAST_LEAD_SECONDS = 6.5, 2.5

# Leads that a verdict needs: six limb leads and two of the chest, as in eight-lead recordings.
MIN_LEADS = 8

# Millivolts above and below the baseline that a lead's box shows: 48 mm of paper in all, which the
# shipped models were trained on.
HALF_HEIGHT_MV = 2.4

# Strokes become narrower by this power of what paper is squeezed by: their blur does not. Between
# 1/2 and 1 it is best for machines of 20 mm/mV and 50 mm/s on the building seeds of
# `ecgapp bench machines`, whose 21 sheets are traced at 20.2 dB with it, at 15.8 dB before.
_SQUEEZED_STROKES = 2 / 3


@dataclass(frozen=True)
class LocatingStep:
    """One step of finding the leads.

    Attributes
    ----------
    step : str
        What was looked for, for people.
    found : str
        What was found, with units.
    sureness : float
        How sure that is, from 0 to 1.
    """

    step: str
    found: str
    sureness: float


@dataclass(frozen=True)
class LeadPlacement:
    """Where a person says that a lead is printed.

    Attributes
    ----------
    lead : str
        A lead, or a strip by its name in `RHYTHM_STRIPS`.
    ends_px : tuple of (float, float)
        Beginning and end of its baseline, in pixels of the upload.
    """

    lead: str
    ends_px: tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True)
class Stroke:
    """A stretch of a lead's curve that a person drew anew, or erased.

    Attributes
    ----------
    lead : str
        A lead, or a strip by its name in `RHYTHM_STRIPS`.
    points_px : tuple of (float, float)
        The curve, in pixels of the upload; of an erased stretch where it begins and ends.
    erased : bool
    """

    lead: str
    points_px: tuple[tuple[float, float], ...]
    erased: bool = False


@dataclass(frozen=True)
class Correction:
    """What a person says about a page; None, 0 and empty tuples leave it to the program.

    Attributes
    ----------
    layout_name : str or None
        Name of a layout in `layouts.LAYOUTS`.
    corners_px : tuple of (float, float) or None
        Corners of the rectangle that holds the ten seconds of curves, in pixels of the upload:
        top left, top right, bottom right, bottom left.
    quarter_turns : int
        Turns by 90 degrees counterclockwise that bring the upload upright.
    page : int or None
        Number of the page that this is about, from 1; None for every page.
    swaps : tuple of (str, str)
        Leads whose names were exchanged, one pair after the other.
    placements : tuple of LeadPlacement
        At most one a lead; by the names that leads have after `swaps`.
    strokes : tuple of Stroke
        In the order in which they were made, by the same names.
    """

    layout_name: str | None = None
    corners_px: tuple[tuple[float, float], ...] | None = None
    quarter_turns: int = 0
    page: int | None = None
    swaps: tuple[tuple[str, str], ...] = ()
    placements: tuple[LeadPlacement, ...] = ()
    strokes: tuple[Stroke, ...] = ()

    @property
    def leaves_the_layout(self) -> bool:
        """Whether the leads are to be found as on a page that nobody has corrected."""
        return replace(self, page=None, swaps=(), placements=(), strokes=()) == Correction()


@dataclass(frozen=True)
class LayoutProposal:
    """A way in which a page may be printed, for a person to say whether it is.

    Attributes
    ----------
    layout_name : str
        Name of a layout in `layouts.LAYOUTS`.
    page : int
        Number of the page, from 1.
    corners_px : dict of str to tuple of (float, float)
        Corners of each lead's and strip's place, clockwise from its top left, in pixels of the
        upload.
    """

    layout_name: str
    page: int
    corners_px: dict[str, tuple[tuple[float, float], ...]]


class UnknownLayout(Refusal):
    """A page has rows of curves, and which layout they form is not told surely enough.

    Parameters
    ----------
    message : str
        As in `Refusal`.
    proposals : tuple of LayoutProposal
        What the page may show all the same, the likeliest first.
    """

    def __init__(self, message: str, proposals: tuple[LayoutProposal, ...] = ()) -> None:
        super().__init__("unknown_layout", STEP, message)
        self.proposals = proposals

    def __reduce__(self) -> tuple[type[UnknownLayout], tuple[object, ...]]:
        """Let it through to another process: an exception is made again from its arguments."""
        return UnknownLayout, (self.message, self.proposals)


# Width of calibration pulses of 0.2 s at 25 mm/s, with what a scan or photograph adds or takes.
_USUAL_PULSE_MM = (4.0, 6.5)


@dataclass(frozen=True)
class LayoutSupport:
    """What a page of another machine shows for and against its reading.

    Attributes
    ----------
    grid : float
        How sure the grid is, from 0 to 1; 0 where the scale was guessed.
    n_rows, n_pulses : int
        Rows of curves, and those that show a calibration pulse.
    pulses : float
        How well the pulses are seen, from 0 to 1; 0 without any.
    n_named, n_misnamed : int
        Places of the layout where the name expected was read, and where surely another one was.
    fits : float
        Part of the limb leads' energy that Einthoven's law explains beyond chance, from 0 to 1;
        NaN where it cannot be told.
    layout : float
        How sure the layout is, against the next one, from 0 to 1.
    time_axis : float
        How well the rows' ends, marks and names agree about the seconds, from 0 to 1.
    slant : float
        How many times as large the sheet's nearest corner appears as its farthest; where its
        paper's edges told how it lies, what its rows' widths leave of that.
    split : bool
        Whether calibration pulses stand between the columns, which moves these apart.
    printed_gain_mm_per_mv, printed_speed_mm_per_s : float or None
        Gain, of the limb leads if there are two, and paper speed that the page prints; None where
        none is read.
    pulse_width_mm : float or None
        Width of the calibration pulses; None without any.
    pulse_stretch : float
        How many times as high as printed they are, where no grid tells the page's scale.
    """

    grid: float
    n_rows: int
    n_pulses: int
    pulses: float
    n_named: int
    n_misnamed: int
    fits: float
    layout: float
    time_axis: float
    slant: float = 1.0
    split: bool = False
    printed_gain_mm_per_mv: float | None = None
    printed_speed_mm_per_s: float | None = None
    pulse_width_mm: float | None = None
    pulse_stretch: float = 1.0

    @property
    def pulses_fit_usual_speed(self) -> bool:
        """Whether calibration pulses take 0.2 s of 25 mm/s on a grid."""
        narrowest, widest = _USUAL_PULSE_MM
        width_mm = self.pulse_width_mm
        return self.grid > 0 and width_mm is not None and narrowest <= width_mm <= widest


def _stroke_times(stretch: float) -> float:
    """How many times as wide a stroke becomes on paper that is stretched so many times."""
    return stretch if stretch > 1 else stretch**_SQUEEZED_STROKES


def lead_box(baseline_px: float, start_px: float, seconds: float, shape: tuple[int, ...]) -> Box:
    """Place a lead's box on a page at canonical scale.

    Parameters
    ----------
    baseline_px : float
        Row of 0 mV.
    start_px : float
        Column at which the lead begins.
    seconds : float
        How long it is shown.
    shape : tuple of int
        Height and width of the page, beyond which no box reaches.

    Returns
    -------
    Box
        `HALF_HEIGHT_MV` above and below the baseline.
    """
    half_height = round(HALF_HEIGHT_MV * PX_PER_MV)
    centre = round(baseline_px)
    return Box(
        max(0, round(start_px)),
        max(0, centre - half_height),
        min(shape[1], round(start_px + seconds * PX_PER_S)),
        min(shape[0], centre + half_height),
    )


def column_seconds(
    layout: Layout, column: int, seconds: float, same_seconds: bool
) -> tuple[float, float]:
    """Tell over which of the sheet's seconds a column of leads runs.

    Parameters
    ----------
    layout : Layout
    column : int
        From 0.
    seconds : float
        That all columns show together.
    same_seconds : bool
        Whether all columns show the same seconds.

    Returns
    -------
    begin_s, end_s : float
    """
    each = seconds / len(layout.columns)
    if same_seconds:
        return 0.0, each
    return column * each, (column + 1) * each


@dataclass(frozen=True)
class LocatedSheet:
    """A page whose leads have been found.

    Attributes
    ----------
    layout : Layout
        Which lead is printed where.
    rhythm_strips : tuple of str or None
        The lead that each ten-second strip below the rows shows, from the top down; None where
        that is not known.
    aligned : bool
        Whether the page had to be warped or rescaled to the canonical scale.
    px_per_mm : float
        Scale of the upload.
    gray : ndarray, shape (height, width), uint8
        The page at canonical scale, its paper speed and gain included.
    boxes : dict of str to Box
        Rectangle of each lead that is shown, and of each strip by its name in `RHYTHM_STRIPS`.
    baselines_px : dict of str to float
        Row of `gray` at which each lead of `boxes` has 0 mV.
    start_px : float
        Column of `gray` that shows the sheet's first instant; not always a whole pixel.
    to_upload : ndarray, shape (3, 3), float64
        Homography from pixel centres of `gray` to those of the upload.
    speed_mm_per_s, gain_mm_per_mv : float
        Paper speed and gain as printed.
    chest_gain_mm_per_mv : float or None
        Gain of V1 to V6 where it is another; `gray` has the other leads' scale.
    steps : tuple of LocatingStep
        The steps that led here, in their order.
    missing : tuple of str
        Leads that the layout has and the page does not show in full.
    support : LayoutSupport or None
        What speaks for the reading; None where the page is the known machine's, which is told by
        its print alone.
    removed : ndarray, shape (height, width), uint8, or None
        Above 127 where ink of the page was taken for a name or a mark and is not in `gray`, or may
        be a name that a beat crosses; None for the known machine's pages.
    proposals : tuple of LayoutProposal
        This reading's layout, then the next likeliest; empty where nothing else was weighed.
    gaps_px : tuple of float
        How much further on than its seconds each column of leads lies on `gray`: calibration
        pulses may stand between two, blanks between all, or all show the same seconds. Empty where
        nothing of the kind is so.
    strips_after_px : float
        How much further on than the first column strips begin on `gray`.
    seconds : float
        That all columns show together: ten, or fewer; twenty where each of two shows the same ten.
    same_seconds : bool
        Whether all columns show the same seconds.
    placed_by_hand : frozenset of str
        Leads and strips that a person placed; they need not lie in their row and column.
    """

    layout: Layout
    rhythm_strips: tuple[str | None, ...]
    aligned: bool
    px_per_mm: float
    gray: NDArray[np.uint8]
    boxes: dict[str, Box]
    baselines_px: dict[str, float]
    start_px: float
    to_upload: NDArray[np.float64]
    speed_mm_per_s: float = MM_PER_S
    gain_mm_per_mv: float = MM_PER_MV
    chest_gain_mm_per_mv: float | None = None
    steps: tuple[LocatingStep, ...] = ()
    missing: tuple[str, ...] = ()
    support: LayoutSupport | None = None
    removed: NDArray[np.uint8] | None = None
    proposals: tuple[LayoutProposal, ...] = ()
    gaps_px: tuple[float, ...] = ()
    strips_after_px: float = 0.0
    seconds: float = SHEET_S
    same_seconds: bool = False
    placed_by_hand: frozenset[str] = frozenset()

    @property
    def has_rhythm_strip(self) -> bool:
        """Whether at least one ten-second strip runs along the bottom."""
        return bool(self.rhythm_strips)

    def start_of(self, name: str) -> float:
        """Column of `gray` that would show the sheet's first instant in a lead's or strip's row."""
        if name not in LEADS:
            return self.start_px + self.strips_after_px
        if not self.gaps_px:
            return self.start_px
        return self.start_px + self.gaps_px[self.layout.place(name)[1]]

    def later_in_turn_s(self, name: str) -> float:
        """How many seconds later a lead would be shown if the columns followed each other.

        0 unless all columns show the same seconds, and these are fewer than ten; and for strips.
        """
        if name not in LEADS or not self.same_seconds or self.seconds > SHEET_S:
            return 0.0
        _, column = self.layout.place(name)
        return column_seconds(self.layout, column, self.seconds, same_seconds=False)[0]

    def seconds_of(self, lead: str) -> tuple[float, float]:
        """Tell over which of the ten seconds the layout shows a lead: from when, and until when."""
        column = self.layout.place(lead)[1]
        return column_seconds(self.layout, column, self.seconds, self.same_seconds)

    def samples_of(self, lead: str, rate_hz: int) -> slice:
        """Tell which samples of the ten seconds the layout shows of a lead."""
        return slice(*(round(second * rate_hz) for second in self.seconds_of(lead)))

    def leads_together(self, names: Container[str]) -> Iterator[list[str]]:
        """Give, of some leads, two or more at a time that show the same seconds.

        Those that a person placed elsewhere are left out.
        """
        for column in self.layout.columns:
            shown = [lead for lead in column if lead in names and lead not in self.placed_by_hand]
            if len(shown) >= 2:
                yield shown

    def height_times(self, name: str) -> float:
        """How many times as high as `gray` shows it a lead, or a strip, is at 10 mm/mV.

        Parameters
        ----------
        name : str
            A name of `boxes`.

        Returns
        -------
        float
        """
        if self.chest_gain_mm_per_mv is None:
            return 1.0
        printed = dict(zip(self.strip_names, self.rhythm_strips, strict=True)).get(name, name)
        is_chest_lead = printed in CHEST_LEADS
        return self.gain_mm_per_mv / self.chest_gain_mm_per_mv if is_chest_lead else 1.0

    @property
    def pen_aspect(self) -> float:
        """Height of a pen's stroke on `gray` over its width, where gain and speed were changed."""
        across, down = MM_PER_S / self.speed_mm_per_s, MM_PER_MV / self.gain_mm_per_mv
        return _stroke_times(down) / _stroke_times(across)

    @property
    def row_baselines_px(self) -> list[float]:
        """Baselines from the top row down, the strips' last; of each row its leftmost lead's.

        A lead that was placed by hand tells its row's only where no other does.
        """
        rows = zip(*self.layout.columns, strict=True)
        shown = ([name for name in row if name in self.baselines_px] for row in rows)
        first = [
            self.baselines_px[min(names, key=self.placed_by_hand.__contains__)]
            for names in shown
            if names
        ]
        return first + [self.baselines_px[name] for name in self.strip_names]

    @property
    def strip_names(self) -> tuple[str, ...]:
        """Names of the strips' boxes, from the top down."""
        names = [name for name in RHYTHM_STRIPS if name in self.boxes]
        return tuple(sorted(names, key=self.baselines_px.__getitem__))


def require_enough_leads(sheet: LocatedSheet) -> None:
    """Refuse a sheet that shows fewer leads, or fewer seconds of them, than a verdict needs.

    Parameters
    ----------
    sheet : LocatedSheet

    Raises
    ------
    Refusal
        With the code ``leads_missing`` or ``too_few_seconds``.
    """
    seconds, each = round(sheet.seconds, 1), round(sheet.seconds / len(sheet.layout.columns), 1)
    if seconds < LEAST_SECONDS or each < LEAST_LEAD_SECONDS:
        raise Refusal(
            "too_few_seconds",
            "Twelve leads",
            f"Twelve leads: the sheet shows {seconds:g} seconds in all, {each:g} of each lead, at "
            f"{sheet.speed_mm_per_s:g} mm/s, and a verdict needs {LEAST_SECONDS:g}, and "
            f"{LEAST_LEAD_SECONDS:g} of each lead, so there is none. What was found and measured "
            "is shown below. Print ten seconds at 25 mm/s, in four columns or fewer.",
        )
    shown = [name for name in LEADS if name in sheet.boxes]
    if len(shown) >= MIN_LEADS:
        return
    found = (
        "only the limb leads were found"
        if shown and set(shown) <= set(LIMB_LEADS)
        else f"only {len(shown)} of {len(LEADS)} leads can be read in full"
    )
    raise Refusal(
        "leads_missing",
        "Twelve leads",
        f"Twelve leads: {found}, and a verdict needs at least {MIN_LEADS}, chest leads among them; "
        f"{', '.join(sheet.missing)} cannot be read in full. What was found is shown below. "
        "Photograph or scan the whole sheet.",
    )
