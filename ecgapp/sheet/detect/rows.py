"""Find the rows of curves on an aligned page.

A curve is a thin stroke that runs on from left to right, most of the time near one height; letters
and marks are short. Everything here works at half the canonical scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import PX_PER_MM

# Rows are looked for on a page this many times smaller, in which print is darker than this grey.
# Both set by hand.
SHRINK = 2
MM = PX_PER_MM / SHRINK
INK_BELOW = 185

# Millimetres of paper and shares, set by hand on drawn sheets of made-up vendors and on other
# machines' sheets and photographs of the development data; none was measured on its own.

# Marks between columns run straight down over at least this length.
_SEPARATOR_MM = 30.0
# A stroke that runs flat is at most this thick, and goes on for at least this length.
_FLAT_MM = 2.0
_STROKE_MM = 2.2
# Smoothing of the profile of flat strokes, and the least distance of two rows in it.
_PROFILE_SIGMA_MM = 1.2
_MIN_ROW_DISTANCE_MM = 5.0
# Part of the fullest row's flat strokes that a row has at least.
_MIN_ROW_SHARE = 0.12
# A row's curve stays this near to its baseline most of the time.
_NEAR_MM, INK_NEAR_MM = 6.0, 3.0
# Longest gap in a row, such as a name or a separator leaves, and between columns so wide at least
# that show ink in so large a part of them.
_MAX_GAP_MM, _MAX_ROOM_MM = 12.0, 20.0
_COLUMN_MM, _COLUMN_INK = 45.0, 0.9
# What stands alone beyond a gap of more than this at the right is a frame's line.
_FRAME_GAP_MM, _FRAME_BINS = 6.0, 2
_MIN_ROW_WIDTH_MM = 60.0
# Lines of text are narrower than this part of the widest row, or than that if they begin or end
# where it does.
_MIN_WIDTH_SHARE, _MIN_WIDTH_SHARE_IN_LINE = 0.6, 0.4
_SAME_END_MM = 4.0
_BIN_MM = 2.0
# What is nearer than this part of the rows' step, narrower than this part of the widest and covered
# less than this part of what is usual is no row: two scans' last lines were text and a grid's rest.
TEXT_STEP, _TEXT_WIDTH, _TEXT_COVERAGE = 0.7, 0.75, 0.6
# Parts of a row's width that its flat strokes, and its ink, cover at least.
_MIN_COVERAGE, _MIN_INK_COVERAGE = 0.25, 0.8
# A ruled line leaves its height in less than this part of its columns.
_AWAY_MM, MAX_AWAY_MM = 0.9, 5.0
_MIN_AWAY = 0.03
# So much of it lies at one height, to a pixel either way, even if curves or print touch it.
LEVEL_PX, _LEVEL_SHARE = 2, 0.985
# So many steps tell how far rows are apart; how far off one may be, and a noisy one's coverage.
_EVEN_STEPS, _EVENNESS, _NOISY_COVERAGE = 2, 0.25, 0.9
# A row may wander this far.
_WANDER_MM = 9.0
# Part of the columns in which two rows are apart, for them to be two.
_MIN_APART = 0.4


@dataclass(frozen=True)
class Row:
    """One row of curves, in pixels of the canonical scale.

    Attributes
    ----------
    baseline_px : float
        Height at which the curve stays most of the time.
    left_px, right_px : float
        Where its flat strokes begin and end.
    coverage : float
        Part of the width between that holds flat strokes.
    """

    baseline_px: float
    left_px: float
    right_px: float
    coverage: float

    @property
    def width_px(self) -> float:
        """From the beginning to the end."""
        return self.right_px - self.left_px

    @property
    def in_ink(self) -> tuple[int, int, int]:
        """Row, first column and column after the last of the ink, at half the canonical scale."""
        baseline, left, right = (
            round(at / SHRINK) for at in (self.baseline_px, self.left_px, self.right_px)
        )
        return baseline, left, right


def shrink(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Page at half the canonical scale."""
    size = (gray.shape[1] // SHRINK, gray.shape[0] // SHRINK)
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)


def find_rows(ink: NDArray[np.bool_]) -> list[Row]:
    """Find the rows of curves.

    Parameters
    ----------
    ink : ndarray, shape (height, width), bool
        Ink of a page at half the canonical scale.

    Returns
    -------
    list of Row
        From the top down.
    """
    flat = flat_strokes(ink)
    profile = flat.sum(axis=1).astype(np.float64)
    sigma = _PROFILE_SIGMA_MM * MM
    smooth = cv2.GaussianBlur(profile[:, None], (1, 0), sigmaX=1, sigmaY=sigma)[:, 0]
    heights = _peaks(smooth)
    rows = [row for y in heights if (row := _row_at(y, flat, ink, heights)) is not None]
    return _with_noisy_ones(_without_text(_wide_enough(_merge(rows, ink))), ink)


def _wide_enough(rows: list[Row]) -> list[Row]:
    """Leave out lines of text: curves begin and end together, but where one is hard to see."""
    if not rows:
        return rows
    widest = max(rows, key=lambda row: row.width_px)
    near = _SAME_END_MM * PX_PER_MM

    def belongs(row: Row) -> bool:
        ends = row.left_px - widest.left_px, row.right_px - widest.right_px
        share = _MIN_WIDTH_SHARE if min(map(abs, ends)) > near else _MIN_WIDTH_SHARE_IN_LINE
        return row.width_px >= share * widest.width_px

    return [row for row in rows if belongs(row)]


def _without_text(rows: list[Row]) -> list[Row]:
    """Leave out a line of text, or what is left of a grid, close above or below the rows."""
    for end, beside in ((0, 1), (-1, -2)):
        others = rows[1:] if end == 0 else rows[:-1]
        if len(others) < _EVEN_STEPS + 1:
            continue
        spacing = float(np.median([b.baseline_px - a.baseline_px for a, b in pairwise(others)]))
        near = abs(rows[end].baseline_px - rows[beside].baseline_px) < TEXT_STEP * spacing
        narrow = rows[end].width_px < _TEXT_WIDTH * max(row.width_px for row in others)
        usual = float(np.median([row.coverage for row in others]))
        if near and narrow and rows[end].coverage < _TEXT_COVERAGE * usual:
            rows = others
    return rows


def _with_noisy_ones(rows: list[Row], ink: NDArray[np.bool_]) -> list[Row]:
    """Add rows that are nowhere flat, where rows stand evenly and one is missing."""
    steps = [lower.baseline_px - upper.baseline_px for upper, lower in pairwise(rows)]
    spacing = float(np.median(steps)) if steps else 0.0
    if len(steps) < _EVEN_STEPS or min(steps) < (1 - _EVENNESS) * spacing:
        return rows
    found = [rows[0]]
    for upper, lower in pairwise(rows):
        gap = lower.baseline_px - upper.baseline_px
        n_steps = round(gap / spacing)
        if n_steps >= 2 and abs(gap / spacing - n_steps) < _EVENNESS:
            heights = [upper.baseline_px + gap * k / n_steps for k in range(1, n_steps)]
            noisy = (_noisy_row(y, spacing, upper, lower, ink) for y in heights)
            found += [row for row in noisy if row is not None]
        found.append(lower)
    below = _noisy_row(rows[-1].baseline_px + spacing, spacing, rows[-1], rows[-1], ink)
    return found if below is None else [*found, below]


def _noisy_row(
    height_px: float, spacing_px: float, upper: Row, lower: Row, ink: NDArray[np.bool_]
) -> Row | None:
    """Row around a height, as wide as its neighbours; None where ink does not run on."""
    left_px, right_px = max(upper.left_px, lower.left_px), min(upper.right_px, lower.right_px)
    reach = _EVENNESS * spacing_px
    top, bottom = round((height_px - reach) / SHRINK), round((height_px + reach) / SHRINK)
    band = ink[max(0, top) : bottom + 1, round(left_px / SHRINK) : round(right_px / SHRINK)]
    shown = _bins(np.asarray(band.any(axis=0))) if band.size else np.zeros(0, np.bool_)
    if not len(shown) or float(shown.mean()) < _NOISY_COVERAGE:
        return None
    middle = np.flatnonzero(band.any(axis=1)) @ band.sum(axis=1)[band.any(axis=1)] / band.sum()
    baseline_px = SHRINK * (max(0, top) + float(middle) + 0.5) - 0.5
    return Row(baseline_px, left_px, right_px, _MIN_COVERAGE)


def flat_strokes(ink: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Ink that runs flat for a while: 1 on 0, shape as given."""
    ink8 = ink.astype(np.uint8)
    tall = cv2.morphologyEx(ink8, cv2.MORPH_OPEN, np.ones((round(_FLAT_MM * MM) + 1, 1), np.uint8))
    thin = np.asarray((ink8 > 0) & (tall == 0)).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(thin, connectivity=8)
    long = stats[:, cv2.CC_STAT_WIDTH] >= _STROKE_MM * MM
    long &= stats[:, cv2.CC_STAT_HEIGHT] <= 1.5 * stats[:, cv2.CC_STAT_WIDTH]
    long[0] = False
    return np.asarray(long[labels], np.uint8)


def without_separators(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Take long straight marks out of a page's ink."""
    ink8 = ink.astype(np.uint8)
    upright = cv2.morphologyEx(
        ink8, cv2.MORPH_OPEN, np.ones((round(_SEPARATOR_MM * MM), 1), np.uint8)
    )
    wide = cv2.dilate(upright, np.ones((1, 3), np.uint8))
    return np.asarray((ink8 > 0) & (wide == 0))


def _peaks(profile: NDArray[np.float64]) -> list[int]:
    """Local maxima of a profile, none close to a higher one."""
    left = profile.copy()
    found: list[int] = []
    least = _MIN_ROW_SHARE * profile.max(initial=0)
    reach = round(_MIN_ROW_DISTANCE_MM * MM)
    while left.max(initial=0) > max(least, 1e-9):
        top = int(left.argmax())
        if profile[max(0, top - 1) : top + 2].max() == profile[top]:
            found.append(top)
        left[max(0, top - reach) : top + reach + 1] = 0
    return sorted(found)


def _row_at(
    y: int, flat: NDArray[np.uint8], ink: NDArray[np.bool_], heights: list[int]
) -> Row | None:
    """Row whose flat strokes lie around a height; None where there is no curve."""
    above = max((h for h in heights if h < y), default=-(10**6))
    below = min((h for h in heights if h > y), default=10**6)
    top, bottom = _band(y, above, below, _NEAR_MM, len(flat))
    flat_columns = np.asarray(flat[top:bottom].any(axis=0))
    top, bottom = _band(y, above, below, INK_NEAR_MM, len(flat))
    ink_columns = np.asarray(ink[top:bottom].any(axis=0)) | flat_columns
    # Where a curve is noisy it is nowhere flat, but it is somewhere near.
    filled = np.flatnonzero(_bins(ink_columns))
    if not len(filled):
        return None
    first, last = _longest_stretch(filled, ink_columns)
    last = _before_frame(filled[(filled >= first) & (filled <= last)])
    if (last - first + 1) * _BIN_MM < _MIN_ROW_WIDTH_MM:
        return None
    width = round(_BIN_MM * MM)
    inside = np.flatnonzero(ink_columns[first * width : (last + 1) * width]) + first * width
    coverage = float(_bins(flat_columns)[first : last + 1].mean())
    if coverage < _MIN_COVERAGE or _bins(ink_columns)[first : last + 1].mean() < _MIN_INK_COVERAGE:
        return None
    if _is_ruled(ink[:, inside[0] : inside[-1] + 1], y, (y + above) // 2, (y + below) // 2):
        return None
    return Row(
        SHRINK * (y + 0.5) - 0.5,
        SHRINK * float(inside[0]),
        SHRINK * float(inside[-1] + 1),
        coverage,
    )


def _band(y: int, above: int, below: int, reach_mm: float, height: int) -> tuple[int, int]:
    """First row, and the row after the last, within reach of a height and nearer than others."""
    reach = round(reach_mm * MM)
    top = max(0, y - reach, (y + above) // 2)
    return top, min(height, y + reach + 1, (y + below) // 2 + 1)


def _bins(columns: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether anything is in each stretch of `_BIN_MM`."""
    width = round(_BIN_MM * MM)
    n_bins = len(columns) // width
    return np.asarray(columns[: n_bins * width].reshape(n_bins, width).any(axis=1))


def _is_ruled(ink: NDArray[np.bool_], y: int, above: int, below: int) -> bool:
    """Whether the ink around a height is a straight line: no curve, of which some part is high."""
    if level_share(ink, y) >= _LEVEL_SHARE:
        return True
    near, far = round(_AWAY_MM * MM), round(MAX_AWAY_MM * MM)
    upper = ink[max(0, y - far, above) : max(0, y - near)].any(axis=0)
    lower = ink[y + near + 1 : min(len(ink), y + far + 1, below + 1)].any(axis=0)
    return float((upper | lower).mean()) < _MIN_AWAY


def level_share(ink: NDArray[np.bool_], y: int) -> float:
    """Tell in which part of the columns ink lies at one height, near a given one.

    Parameters
    ----------
    ink : ndarray, shape (height, width), bool
        Ink at half the canonical scale.
    y : int
        The height given; the one looked for is `LEVEL_PX` from it at most, to a pixel either way.

    Returns
    -------
    float
    """
    heights = range(max(1, y - LEVEL_PX), min(len(ink) - 1, y + LEVEL_PX + 1))
    return max((float(ink[h - 1 : h + 2].any(axis=0).mean()) for h in heights), default=0.0)


def _before_frame(filled: NDArray[np.intp]) -> int:
    """Last of a row's bins, a frame's line beyond a gap left out; a line may lie in two bins."""
    far = np.flatnonzero(np.diff(filled) > _FRAME_GAP_MM / _BIN_MM)
    if len(far) and filled[-1] - filled[far[-1] + 1] < _FRAME_BINS:
        return int(filled[far[-1]])
    return int(filled[-1])


def _longest_stretch(filled: NDArray[np.intp], ink: NDArray[np.bool_]) -> tuple[int, int]:
    """First and last of a row's longest stretch of bins without a large gap."""
    gaps_mm = _BIN_MM * (np.diff(filled) - 1)
    breaks = np.flatnonzero(gaps_mm > _MAX_GAP_MM)
    pieces: list[tuple[int, int]] = []
    for piece in np.split(filled, breaks + 1):
        begin, end = int(piece[0]), int(piece[-1])
        if pieces and _are_columns(pieces[-1], (begin, end), ink):
            begin = pieces.pop()[0]
        pieces.append((begin, end))
    return max(pieces, key=lambda piece: piece[1] - piece[0])


def _are_columns(before: tuple[int, int], after: tuple[int, int], ink: NDArray[np.bool_]) -> bool:
    """Whether two pieces of a row, first and last bins, may be columns with room between them."""
    width = round(_BIN_MM * MM)
    wide = all(_BIN_MM * (end - begin + 1) >= _COLUMN_MM for begin, end in (before, after))
    near = _BIN_MM * (after[0] - before[1] - 1) <= _MAX_ROOM_MM
    # There are blanks between words, and between letters.
    return (
        wide
        and near
        and all(
            float(ink[begin * width : (end + 1) * width].mean()) >= _COLUMN_INK
            for begin, end in (before, after)
        )
    )


def _merge(rows: list[Row], ink: NDArray[np.bool_]) -> list[Row]:
    """Join neighbours that are the upper and lower turning points of one curve."""
    rows = list(rows)
    while True:
        apart = [_apart(upper, lower, ink) for upper, lower in pairwise(rows)]
        if not apart or min(apart) >= _MIN_APART:
            return rows
        at = int(np.argmin(apart))
        upper, lower = rows[at], rows[at + 1]
        fuller = max(upper, lower, key=lambda row: row.coverage * (row.right_px - row.left_px))
        rows[at : at + 2] = [
            Row(
                fuller.baseline_px,
                min(upper.left_px, lower.left_px),
                max(upper.right_px, lower.right_px),
                max(upper.coverage, lower.coverage),
            )
        ]


def _apart(upper: Row, lower: Row, ink: NDArray[np.bool_]) -> float:
    """Part of the columns that show one stroke for each of two rows."""
    left = round(max(upper.left_px, lower.left_px) / SHRINK)
    right = round(min(upper.right_px, lower.right_px) / SHRINK)
    if right - left < _MIN_ROW_WIDTH_MM / 2 * MM:
        # A curve that wanders shows at one height here and at another there.
        return float(lower.baseline_px - upper.baseline_px > _WANDER_MM * PX_PER_MM)
    reach = min((lower.baseline_px - upper.baseline_px) / SHRINK / 3, 4 * MM)
    top = max(0, round(upper.baseline_px / SHRINK - reach))
    bottom = round(lower.baseline_px / SHRINK + reach)
    band = ink[top:bottom, left:right]
    starts = band[0].astype(np.int64) + (band[1:] & ~band[:-1]).sum(axis=0)
    n_shown = int((starts > 0).sum())
    return float((starts >= 2).sum()) / n_shown if n_shown else 1.0
