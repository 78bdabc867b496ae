import csv
from pathlib import Path

import numpy as np
import pytest
from paths import DATA

from ecgapp.datasets.printed_rate import digit_picture, printed_rate_bpm
from ecgapp.io.pages import read_page
from ecgapp.synthesis.edan_geometry import PAGE_HEIGHT_PX, PAGE_WIDTH_PX

KHAN = DATA / "khan"


def page_with_rate(rate: str, gap: int = 3) -> np.ndarray:
    """A blank page with a solid heart-sized blob in its footer, and digits behind it."""
    gray = np.full((PAGE_HEIGHT_PX, PAGE_WIDTH_PX), 255, np.uint8)
    top, x = 1539, 550
    for row in range(13):
        inset = max(0, row - 6)
        gray[top + row, x + inset : x + 14 - inset] = 0
    x += 14 + gap
    for digit in rate:
        picture = digit_picture(digit)
        gray[top - 1 : top + 14, x : x + picture.shape[1]][picture] = 0
        x += picture.shape[1] + gap
    return gray


@pytest.mark.parametrize("rate", ["72", "104", "153", "68", "99", "213", "111"])
@pytest.mark.parametrize("gap", [1, 4])
def test_a_printed_rate_is_read(rate: str, gap: int) -> None:
    assert printed_rate_bpm(page_with_rate(rate, gap)) == int(rate)


def test_no_rate_is_made_up() -> None:
    assert printed_rate_bpm(np.full((PAGE_HEIGHT_PX, PAGE_WIDTH_PX), 255, np.uint8)) is None
    assert printed_rate_bpm(page_with_rate("")) is None
    assert printed_rate_bpm(page_with_rate("7")) is None
    assert printed_rate_bpm(page_with_rate("999")) is None
    assert printed_rate_bpm(np.full((944, 1221), 255, np.uint8)) is None
    smeared = page_with_rate("72")
    smeared[1545:1550, 560:600] = 0
    assert printed_rate_bpm(smeared) is None


def test_rates_are_read_on_real_sheets_and_their_originals_alike() -> None:
    if not KHAN.is_dir():
        pytest.skip("the data folder ../shared/data is not here")
    with (KHAN / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["has_original"] == "True"]
    rows = [row for row in rows if row["layout"].startswith("edan")][::4]
    rates = []
    for row in rows:
        sheet = KHAN / "sheets" / row["file"]
        original = KHAN / "originals" / Path(row["file"]).with_suffix(".jpg")
        found = [printed_rate_bpm(read_page(path.read_bytes()).gray) for path in (sheet, original)]
        assert found[0] == found[1]
        rates.append(found[0])
    assert sum(rate is not None for rate in rates) >= 0.9 * len(rates)
