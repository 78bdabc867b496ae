"""What moved a verdict: two methods, held to what they promise, on the shipped networks."""

import itertools
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from paths import ROOT

from ecgapp import Diagnosis, diagnose
from ecgapp.ecg import LEADS
from ecgapp.explain import nearest_cases
from ecgapp.explain.evidence import (
    AGREE,
    Evidence,
    LeadWindows,
    attribute_sheet,
    attribute_windows,
    explain,
    find_places,
    occlude_sheet,
    rank_correlation,
)
from ecgapp.explain.evidence import log_odds as evidence_log_odds
from ecgapp.explain.nearest_cases import Neighbours
from ecgapp.inference import shipped_models
from ecgapp.inference.twelve_lead_inputs import TwelveLeadInputs, present, twelve_lead_inputs
from ecgapp.report import evidence_plots, overlays
from ecgapp.synthesis.samples import draw_sample

SAMPLE = "Fast heart rate"


@pytest.fixture(scope="module")
def reading() -> Diagnosis:
    return diagnose(draw_sample(SAMPLE))


@pytest.fixture(scope="module")
def evidence(reading: Diagnosis) -> Evidence:
    return explain(reading)


def log_odds(probabilities: np.ndarray, number: int) -> float:
    return float(np.log(probabilities[number] / np.delete(probabilities, number).sum()))


def test_every_lead_is_cut_into_stretches_without_gap(
    reading: Diagnosis, evidence: Evidence
) -> None:
    for lead in LEADS:
        own = [one for one in evidence.stretches if one.lead == lead]
        assert own[0].first_px == 0
        assert own[-1].last_px == reading.leads[lead].image.width
        assert all(a.last_px == b.first_px for a, b in itertools.pairwise(own))
        assert {round(one.end_s - one.start_s, 1) for one in own} <= {0.2, 0.3}
        column = LEADS.index(lead) // 3
        assert own[0].start_s == pytest.approx(2.5 * column, abs=0.1)


def test_the_shares_of_the_sheet_add_up_to_the_change_of_the_log_odds(reading: Diagnosis) -> None:
    inputs = twelve_lead_inputs(reading.signals)
    nothing = TwelveLeadInputs(inputs.leads * 0, inputs.shown, inputs.activity * 0)
    network = shipped_models.load_twelve_lead_network()
    places = find_places(reading.sheet, reading.leads)
    graph = shipped_models.load_gradient("twelve_lead")
    for number in range(4):
        change = log_odds(network.predict(inputs)[0], number) - log_odds(
            network.predict(nothing)[0], number
        )
        shared = attribute_sheet(graph, inputs, places, number).sum()
        assert shared == pytest.approx(change, abs=0.05 * abs(change) + 0.15)


def test_the_shares_of_the_windows_add_up_to_the_change_of_the_log_odds(reading: Diagnosis) -> None:
    windows = LeadWindows.of(reading.leads)
    counts = windows.weights.mean(axis=0)
    cnn = shipped_models.load_models()["cnn"]
    places = find_places(reading.sheet, reading.leads)
    graph = shipped_models.load_gradient("cnn")
    for number in range(4):
        read, empty = (
            evidence_log_odds(cnn.predict(images, windows.leads).astype(float), number)
            for images in (windows.images, 0 * windows.images)
        )
        shared = attribute_windows(graph, windows, places, number).sum()
        # The most that it was off on 26 sheets, for the verdict's class, was 0.32.
        assert shared == pytest.approx(counts @ (read - empty), abs=0.4)


def test_equal_numbers_have_their_mean_rank() -> None:
    from scipy.stats import spearmanr

    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 5, 80), rng.random(80)
    assert rank_correlation(one, other) == pytest.approx(spearmanr(one, other).statistic)
    assert rank_correlation(one, np.zeros(80)) == 0


def test_finding_the_evidence_loads_no_statistics() -> None:
    """They took most of a second of the time that somebody waits."""
    code = (
        "import sys, ecgapp.explain.evidence as e, numpy as n;"
        "e.rank_correlation(n.arange(3.0), n.arange(3.0)); sys.exit('scipy.stats' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_taking_a_stretch_away_is_what_the_network_says_without_it(reading: Diagnosis) -> None:
    inputs = twelve_lead_inputs(reading.signals)
    network = shipped_models.load_twelve_lead_network()
    places = find_places(reading.sheet, reading.leads)
    base = network.predict(inputs)[0]
    found = occlude_sheet(network, inputs, places, base)
    row = next(k for k, p in enumerate(places) if p.lead == "V2" and p.start_s > 6)
    time = np.arange(250) / 100
    begin, end = places[row].start_s - 5, places[row].end_s - 5
    leads = inputs.leads.copy()
    inside = (time >= begin - 0.006) & (time < end - 0.006)
    straight = leads[0, inside, LEADS.index("V2")]
    leads[0, inside, LEADS.index("V2")] = np.linspace(straight[0], straight[-1], inside.sum())
    np.testing.assert_allclose(
        found[1 + row], network.predict(present(leads, inputs.shown))[0], atol=1e-5
    )
    # The strip is not what this network reads.
    strip = next(k for k, p in enumerate(places) if p.lead == "rhythm")
    np.testing.assert_allclose(found[1 + strip], base, atol=1e-6)


def test_the_verdict_loses_most_where_the_heart_beats(
    reading: Diagnosis, evidence: Evidence
) -> None:
    """The rate alone is what this sample shows, and beats are what tells it."""
    activity = twelve_lead_inputs(reading.signals).activity[0]
    of_leads = [one for one in evidence.stretches if one.lead in LEADS]
    beats = [activity[round(100 * one.start_s) :][:25].max() for one in of_leads]
    assert rank_correlation(np.array(beats), np.array([abs(o.occlusion) for o in of_leads])) > 0.3
    assert evidence.agreement > AGREE


def test_random_weights_give_other_maps(reading: Diagnosis) -> None:
    """Adebayo et al., Sanity checks for saliency maps, NeurIPS 2018."""
    pytest.importorskip("onnx", reason="onnx is not installed")
    from ecgapp.benchmark import evidence as benchmark

    found = benchmark.maps(reading, benchmark.load_networks(None))
    kept: dict[str, list[float]] = {name: [] for name in found}
    for seed in range(2):
        shuffled = benchmark.load_networks(np.random.default_rng(seed))
        for name, values in benchmark.maps(reading, shuffled).items():
            assert np.ptp(values) > 0
            kept[name].append(rank_correlation(found[name], values))
    for name in found:
        assert abs(np.mean(kept[name])) < 0.4, name


def test_disagreement_is_said(evidence: Evidence) -> None:
    assert "same stretches" in evidence_plots.agreement_sentence(evidence)
    unsure = evidence_plots.agreement_sentence(replace(evidence, agreement=0.05))
    assert "disagree; do not rely" in unsure


def test_the_check_of_both_methods_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = evidence_plots.check_sentence()
    assert "development sheets" in told
    assert "shuffled weights" in told
    monkeypatch.setattr(evidence_plots, "MODELS_FOLDER", tmp_path)
    assert evidence_plots.check_sentence() == ""


def test_neighbours_are_told_by_label_and_distance_only(evidence: Evidence) -> None:
    development = nearest_cases.load_development_sheets()
    near = Neighbours(np.arange(5), {"normal": 3, "abnormal_heartbeat": 2}, 0.5, 0.4)
    told = evidence_plots.neighbours_sentence(replace(evidence, neighbours=near), development)
    assert "5 nearest: 3 normal, 2 abnormal heartbeat" in told
    assert "distance 0.5, typical 0.3 to 0.7" in told
    far = replace(near, distance=1.1, nearest=1.0)
    told = evidence_plots.neighbours_sentence(replace(evidence, neighbours=far), development)
    assert "unlike" in told


def test_what_speaks_for_the_verdict_is_drawn_thick_and_blue(
    reading: Diagnosis, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On every pixel of the upload, so that places can be compared.
    monkeypatch.setattr(overlays, "MAX_WIDTH_PX", 2213)
    moved = [0.0] * len(evidence.stretches)
    strong = next(k for k, one in enumerate(evidence.stretches) if one.lead == "V4")
    against = next(k for k, one in enumerate(evidence.stretches) if one.lead == "III")
    moved[strong], moved[against] = 1.0, -1.0
    drawn = np.asarray(
        overlays.upload_with_evidence(
            reading.page, reading.sheet, reading.leads, evidence.stretches, moved
        )
    )
    for row, colour in ((strong, overlays.FOR_COLOUR), (against, overlays.AGAINST_COLOUR)):
        stretch = evidence.stretches[row]
        box = reading.sheet.boxes[stretch.lead]
        columns = np.flatnonzero((drawn == colour).all(axis=2).any(axis=0))
        scale = drawn.shape[1] / reading.page.gray.shape[1]
        first, last = (scale * (box.left + px) for px in (stretch.first_px, stretch.last_px))
        assert len(columns) > 0.9 * (last - first)
        assert first - 12 <= columns.min() <= columns.max() <= last + 12


def test_without_a_verdict_there_is_nothing_to_explain() -> None:
    with pytest.raises(ValueError, match="no verdict"):
        explain(diagnose(b""))
