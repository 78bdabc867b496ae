from dataclasses import replace

import cv2
import numpy as np

from ecgapp.ecg import LAYOUTS, LEADS
from ecgapp.io.pages import PageImage
from ecgapp.sheet.detect.names import merged, read_names
from ecgapp.sheet.locate import locate
from ecgapp.sheet.rectify.align import align
from ecgapp.sheet.rectify.uncleaned_ink import coloured_ink
from ecgapp.synthesis.draw import draw_sheet
from ecgapp.synthesis.simulate import PatientModel, simulate
from ecgapp.synthesis.vendors import VENDORS, GridStyle

SIGNALS = simulate(PatientModel(heart_rate_bpm=70, seed=3))
BLUE = (70, 110, 235)


def page_with_blue_names() -> PageImage:
    """Names as blue as a grid's ink in full strength."""
    grid = GridStyle((170, 190, 235), (140, 165, 230), fine_mm=0.15, coarse_mm=0.25)
    style = replace(VENDORS["blue"], text_rgb=BLUE, grid=grid)
    drawn = draw_sheet(SIGNALS, LAYOUTS["6x2"], ("II",), style)
    rgb = np.array(drawn.image)
    return PageImage(rgb, np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8), "PNG")


def test_names_in_a_grids_colour_are_seen_beside_the_cleaned_page() -> None:
    page = align(page_with_blue_names())
    in_colour = {name.name for name in read_names(coloured_ink(page)) if name.probability > 0.5}
    assert len(in_colour & set(LEADS)) >= 8
    assert len({name.name for name in read_names(page.gray) if name.probability > 0.5}) < 6


def test_a_sheet_with_names_in_a_grids_colour_is_read() -> None:
    sheet = locate(page_with_blue_names())
    assert (sheet.layout.name, sheet.rhythm_strips) == ("6x2", ("II",))
    assert sheet.support is not None
    assert sheet.support.n_named >= 8


def test_a_name_that_is_known_is_not_read_twice() -> None:
    names = read_names(align(page_with_blue_names()).gray)
    assert len(merged(names, names)) == len(names)
