import csv
import io
import time
import tracemalloc

import numpy as np
import pytest
from paths import DATA
from PIL import Image

from ecgapp.cli.main import main
from ecgapp.ecg import LEADS, PX_PER_MV, PX_PER_S, Signals
from ecgapp.io.pages import read_page
from ecgapp.io.signals_csv import write_signals_csv
from ecgapp.sheet.locate import locate
from ecgapp.synthesis.edan import PageStyle, render
from ecgapp.synthesis.edan_geometry import TEMPLATES
from ecgapp.synthesis.samples import SAMPLES, draw_sample
from ecgapp.synthesis.simulate import PatientModel, simulate

KHAN = DATA / "khan"


def flat(value_mv: float = 0.0) -> Signals:
    return Signals(500, {lead: np.full(5000, value_mv, dtype=np.float32) for lead in LEADS})


def ink(page: Image.Image) -> np.ndarray:
    """Black pixels of a page; grid and frame are lighter."""
    return np.asarray(page.convert("L")) < 60


def as_jpeg(page: Image.Image) -> bytes:
    file = io.BytesIO()
    page.save(file, "JPEG", quality=75)
    return file.getvalue()


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_page_has_the_size_of_the_scans(template):
    page = render(flat(), template)
    assert page.mode == "RGB"
    assert page.size == (2213, 1572)


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("grid", [True, False])
@pytest.mark.parametrize(
    "patient",
    [
        PatientModel(),
        PatientModel(45, bundle_branch_block="left", seed=1),
        PatientModel(150, "atrial_fibrillation", {"V2": 0.6}, frozenset({"anterior"}), seed=2),
    ],
    ids=["normal", "slow-wide", "fast-irregular"],
)
def test_a_drawn_sheet_is_read_as_what_it_is(name, grid, patient):
    template = TEMPLATES[name]
    page = render(simulate(patient), name, PageStyle(grid=grid))
    sheet = locate(read_page(as_jpeg(page)))
    assert sheet.layout == template.layout
    assert sheet.has_rhythm_strip == template.has_rhythm_strip
    if not template.rows_fit_curves:
        for lead in LEADS:
            row, _ = template.layout.place(lead)
            assert sheet.baselines_px[lead] == pytest.approx(template.baselines_px[row], abs=1.5)


def test_a_column_shows_its_own_seconds_at_25_mm_per_second_and_10_mm_per_millivolt():
    """A spike of 0.8 mV at 6 s of V2: 1 s after the third column begins."""
    signals = flat()
    signals.leads["V2"][3000:3003] = 0.8
    signals.leads["V2"][500:503] = 0.8
    template = TEMPLATES["3x4"]
    left, right = template.column_edges_px[2:4]
    baseline = template.baselines_px[1]
    spike = ink(render(signals, "3x4"))[round(baseline) - 120 : round(baseline) - 40]
    rows, columns = np.nonzero(spike[:, round(left) + 70 : round(right) - 5])
    assert columns.mean() + round(left) + 70 == pytest.approx(left + PX_PER_S * 1.002, abs=1.5)
    assert 120 - rows.min() == pytest.approx(0.8 * PX_PER_MV, abs=3)
    assert columns.max() - columns.min() < 10


def test_a_curve_is_four_pixels_thick():
    template = TEMPLATES["6x2+rhythm"]
    row = round(template.baselines_px[-1])
    columns = ink(render(flat(), "6x2+rhythm"))[row - 30 : row + 30, 300:2100]
    assert np.unique(columns.sum(axis=0)).tolist() == [4]


def test_the_pen_is_lifted_where_a_lead_is_not_known():
    signals = flat()
    signals.leads["V5"][:] = np.nan
    template = TEMPLATES["3x4"]
    row = round(template.baselines_px[1])
    left, right = (round(x) for x in template.column_edges_px[3:5])
    page = ink(render(signals, "3x4"))
    assert not page[row - 4 : row + 5, left + 10 : right].any()
    assert page[row - 4 : row + 5, left - 100 : left - 10].any(axis=0).all()


def test_curves_beyond_the_page_and_short_recordings_are_drawn_as_far_as_they_go():
    assert ink(render(flat(29.0), "6x2")).any()
    short = Signals(500, {lead: np.zeros(600, dtype=np.float32) for lead in LEADS})
    row = round(TEMPLATES["3x4"].baselines_px[3])
    rhythm = ink(render(short, "3x4"))[row - 4 : row + 5, 152:2120].any(axis=0)
    assert rhythm[:230].all()
    assert not rhythm[245:].any()


def test_rows_of_the_fitted_template_make_room_for_the_curves():
    calm = flat()
    tall = flat()
    tall.leads["V3"][3000:3050] = -3.0
    distances = [
        np.diff(sorted(set(locate(read_page(as_jpeg(render(s, "6x2")))).baselines_px.values())))
        for s in (calm, tall)
    ]
    assert distances[1][2] > distances[0][2] + 100


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_a_sheet_that_says_that_it_is_simulated(name):
    sheet = locate(read_page(draw_sample(name)))
    assert sheet.layout.name == SAMPLES[name].layout_name
    assert SAMPLES[name].description.endswith(".")


def test_samples_differ_and_one_shows_the_other_layout():
    assert len({draw_sample(name) for name in SAMPLES}) == len(SAMPLES)
    assert {sample.layout_name for sample in SAMPLES.values()} == {"3x4", "6x2"}


@pytest.mark.parametrize("layout", ["3x4", "6x2"])
def test_the_command_draws_a_page_from_a_table(tmp_path, layout):
    table, page = tmp_path / "signals.csv", tmp_path / "page.png"
    table.write_text(write_signals_csv(simulate(PatientModel())))
    assert main(["render", str(table), "-o", str(page), "--layout", layout]) == 0
    assert locate(read_page(page.read_bytes())).layout.name == layout


@pytest.mark.parametrize("content", [None, "time_s,I\n0,0\n"], ids=["missing", "malformed"])
def test_the_command_refuses_what_it_cannot_read_and_says_why(tmp_path, capsys, content):
    table, page = tmp_path / "signals.csv", tmp_path / "page.png"
    if content is not None:
        table.write_text(content)
    assert main(["render", str(table), "-o", str(page), "--layout", "3x4"]) == 3
    assert str(table) in capsys.readouterr().err
    assert not page.exists()


def test_a_page_of_an_unknown_kind_is_wrong_usage(tmp_path):
    with pytest.raises(SystemExit) as stop:
        main(["render", "signals.csv", "-o", str(tmp_path / "page.xyz"), "--layout", "3x4"])
    assert stop.value.code == 2


@pytest.mark.skipif(not KHAN.is_dir(), reason="the public data set is not here")
def test_marks_lie_where_the_data_has_them():
    """Pulses and separators of real sheets and of drawn ones cover each other."""
    with (KHAN / "manifest.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["layout"] == "edan_3x4"][::200]
    assert rows
    drawn = ink(render(flat(), "3x4"))
    for row in rows:
        real = np.asarray(Image.open(KHAN / "sheets" / row["file"]).convert("L")) < 110
        for top, bottom, left, right in ((370, 1380, 95, 133), (480, 750, 630, 1640)):
            marks = drawn[top:bottom, left:right]
            found = real[top:bottom, left:right][marks].mean()
            assert found > 0.9, row["file"]


@pytest.mark.parametrize("peak_mv", [9.9, 1e9])
def test_curves_that_leave_the_paper_cost_no_more_than_the_paper(peak_mv):
    zigzag = np.resize(np.float32([-peak_mv, peak_mv]), 5_001)
    tracemalloc.start()
    start = time.thread_time()
    render(Signals(500, dict.fromkeys(LEADS, zigzag)), "3x4")
    assert time.thread_time() - start < 10
    assert tracemalloc.get_traced_memory()[1] < 1e9
    tracemalloc.stop()
