"""Find the leads on a page of any machine: align it, see what is printed, weigh what it may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import LEADS, LIMB_LEADS, MM_PER_MV, PX_PER_MM, PX_PER_S, SHEET_S
from ecgapp.errors import Refusal, check_time
from ecgapp.io.pages import PageImage
from ecgapp.sheet import located
from ecgapp.sheet.detect.column_marks import find_marks
from ecgapp.sheet.detect.name_removal import (
    erase_names,
    erase_rulings,
    erase_touching_names,
)
from ecgapp.sheet.detect.names import STROKES, PrintedName, merged, read_names
from ecgapp.sheet.detect.print_beside_rows import without_frames
from ecgapp.sheet.detect.printed_settings import read_settings
from ecgapp.sheet.detect.pulses import (
    LOOSE_STRETCHES,
    Pulses,
    find_pulses,
    find_pulses_between,
    stand_between,
    with_chest_height,
    with_two_heights,
)
from ecgapp.sheet.detect.rows import (
    INK_BELOW,
    Row,
    find_rows,
    shrink,
    without_separators,
)
from ecgapp.sheet.detect.tracks import Tracks, follow_rows
from ecgapp.sheet.layout.column_gap import (
    find_blanks,
    find_gap,
    find_narrow_blanks,
    stand_in_blanks,
)
from ecgapp.sheet.layout.columns_apart import find_columns_apart, find_joined_columns
from ecgapp.sheet.layout.hypotheses import (
    MATCHED_PROBABILITY,
    Hypothesis,
    PageFeatures,
    assign_rows,
    n_misnamed,
    rank_hypotheses,
)
from ecgapp.sheet.layout.page_contents import PageContents
from ecgapp.sheet.layout.placing import place_leads, pulse_stretch
from ecgapp.sheet.layout.proposals import propose
from ecgapp.sheet.layout.pulse_feet import measured_stretch
from ecgapp.sheet.layout.same_seconds import gap_between_same_seconds
from ecgapp.sheet.layout.time_axis import (
    SPEEDS_MM_PER_S,
    Ends,
    Gap,
    has_ink,
    pen_px,
    row_ends,
    sure_places,
    usual_place,
)
from ecgapp.sheet.located import (
    STEP,
    Correction,
    LocatedSheet,
    LocatingStep,
    UnknownLayout,
)
from ecgapp.sheet.rectify.align import AlignedPage, align, enlarged, turned
from ecgapp.sheet.rectify.grid import jacobian
from ecgapp.sheet.rectify.uncleaned_ink import black_ink, coloured_ink

# Set by hand so that drawn sheets and other machines' development sheets are read, and pictures
# that are no ECG are not (`ecgapp bench not-ecg`); none was measured on its own.

# A page with fewer rows of curves is no twelve-lead sheet, unless its names say so.
MIN_ROWS, MIN_ROWS_NAMED = 3, 2
# Names read in their places that settle a layout alone, and with leads that are consistent.
NAMES_SETTLE, NAMES_HELP = 6, 3
# What consistency may leave unexplained, 1 as much as chance, with names and without any.
MAX_UNEXPLAINED, MAX_UNEXPLAINED_ALONE = 0.45, 0.25
# The same where a person says which layout it is.
MAX_UNEXPLAINED_TOLD = 0.6
# A turned page is looked at again the other way up unless it is as clear as this.
_CLEAR_NAMES = 6
# Limb leads that fit together so well, on a page with a grid and in the usual order, need no names
# and no pulses where no other layout is nearly as likely: less than this sure is a guess.
MAX_UNEXPLAINED_BARE, LEAST_SURE_BARE = 0.08, 0.75
# A page this many times as high as it is wide may have been turned by mistake.
_PORTRAIT = 1.2
# A calibration pulse takes 0.2 s: one this wide is printed at this speed.
_WIDE_PULSE_MM, _WIDE_PULSE_MM_PER_S = 9.0, 50.0
# Below this sureness of the grid, its scale may be wrong.
_SURE_GRID = 0.7
# Factors by which a grid's millimetres are too long where waves of 2.5 mm or of 1.25 mm were taken
# for one, each with the sureness below which that may be. Rows of ten seconds and pulses of so many
# seconds both show it, by so little off. Of 585 sheets with pulses four do: three had been read
# wrongly, one had been refused.
_MISCOUNTED = {0.4: 0.9, 0.8: 0.7}
_PULSE_S, _SAME_FACTOR = 0.2, 0.06
# Sureness of a gain and a scale that were not seen but assumed.
_ASSUMED = 0.5
# Logarithm of odds that makes a layout one third as unsure.
_MARGIN = 1.5


@dataclass(frozen=True)
class LayoutReading:
    """What a page is taken for, and what else it might have been.

    Attributes
    ----------
    contents : PageContents
    best : Hypothesis
    next_best_score : float
        Of the same rows.
    likeliest : tuple of (PageContents, Hypothesis)
        The likeliest of each layout, the likeliest layout first, whichever way up and at whichever
        scale the page was looked at.
    turned : bool
        Whether it is upside down.
    told : bool
        Whether a person said which layout it is.
    words : frozenset of str
        Leads whose names are surely read, strokes apart, the way up that shows most of them.
    """

    contents: PageContents
    best: Hypothesis
    next_best_score: float
    likeliest: tuple[tuple[PageContents, Hypothesis], ...] = ()
    turned: bool = False
    told: bool = False
    words: frozenset[str] = frozenset()

    @property
    def sureness(self) -> float:
        """How sure the layout is, from 0 to 1."""
        if self.told:
            return 1.0
        margin = (self.best.score - self.next_best_score) / _MARGIN
        return float(1 / (1 + np.exp(-np.clip(margin, -20, 20))))


def search(page: PageImage, correction: Correction) -> LocatedSheet:
    """Find the named leads on a page of any machine, size and pose.

    Parameters
    ----------
    page : PageImage
        The upload.
    correction : Correction
        What a person says about it.

    Returns
    -------
    LocatedSheet
        Its page is at canonical scale, cleaned of grid and shadows.

    Raises
    ------
    Refusal
        As `align` raises, and ``not_an_ecg`` when the page shows no rows of curves, or none that
        could be twelve leads; ``unknown_layout`` when they are printed in no known layout.
    """
    corners = None
    if correction.corners_px is not None:
        corners = np.array(correction.corners_px, np.float64)
    aligned = align(page, corners, correction.quarter_turns)
    told = correction.quarter_turns % 4 != 0 or corners is not None
    try:
        reading = _read_surely(aligned, page.number, correction)
    except Refusal as refusal:
        height, width = aligned.gray.shape
        if told or height < _PORTRAIT * width:
            raise
        # Tables and dividers may make a page look as if its curves ran up and down.
        try:
            reading = _read_surely(turned(aligned, 1), page.number, correction)
        except Refusal:
            raise refusal from None
    reading = _at_told_speed(_with_settings(reading), correction.layout_name)
    proposals = propose(reading.likeliest, page.number)
    sheet = place_leads(reading.contents, reading.best, _steps(reading))
    if not sheet.boxes:
        raise UnknownLayout(
            f"Finding the leads: read as {sheet.layout.name}, the sheet shows none of its leads "
            f"from end to end, over {round(sheet.seconds, 1):g} seconds at "
            f"{sheet.speed_mm_per_s:g} mm/s in all: pick another layout by hand, or upload a "
            "sharper picture of the whole sheet.",
            proposals,
        )
    return replace(sheet, support=_support(reading), proposals=proposals)


def _with_settings(reading: LayoutReading) -> LayoutReading:
    """Read what a page prints of speed and gain."""
    contents = reading.contents
    settings = read_settings(contents.printed)
    gain_told = contents.pulses is not None or settings.gain_mm_per_mv is not None
    if settings.speed_mm_per_s is None or not gain_told:
        # Pulses tell the gain, print alone the speed. It may stand at the paper's edge, along the
        # grid's lines or far from the grid.
        settings = settings.filled_from(read_settings(black_ink(contents.page)))
    return replace(reading, contents=replace(contents, settings=settings))


def _at_told_speed(reading: LayoutReading, layout_name: str | None) -> LayoutReading:
    """Read a page that is as wide as ten seconds, and shows twice the speed, as five seconds."""
    contents, axis = reading.contents, reading.best.axis
    told = _told_speed_mm_per_s(contents)
    if told != 2 * axis.speed_mm_per_s or axis.seconds > SHEET_S:
        return reading
    features = replace(contents.features, told_speed_mm_per_s=told)
    halved = _weigh(replace(contents, features=features), layout_name)
    if halved is None or halved.best.axis.speed_mm_per_s != told:
        return reading
    return replace(halved, turned=reading.turned, words=reading.words)


def _told_speed_mm_per_s(contents: PageContents) -> float | None:
    """Paper speed that a page prints, or that its pulses' width tells; None where neither does."""
    if contents.settings is not None and contents.settings.speed_mm_per_s is not None:
        return contents.settings.speed_mm_per_s
    pulses = contents.pulses
    wide = pulses is not None and pulses.right_px - pulses.left_px >= _WIDE_PULSE_MM * PX_PER_MM
    return _WIDE_PULSE_MM_PER_S if wide and contents.page.scale_known else None


def _read_surely(page: AlignedPage, page_number: int, correction: Correction) -> LayoutReading:
    """Read a page, and refuse it where that tells nothing."""
    reading = _read(page, correction.layout_name)
    if correction.layout_name is None:
        _require_ecg(reading, page_number)
    else:
        _require_fit(reading)
    return reading


def _read(page: AlignedPage, layout_name: str | None) -> LayoutReading:
    """Read a page whichever way up it is."""
    upright = _read_one_way(page, layout_name)
    if upright is not None and upright.best.n_named < _CLEAR_NAMES:
        upright = _with_coloured_names(upright, layout_name)
    if upright is not None and upright.best.n_named >= _CLEAR_NAMES:
        return upright
    inverted = _read_one_way(_upside_down(page), layout_name)
    if inverted is not None:
        inverted = replace(inverted, turned=True)
    readings = [reading for reading in (upright, inverted) if reading is not None]
    if not readings:
        raise Refusal(
            "not_an_ecg",
            STEP,
            f"Finding the leads: fewer than {MIN_ROWS} rows of curves could be told apart on the "
            "page, and a 12-lead sheet has at least that many: either it is no 12-lead ECG, or its "
            "curves cross too often. Upload the whole sheet, sharp and evenly lit.",
        )
    return _likeliest(readings)


def _likeliest(readings: Sequence[LayoutReading]) -> LayoutReading:
    """Choose the likeliest of several readings of one page; the others' layouts stay known."""
    by_layout: dict[str, tuple[PageContents, Hypothesis]] = {}
    all_seen = [seen for reading in readings for seen in reading.likeliest]
    for contents, hypothesis in sorted(all_seen, key=lambda seen: -seen[1].score):
        by_layout.setdefault(hypothesis.layout.name, (contents, hypothesis))
    # What shows that it is an ECG counts more than a little higher odds: upside down, six limb
    # leads fit together nearly as well.
    best = max(readings, key=lambda reading: (_is_ecg(reading), reading.best.score))
    words = max((reading.words for reading in readings), key=len)
    return replace(best, likeliest=tuple(by_layout.values()), words=words)


def _read_one_way(page: AlignedPage, layout_name: str | None) -> LayoutReading | None:
    """Read a page the way up it is, at the scale of a doubtful grid or at its curves' own."""
    reading = _read_as_it_is(page, layout_name)
    factor = _miscounted_by(reading.contents) if reading is not None else None
    if factor is not None:
        return _read_as_it_is(enlarged(page, 1 / factor), layout_name) or reading
    if not page.scale_known or page.grid_sureness >= _SURE_GRID:
        return reading
    if reading is not None and reading.best.n_named >= _CLEAR_NAMES:
        return reading
    rescaled = _read_as_it_is(replace(page, scale_known=False), layout_name)
    readings = [found for found in (reading, rescaled) if found is not None]
    return _likeliest(readings) if readings else None


def _miscounted_by(contents: PageContents) -> float | None:
    """Factor by which a grid's waves were miscounted: rows and pulses both are too long by it."""
    pulses, features = contents.pulses, contents.features
    if pulses is None or not contents.page.scale_known:
        return None
    shown_px = usual_place(features.rights) - usual_place(features.lefts)
    lengths = (shown_px / SHEET_S, (pulses.right_px - pulses.left_px) / _PULSE_S)
    for factor, sureness in _MISCOUNTED.items():
        alike = all(abs(length / (factor * PX_PER_S) - 1) <= _SAME_FACTOR for length in lengths)
        if alike and contents.page.grid_sureness < sureness:
            return factor
    return None


def _read_as_it_is(page: AlignedPage, layout_name: str | None) -> LayoutReading | None:
    contents = find_contents(page)
    return None if contents is None else _weigh(contents, layout_name)


def _with_coloured_names(reading: LayoutReading, layout_name: str | None) -> LayoutReading:
    """Read a page again with the names that are printed in a colour, where it has any."""
    contents = reading.contents
    features = contents.features
    names = merged(features.names, read_names(coloured_ink(contents.page)))
    if len(names) == len(features.names):
        return reading
    coloured = _weigh(replace(contents, features=replace(features, names=names)), layout_name)
    # What is left of a grid looks like strokes: names that no layout has there tell nothing.
    if coloured is None or coloured.best.n_named <= reading.best.n_named:
        return reading
    return _likeliest([reading, coloured])


def _weigh(contents: PageContents, layout_name: str | None) -> LayoutReading | None:
    """Weigh what a page's contents may be, with its names beside the rows of either side."""
    readings = []
    features = contents.features
    for name_rows in assign_rows(features.names, features.baselines_px):
        check_time()
        seen = replace(contents, features=replace(features, name_rows=name_rows))
        hypotheses = rank_hypotheses(seen.features, layout_name)
        if not hypotheses:
            return None
        best = hypotheses[0]
        if len(seen.rows) < MIN_ROWS and best.n_named < NAMES_SETTLE:
            continue
        shown = (best.layout.columns, best.n_strips)
        others = [h.score for h in hypotheses if (h.layout.columns, h.n_strips) != shown]
        reading = LayoutReading(
            seen,
            best,
            max(others, default=-np.inf),
            tuple((seen, hypothesis) for hypothesis in hypotheses),
            told=layout_name is not None,
            words=_words(seen),
        )
        readings.append(reading)
    return _likeliest(readings) if readings else None


def find_contents(page: AlignedPage) -> PageContents | None:
    """Look at an aligned page for rows, pulses, marks and names.

    Parameters
    ----------
    page : AlignedPage
        The page.

    Returns
    -------
    PageContents or None
        None where there are too few rows of curves.
    """
    check_time()
    if not page.scale_known:
        rows, _ = _rows(page.gray)
        if len(rows) < MIN_ROWS_NAMED:
            return None
        page = _scaled_by_width(page, rows)
    printed = page.gray
    names = tuple(read_names(page.gray))
    # Strokes of many kinds look like an I, and may be part of a curve.
    words = [name for name in names if name.name not in STROKES]
    page = replace(page, gray=erase_names(page.gray, names))
    rows, raw = _rows(page.gray)
    if len(rows) < MIN_ROWS_NAMED:
        return None
    check_time()
    without_rulings = erase_rulings(page.gray, [row.baseline_px for row in rows])
    if without_rulings is not page.gray:
        page = replace(page, gray=without_rulings)
        rows, raw = _rows(page.gray)
        if len(rows) < MIN_ROWS_NAMED:
            return None
    ink = without_separators(raw)
    # Where rows are close their pulses make one long upright line.
    stretches = (1.0,) if page.scale_known else LOOSE_STRETCHES
    pulses = find_pulses(ink, rows, stretches) or find_pulses(raw, rows, stretches)
    if pulses is not None:
        pulses = with_two_heights(raw, pulses)
    check_time()
    tracks = follow_rows(ink, rows)
    if pulses is not None and not page.scale_known:
        pulses = _measured(pulses, page, rows, tracks)
    check_time()
    page = replace(page, gray=erase_touching_names(page.gray, words, tracks))
    lefts, rights = row_ends(page.gray, tracks, rows, pulses)
    check_time()
    marks_px = tuple(find_marks(raw, rows))
    gap, same_seconds, pulses = _find_what_parts_columns(
        page, raw, rows, tracks, names, marks_px, pulses, lefts, rights
    )
    baselines = tuple(row.baseline_px for row in rows)
    features = PageFeatures(
        baselines_px=baselines,
        tracks=tracks,
        lefts=lefts,
        rights=rights,
        marks_px=marks_px,
        names=names,
        name_rows=assign_rows(names, baselines)[0],
        scale_known=page.scale_known,
        gap=gap,
        same_seconds=same_seconds,
        upload_px_per_mm=page.px_per_mm,
    )
    return PageContents(page, printed, tuple(rows), pulses, features)


def _find_what_parts_columns(
    page: AlignedPage,
    raw: NDArray[np.bool_],
    rows: Sequence[Row],
    tracks: Tracks,
    names: Sequence[PrintedName],
    marks_px: Sequence[float],
    pulses: Pulses | None,
    lefts: Ends,
    rights: Ends,
) -> tuple[Gap | None, Gap | None, Pulses | None]:
    """Room between columns, room between columns of the same seconds, and the page's pulses."""
    between = find_gap(raw, rows, lefts, rights) if page.scale_known else None
    if pulses is None and between is not None:
        return between[0], None, between[1]
    if page.scale_known:
        same_seconds = gap_between_same_seconds(tracks, lefts, rights)
        if same_seconds is not None:
            return None, same_seconds, pulses
    inked = np.stack(
        [has_ink(page.gray, tracks, number, row.baseline_px) for number, row in enumerate(rows)]
    )
    gap = find_columns_apart(
        page.gray, tracks, rows, inked, pulses, lefts, rights, page.scale_known
    )
    before_rows = pulses if pulses is not None and pulses.at_left else None
    if pulses is None and gap is not None and gap.width_px and not page.scale_known:
        pulses = find_pulses_between(
            raw, rows, sorted(gap.rows), gap.at_px[0], gap.width_px, LOOSE_STRETCHES
        )
        if pulses is not None:
            pulses = _measured(pulses, page, rows, tracks)
    if gap is None and before_rows is not None and page.scale_known:
        gap = find_joined_columns(raw, page.gray, tracks, rows, before_rows, rights)
    if gap is None and between is not None:
        gap = between[0]
    if gap is None and page.scale_known:
        gap = find_narrow_blanks(tracks, inked, rights, marks_px)
        gap = gap or find_blanks(page.gray, tracks, inked, lefts, rights)
        if gap is not None and stand_in_blanks(names, gap):
            gap = None
    if gap is not None and gap.width_px and before_rows is not None:
        pulses = _with_chest_height(raw, rows, before_rows, gap)
    return gap, None, pulses


def _measured(pulses: Pulses, page: AlignedPage, rows: Sequence[Row], tracks: Tracks) -> Pulses:
    """Pulses with their own height, where no grid tells how high they should be."""
    pen = pen_px(page.gray, tracks)
    return replace(pulses, stretch=measured_stretch(page.gray, rows, pulses, pen))


def _with_chest_height(
    raw: NDArray[np.bool_], rows: Sequence[Row], pulses: Pulses, gap: Gap
) -> Pulses:
    """See whether pulses before, or between, the columns show the chest leads at half the gain."""
    if gap.column_px is not None:
        pitch = gap.column_px + gap.width_px
        pulses = with_chest_height(raw, pulses, [k * pitch for k in range(len(gap.at_px) + 1)])
    if len(gap.at_px) > 1 or pulses.chest_height_mm is not None:
        return pulses
    between = find_pulses_between(raw, rows, sorted(gap.rows), gap.at_px[0], gap.width_px)
    if between is None or between.height_mm != pulses.height_mm / 2:
        return pulses
    return replace(pulses, chest_height_mm=between.height_mm)


def _rows(gray: NDArray[np.uint8]) -> tuple[list[Row], NDArray[np.bool_]]:
    """Rows of curves, and the ink at half the scale."""
    raw = np.asarray(shrink(gray) < INK_BELOW)
    ink = without_separators(raw)
    return without_frames(find_rows(ink), ink), raw


def _scaled_by_width(page: AlignedPage, rows: list[Row]) -> AlignedPage:
    """Scale a page without a grid so that its rows are as wide as ten seconds are."""
    left = float(np.median([row.left_px for row in rows]))
    right = float(np.median([row.right_px for row in rows]))
    factor = SHEET_S * SPEEDS_MM_PER_S[0] * PX_PER_MM / (right - left)
    height, width = page.gray.shape
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    gray = np.asarray(cv2.resize(page.gray, size, interpolation=way), np.uint8)
    shift = (1 / factor - 1) / 2
    back = np.array([[1 / factor, 0, shift], [0, 1 / factor, shift], [0, 0, 1]])
    return replace(
        page, gray=gray, to_upload=page.to_upload @ back, px_per_mm=page.px_per_mm / factor
    )


def _upside_down(page: AlignedPage) -> AlignedPage:
    height, width = page.gray.shape
    turn = np.array([[-1.0, 0, width - 1], [0, -1, height - 1], [0, 0, 1]])
    gray = np.ascontiguousarray(page.gray[::-1, ::-1])
    return replace(page, gray=gray, to_upload=page.to_upload @ turn)


def _is_ecg(reading: LayoutReading) -> bool:
    """Whether a reading's names, curves and pulses show that it is a twelve-lead sheet."""
    best = reading.best
    rest = _unexplained(best)
    if best.n_named >= NAMES_SETTLE:
        return True
    if best.n_named >= NAMES_HELP and rest <= MAX_UNEXPLAINED:
        return True
    # Names that stand elsewhere speak against the layout; one stroke is taken for an I anywhere.
    n_elsewhere = len(reading.words) - best.n_named
    elsewhere = n_elsewhere >= (NAMES_SETTLE if best.n_named else NAMES_HELP)
    if best.layout.is_cabrera or elsewhere:
        # Neighbouring chest leads may fit together as limb leads in Cabrera's order do.
        return False
    if reading.contents.pulses is not None and rest <= MAX_UNEXPLAINED_ALONE:
        return True
    usual = reading.contents.page.scale_known and not reading.turned
    return usual and rest <= MAX_UNEXPLAINED_BARE and reading.sureness >= LEAST_SURE_BARE


def _unexplained(hypothesis: Hypothesis) -> float:
    return 1.0 if np.isnan(hypothesis.unexplained) else hypothesis.unexplained


def _require_ecg(reading: LayoutReading, page_number: int) -> None:
    """Refuse what has rows of curves and is no twelve-lead sheet all the same."""
    if _is_ecg(reading):
        return
    best, rest = reading.best, _unexplained(reading.best)
    n_rows = len(reading.contents.rows)
    pulses = "with" if reading.contents.pulses is not None else "without"
    fit = f"{100 * (1 - min(1.0, rest)):.0f}%"
    raise UnknownLayout(
        f"Finding the leads: {_names_said(reading)}{n_rows} rows of curves {pulses} calibration "
        f"pulses were found, but only {best.n_named} lead names where a known layout prints them "
        f"({NAMES_SETTLE} are needed, or {NAMES_HELP} and curves that fit together as a heart's "
        f"leads do, to {100 * (1 - MAX_UNEXPLAINED):.0f}%; these do to {fit}): this is no 12-lead "
        "sheet that can be read. If it is one, pick its layout by hand, or upload a sharper "
        "picture of the whole sheet.",
        propose(reading.likeliest, page_number),
    )


def _names_said(reading: LayoutReading) -> str:
    """Say which leads' names stand on a page; nothing where none is surely read."""
    names = reading.words
    if len(names) >= NAMES_HELP and names <= set(LIMB_LEADS):
        return "only the limb leads were found; "
    read = ", ".join(lead for lead in LEADS if lead in names)
    return f"the names of {read} were read; " if read else ""


def _words(contents: PageContents) -> frozenset[str]:
    """Leads whose names are surely read; strokes are not counted: many a mark looks like an I."""
    return frozenset(
        name.name.removeprefix("-")
        for name in contents.features.names
        if name.name not in STROKES and name.probability >= MATCHED_PROBABILITY
    )


def _require_fit(reading: LayoutReading) -> None:
    """Refuse what shows nothing of the layout that a person says it has."""
    best = reading.best
    if best.n_named >= NAMES_HELP or best.unexplained <= MAX_UNEXPLAINED_TOLD:
        return
    raise UnknownLayout(
        f"Finding the leads: read as {best.layout.name}, the page shows {best.n_named} lead names "
        f"in their places (at least {NAMES_HELP} are needed), and curves that do not fit together "
        "as a heart's leads do: pick another layout, or upload a sharper picture of the whole "
        "sheet.",
    )


def _support(reading: LayoutReading) -> located.LayoutSupport:
    """Put what was seen into numbers."""
    contents, best = reading.contents, reading.best
    pulses, settings = contents.pulses, contents.settings
    return located.LayoutSupport(
        grid=contents.page.grid_sureness if contents.page.scale_known else 0.0,
        n_rows=len(contents.rows),
        n_pulses=sum(y is not None for y in pulses.feet_px) if pulses else 0,
        pulses=pulses.score if pulses else 0.0,
        n_named=best.n_named,
        n_misnamed=n_misnamed(contents.features, best),
        fits=1 - float(np.minimum(1.0, best.unexplained)),
        layout=reading.sureness,
        time_axis=best.axis.sureness,
        slant=_slant(contents),
        split=pulses is None and _pulses_between(contents, best),
        printed_gain_mm_per_mv=settings.gain_mm_per_mv if settings else None,
        printed_speed_mm_per_s=settings.speed_mm_per_s if settings else None,
        pulse_stretch=pulse_stretch(contents, best.axis),
        pulse_width_mm=(pulses.right_px - pulses.left_px) / PX_PER_MM if pulses else None,
    )


def _slant(contents: PageContents) -> float:
    """How many times as large one corner of the sheet may still appear as another.

    Where the paper's edges told how it lies, rows that begin and end together confirm it; print
    alone tells no more than the whole of what it was turned by.
    """
    page = contents.page
    spread = _spread_of_widths(contents) if page.pose.edges_seen else None
    if spread is not None:
        return spread
    height, width = page.gray.shape
    scales = [
        abs(np.linalg.det(jacobian(page.to_upload, np.array([x, y], np.float64)))) ** 0.5
        for x in (0, width)
        for y in (0, height)
    ]
    return float(max(scales) / min(scales))


def _spread_of_widths(contents: PageContents) -> float | None:
    """How many times as wide the widest row is as the narrowest, by where most begin and end.

    None where fewer than two rows show where they begin, or end.
    """
    features = contents.features
    baselines = np.array(features.baselines_px)
    at = baselines[[0, -1]]
    ends = []
    for side in (features.lefts, features.rights):
        sure = sure_places(side)
        if len(sure) < MIN_ROWS_NAMED:
            return None
        points = np.column_stack([baselines[list(sure)], list(sure.values())]).astype(np.float32)
        down, across, y, x = cv2.fitLine(points, cv2.DIST_WELSCH, 0, 0.01, 0.01).ravel().tolist()
        ends.append(x + (at - y) * across / down)
    widths = ends[1] - ends[0]
    return float(widths.max() / widths.min())


def _way_up(page: AlignedPage) -> str:
    """Say how the upload lies, which the page was turned from."""
    across = jacobian(page.to_upload, np.array(page.gray.shape[::-1], np.float64) / 2)[:, 0]
    if abs(across[1]) > abs(across[0]):
        return "on its side, and was turned"
    return "upside down, and was turned" if across[0] < 0 else "the right way up"


def _pulses_between(contents: PageContents, best: Hypothesis) -> bool:
    """Whether pulses part the columns of the rows of leads."""
    layout, axis = best.layout, best.axis
    n_columns = len(layout.columns)
    rows = [
        row
        for number, row in enumerate(contents.rows)
        if 0 <= best.layout_row(number) < layout.n_rows
    ]
    edges = [axis.start_px + k * axis.width_px / n_columns for k in range(1, n_columns)]
    return bool(rows) and stand_between(_ink(contents), rows, edges)


def _ink(contents: PageContents) -> NDArray[np.bool_]:
    return np.asarray(shrink(contents.page.gray) < INK_BELOW)


def _steps(reading: LayoutReading) -> tuple[LocatingStep, ...]:
    """Say what was found, in the order in which it was looked for."""
    contents, best = reading.contents, reading.best
    page, pulses, axis = contents.page, contents.pulses, best.axis
    grid = f"{page.px_per_mm:.1f} px/mm"
    n_rows = len(contents.rows)
    gain, of_chest = contents.gains_mm_per_mv
    without = ", as printed: no calibration pulse" if gain else ", assumed: no calibration pulse"
    chest_gain = f", {of_chest:g} mm/mV for the chest leads" if of_chest else ""
    seen = f"{sum(y is not None for y in pulses.feet_px)} of {n_rows} rows" if pulses else "none"
    strips = {0: "no rhythm strip", 1: "1 rhythm strip"}.get(
        best.n_strips, f"{best.n_strips} rhythm strips"
    )
    rest = 1.0 if np.isnan(best.unexplained) else min(1.0, best.unexplained)
    way_up = _way_up(page)
    seconds = f", {axis.seconds:.1f} seconds in all" if axis.seconds < SHEET_S else ""
    told = contents.features.told_speed_mm_per_s
    printed = contents.settings is not None and contents.settings.speed_mm_per_s is not None
    by_pulses = ", told by the width of its pulses" if told is not None and not printed else ""
    return (
        LocatingStep("Grid", grid, page.grid_sureness)
        if page.scale_known
        else LocatingStep("Scale", f"{grid}, from the width of ten seconds: no grid", _ASSUMED),
        LocatingStep("Way up", way_up, reading.sureness),
        LocatingStep(
            "Rows", f"{n_rows} rows of curves", float(min(r.coverage for r in contents.rows))
        ),
        LocatingStep("Calibration pulses", seen, pulses.score if pulses else _ASSUMED),
        LocatingStep(
            "Paper speed", f"{axis.speed_mm_per_s:g} mm/s{seconds}{by_pulses}", axis.sureness
        ),
        LocatingStep(
            "Gain",
            f"{gain or MM_PER_MV:g} mm/mV{chest_gain}" + ("" if pulses else without),
            pulses.score if pulses else _ASSUMED,
        ),
        LocatingStep("Lead names", f"{best.n_named} of 12 read in their places", best.n_named / 12),
        LocatingStep("Leads fit together", f"{100 * (1 - rest):.0f}%", 1 - rest),
        LocatingStep(
            "Layout",
            f"{best.layout.name}, {strips}" + (", set by hand" if reading.told else ""),
            reading.sureness,
        ),
    )
