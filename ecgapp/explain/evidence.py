"""Which stretches of which leads moved the verdict, found in two ways that check each other.

Occlusion (Zeiler and Fergus, Visualizing and understanding convolutional networks, ECCV 2014): a
stretch is taken off the sheet, off the lead's image (empty paper) as well as off its signal (a
straight line from end to end), and what the verdict then loses in log-odds is measured, all models
together. Integrated gradients (Sundararajan, Taly and Yan, Axiomatic attribution for deep networks,
ICML 2017): a network's log-odds are followed on the way from flat lines, or empty paper, to the
sheet, and each instant gets its share of the change. The crnn's recurrence has no backward pass
here; occlusion covers it alone.

Neither says why a stretch matters, nor that the network is right.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from ecgapp.digitize.leads import (
    RHYTHM_WINDOW_SECONDS,
    WINDOW_PX,
    WINDOW_SECONDS,
    NamedLead,
    model_windows,
)
from ecgapp.digitize.trace import likeliest_signals
from ecgapp.ecg import LEADS, NAMED_LEADS, PX_PER_S, RHYTHM_STRIPS
from ecgapp.explain.nearest_cases import Neighbours, find_neighbours, load_development_sheets
from ecgapp.inference.log_probabilities import log_probabilities, stack
from ecgapp.inference.shipped_models import (
    GRADIENT_BATCH,
    STATEMENT_NETWORK,
    TWELVE_LEAD_NETWORK,
    StatementNetwork,
    load_gradient,
    load_models,
    load_statement_network,
    load_twelve_lead_network,
)
from ecgapp.inference.twelve_lead_inputs import (
    COLUMN_SAMPLES,
    LEADS_PER_COLUMN,
    RATE_HZ,
    TwelveLeadInputs,
    measure_bends,
    present,
    twelve_lead_inputs,
)
from ecgapp.inference.verdict import ConfidenceRule, ElsewhereRule, shipped_rule
from ecgapp.measure.findings import shows_raised_st

if TYPE_CHECKING:
    from ecgapp.inference.shipped_models import ShippedModel
    from ecgapp.io.weights import onnxruntime
    from ecgapp.pipeline import Diagnosis
    from ecgapp.sheet.located import LocatedSheet

    Floats = NDArray[np.float32] | NDArray[np.float64]

# All set by hand, the numbers of points by the time that they take (`ecgapp check evidence` says
# what the evidence is worth). With twice as many, 20 scans of the data set and the 6 samples took
# 1.3 times as long, and stretches kept their order (rank correlation 0.995 in the median, 0.98 at
# worst). Of changes of 3.8 (sheet) and 1.4 (windows) in log-odds the shares then lacked 0.08 and
# 0.11 in the median, 0.40 and 0.32 at worst; with twice as many points 0.04 and 0.05.

# About the length of a QRS complex, or of a T wave.
STRETCH_S = 0.25
# Points on the way from nothing to the sheet; a multiple of the batch for the one sheet.
SHEET_STEPS = GRADIENT_BATCH
# Likewise for lead images: the more of them, the fewer points, so that the time stays bounded.
WINDOW_READS = 7 * GRADIENT_BATCH
FEWEST_STEPS, MOST_STEPS = 6, 16
# Copies that are read at once, which bounds the memory that reading takes.
_CHUNK = 32
# Rank correlations from which on the two methods are said to agree, or to agree in part.
AGREE, AGREE_IN_PART = 0.5, 0.3
_LEAST_PROBABILITY = 1e-7


@dataclass(frozen=True)
class Stretch:
    """A quarter of a second of one lead.

    Attributes
    ----------
    lead : str
        One of `NAMED_LEADS`.
    start_s, end_s : float
        On the sheet's time axis.
    first_px, last_px : int
        Columns of the lead's image, the last not included.
    occlusion : float
        Log-odds that the verdict loses without it; negative where it speaks against the verdict.
    gradient : float
        Share of the weighted log-odds of the models that have gradients, by integrated gradients.
    """

    lead: str
    start_s: float
    end_s: float
    first_px: int
    last_px: int
    occlusion: float
    gradient: float


@dataclass(frozen=True)
class Evidence:
    """What moved a sheet's verdict.

    Attributes
    ----------
    label : str
        The verdict's class, for or against which everything speaks.
    stretches : list of Stretch
        Lead by lead, from left to right.
    lead_losses : dict of str to float
        Lead -> log-odds that the verdict loses when the sheet does not show it, the most first.
    agreement : float
        Rank correlation of the stretches' occlusion and gradient (Spearman).
    agreement_by_model : dict of str to float
        The same within each model that has gradients, on its own log-odds.
    neighbours : Neighbours
        The development sheets nearest to this one.
    """

    label: str
    stretches: list[Stretch]
    lead_losses: dict[str, float]
    agreement: float
    agreement_by_model: dict[str, float]
    neighbours: Neighbours


@dataclass(frozen=True)
class Place:
    """Where a stretch lies in what the models read.

    Attributes
    ----------
    lead : str
    window : int
        Row among all windows of the sheet.
    columns : slice
        Of the window's 150 columns.
    samples : slice
        Of the lead's 250 samples; empty where the twelve-lead network does not read the stretch.
    first_px, last_px : int
        Of the lead's image.
    start_s, end_s : float
    """

    lead: str
    window: int
    columns: slice
    samples: slice
    first_px: int
    last_px: int
    start_s: float
    end_s: float


def explain(diagnosis: Diagnosis) -> Evidence:
    """Find out which stretches of which leads moved a verdict.

    Parameters
    ----------
    diagnosis : Diagnosis
        With a verdict.

    Returns
    -------
    Evidence

    Raises
    ------
    ValueError
        If there is no verdict to explain.
    ModelError
        If a file of the models is missing or damaged.
    """
    sheet, signals, verdict = diagnosis.sheet, diagnosis.signals, diagnosis.verdict
    if sheet is None or signals is None or verdict is None:
        raise ValueError("there is no verdict to explain")
    rule, label = shipped_rule(), verdict.label
    by: ConfidenceRule | ElsewhereRule = rule
    windows = LeadWindows.of(diagnosis.leads)
    places = find_places(sheet, diagnosis.leads)
    network = load_twelve_lead_network()
    inputs = twelve_lead_inputs(likeliest_signals(sheet, diagnosis.leads, signals))
    classes = network.metadata["classes"]
    number = classes.index(label)

    base, features = network.predict_with_features(inputs)
    if verdict.elsewhere and rule.elsewhere is not None:
        by = rule.elsewhere
        labels = _LabelsOf(load_statement_network())
        alone = {
            STATEMENT_NETWORK: occlude_sheet(labels, inputs, places, labels.predict(inputs)[0])
        }
        graph = load_gradient(STATEMENT_NETWORK)
        shares = {STATEMENT_NETWORK: attribute_sheet(graph, inputs, places, number)}
        every = alone
    else:
        graph, graph_of_windows = load_gradient(TWELVE_LEAD_NETWORK), load_gradient("cnn")
        # The gradients take about as long as the rest, beside which they are found.
        with ThreadPoolExecutor(1) as beside:
            by_window = beside.submit(attribute_windows, graph_of_windows, windows, places, number)
            of_sheet = occlude_sheet(network, inputs, places, base[0])
            of_windows = {
                name: occlude_windows(model, windows, places)
                for name, model in load_models().items()
            }
            by_sample = attribute_sheet(graph, inputs, places, number)
            shares = {TWELVE_LEAD_NETWORK: by_sample, "cnn": by_window.result()}
        every = {TWELVE_LEAD_NETWORK: of_sheet, **of_windows}
        alone = {TWELVE_LEAD_NETWORK: of_sheet, "cnn": of_windows["cnn"]}
    verdicts = _verdicts(by, classes, every, shows_raised_st(diagnosis.findings))
    loss = log_odds(verdicts, number)
    n = len(places)
    occlusion = loss[0] - loss[1 : n + 1]
    gradient = sum(by.weights[name] * share for name, share in shares.items())
    own_losses = {name: log_odds(found, number) for name, found in alone.items()}
    by_lead = dict(zip(windows.names, (loss[0] - loss[n + 1 :]).tolist(), strict=True))
    return Evidence(
        label=label,
        stretches=[
            Stretch(p.lead, p.start_s, p.end_s, p.first_px, p.last_px, float(o), float(g))
            for p, o, g in zip(places, occlusion, np.asarray(gradient), strict=True)
        ],
        lead_losses=dict(sorted(by_lead.items(), key=lambda item: -item[1])),
        agreement=rank_correlation(occlusion, np.asarray(gradient)),
        agreement_by_model={
            name: rank_correlation(own[0] - own[1 : n + 1], shares[name])
            for name, own in own_losses.items()
        },
        neighbours=find_neighbours(features[0], load_development_sheets()),
    )


def find_places(sheet: LocatedSheet, leads: dict[str, NamedLead]) -> list[Place]:
    """Cut the leads into stretches, and say where each lies in what the models read.

    Parameters
    ----------
    sheet : LocatedSheet
    leads : dict of str to NamedLead

    Returns
    -------
    list of Place
        Lead by lead, from left to right.
    """
    places = []
    window = 0
    for name in (name for name in leads if name in NAMED_LEADS):
        seconds = RHYTHM_WINDOW_SECONDS if name in RHYTHM_STRIPS else WINDOW_SECONDS
        n_stretches = round(seconds / STRETCH_S)
        columns = np.linspace(0, WINDOW_PX, n_stretches + 1).round().astype(int)
        n_windows = len(model_windows(leads[name]))
        later_s = sheet.later_in_turn_s(name)
        for part in np.array_split(np.arange(leads[name].image.width), n_windows):
            edges_px = part[0] + (columns / WINDOW_PX * len(part)).round().astype(int)
            edges_s = (sheet.boxes[name].left + edges_px - sheet.start_of(name)) / PX_PER_S
            for k in range(n_stretches):
                start_s, end_s = float(edges_s[k]), float(edges_s[k + 1])
                places.append(
                    Place(
                        name,
                        window,
                        slice(int(columns[k]), int(columns[k + 1])),
                        _samples(name, start_s + later_s, end_s + later_s),
                        int(edges_px[k]),
                        int(edges_px[k + 1]),
                        start_s,
                        end_s,
                    )
                )
            window += 1
    return places


def _samples(lead: str, start_s: float, end_s: float) -> slice:
    """Say which samples of a lead the twelve-lead network reads between two instants."""
    if lead not in LEADS:
        return slice(0, 0)
    column = LEADS.index(lead) // LEADS_PER_COLUMN
    begin = column * COLUMN_SAMPLES
    first, last = (
        min(max(round(instant * RATE_HZ) - begin, 0), COLUMN_SAMPLES)
        for instant in (start_s, end_s)
    )
    return slice(first, last)


class SheetReader(Protocol):
    """Reads sheets' signals: the twelve-lead network, and whatever has its inputs."""

    def predict(self, inputs: TwelveLeadInputs) -> NDArray[np.float32]:
        """Give probabilities of the labels, (n, n_classes)."""


@dataclass(frozen=True)
class _LabelsOf:
    """The statement network, as far as it tells labels."""

    network: StatementNetwork

    def predict(self, inputs: TwelveLeadInputs) -> NDArray[np.float32]:
        return self.network.predict(inputs)[0]


def occlude_sheet(
    network: SheetReader,
    inputs: TwelveLeadInputs,
    places: list[Place],
    base: NDArray[np.float32],
) -> NDArray[np.float64]:
    """Read a sheet's signals without each stretch, and without each lead.

    Parameters
    ----------
    network : SheetReader
    inputs : TwelveLeadInputs
        A batch of one.
    places : list of Place
    base : ndarray of float32, (n_classes,)
        What the network says of the whole sheet.

    Returns
    -------
    ndarray of float64, (1 + n_places + n_leads, n_classes)
        Of the whole sheet, without each stretch, without each lead in the order of the places.
    """
    names = list(dict.fromkeys(place.lead for place in places))
    leads = np.repeat(inputs.leads, len(places) + len(names), axis=0)
    shown = np.repeat(inputs.shown, len(leads), axis=0)
    for row, place in enumerate(places):
        if place.samples.stop > place.samples.start:
            stretch = leads[row, place.samples, LEADS.index(place.lead)]
            stretch[:] = np.linspace(stretch[0], stretch[-1], len(stretch))
    for row, name in enumerate(names, start=len(places)):
        if name in LEADS:
            shown[row, LEADS.index(name)] = 0
    changed = [
        row
        for row in range(len(leads))
        if (leads[row] != inputs.leads[0]).any() or (shown[row] != inputs.shown[0]).any()
    ]
    found = np.tile(base.astype(np.float64), (1 + len(leads), 1))
    for start in range(0, len(changed), _CHUNK):
        rows = np.array(changed[start : start + _CHUNK])
        found[1 + rows] = network.predict(present(leads[rows], shown[rows]))
    return found


@dataclass(frozen=True)
class LeadWindows:
    """All windows of a sheet's leads.

    Attributes
    ----------
    images : ndarray of uint8, (n, 150, 150)
    leads : list of str, length n
    names : list of str
        The leads, each once.
    weights : ndarray of float64, (n_leads, n)
        What each window counts in each lead's mean.
    """

    images: NDArray[np.uint8]
    leads: list[str]
    names: list[str]
    weights: NDArray[np.float64]

    @staticmethod
    def of(leads: dict[str, NamedLead]) -> LeadWindows:
        """Take the windows that the models of single leads read."""
        names = [name for name in leads if name in NAMED_LEADS]
        by_lead = [model_windows(leads[name]) for name in names]
        of_window = [name for name, own in zip(names, by_lead, strict=True) for _ in own]
        weights = np.array([[float(name == other) for other in of_window] for name in names])
        weights /= weights.sum(axis=1, keepdims=True)
        return LeadWindows(np.concatenate(by_lead), of_window, names, weights)


def occlude_windows(
    model: ShippedModel, windows: LeadWindows, places: list[Place]
) -> NDArray[np.float64]:
    """Read a sheet's lead images without each stretch, and without each lead.

    Parameters
    ----------
    model : ShippedModel
    windows : LeadWindows
    places : list of Place

    Returns
    -------
    ndarray of float64, (1 + n_places + n_leads, n_classes)
        As :func:`occlude_sheet`, the mean over the leads.
    """
    base = model.predict(windows.images, windows.leads).astype(np.float64)
    changed = np.empty((len(places), base.shape[1]))
    for start in range(0, len(places), _CHUNK):
        some = places[start : start + _CHUNK]
        copies = windows.images[[place.window for place in some]]
        for copy, place in zip(copies, some, strict=True):
            copy[:, place.columns] = 0
        changed[start : start + _CHUNK] = model.predict(copies, [place.lead for place in some])
    by_lead = windows.weights @ base
    mean = by_lead.mean(axis=0)
    share = windows.weights.mean(axis=0)
    rows = np.array([place.window for place in places])
    without_stretch = mean + share[rows, None] * (changed - base[rows])
    n = len(by_lead)
    without_lead = (mean * n - by_lead) / (n - 1)
    return np.concatenate([mean[None], without_stretch, without_lead])


def attribute_sheet(
    graph: onnxruntime.InferenceSession,
    inputs: TwelveLeadInputs,
    places: list[Place],
    class_number: int,
) -> NDArray[np.float64]:
    """Share the twelve-lead network's log-odds out over stretches, by integrated gradients.

    The way begins at flat lines. What the activity gets, which is pooled over a column's leads, is
    shared out among them by how sharply each bends at that instant.

    Parameters
    ----------
    graph : onnxruntime.InferenceSession
        As :func:`ecgapp.inference.shipped_models.load_gradient` loads it.
    inputs : TwelveLeadInputs
        A batch of one.
    places : list of Place
    class_number : int
        Whose log-odds.

    Returns
    -------
    ndarray of float64, (n_places,)
    """
    way = ((np.arange(SHEET_STEPS) + 0.5) / SHEET_STEPS).astype(np.float32)
    sums = {"leads": np.zeros(inputs.leads.shape[1:]), "activity": np.zeros(inputs.activity.shape)}
    for start in range(0, SHEET_STEPS, GRADIENT_BATCH):
        part = way[start : start + GRADIENT_BATCH]
        values = {
            "leads": part[:, None, None] * inputs.leads,
            "activity": part[:, None] * inputs.activity,
            "shown": np.repeat(inputs.shown, len(part), axis=0),
        }
        found = graph.run(["d_leads", "d_activity"], {**values, **_target(graph, class_number)})
        sums["leads"] += found[0].sum(axis=0)
        sums["activity"] += found[1].sum(axis=0)
    of_leads = inputs.leads[0] * sums["leads"] / SHEET_STEPS
    of_activity = (inputs.activity * sums["activity"] / SHEET_STEPS)[0]
    by_column = of_activity.reshape(-1, COLUMN_SAMPLES).T
    bends = measure_bends(inputs.leads, inputs.shown)[0].reshape(
        COLUMN_SAMPLES, -1, LEADS_PER_COLUMN
    )
    # Where nothing bends, all alike.
    parts = (bends + 1e-6) / (bends + 1e-6).sum(axis=-1, keepdims=True)
    shares = of_leads + (by_column[..., None] * parts).reshape(of_leads.shape)
    return np.array(
        [
            shares[place.samples, LEADS.index(place.lead)].sum() if place.lead in LEADS else 0.0
            for place in places
        ]
    )


def attribute_windows(
    graph: onnxruntime.InferenceSession,
    windows: LeadWindows,
    places: list[Place],
    class_number: int,
) -> NDArray[np.float64]:
    """Share the log-odds of a model of single leads out over stretches, by integrated gradients.

    The way begins at empty paper. Every window counts as it does in the sheet's mean.

    Parameters
    ----------
    graph : onnxruntime.InferenceSession
        As :func:`ecgapp.inference.shipped_models.load_gradient` loads it.
    windows : LeadWindows
    places : list of Place
    class_number : int

    Returns
    -------
    ndarray of float64, (n_places,)
    """
    n_steps = min(max(WINDOW_READS // len(windows.leads), FEWEST_STEPS), MOST_STEPS)
    way = ((np.arange(n_steps) + 0.5) / n_steps).astype(np.float32)
    numbers = np.array([NAMED_LEADS.index(lead) for lead in windows.leads], np.int32)
    # Every window at every step; the last batch is filled up with the last window's.
    jobs = [(row, step) for row in range(len(windows.leads)) for step in way]
    jobs += jobs[-1:] * (-len(jobs) % GRADIENT_BATCH)
    found = []
    for start in range(0, len(jobs), GRADIENT_BATCH):
        rows, steps = (
            np.array(one) for one in zip(*jobs[start : start + GRADIENT_BATCH], strict=True)
        )
        ink = windows.images[rows].astype(np.float32)
        (gradient,) = graph.run(
            ["d_windows"],
            {
                "windows": (steps[:, None, None].astype(np.float32) * ink)[..., None],
                "leads": numbers[rows],
                **_target(graph, class_number),
            },
        )
        # Down each column of pixels.
        found.append((gradient[..., 0] * ink).sum(axis=1))
    columns = np.concatenate(found)[: len(windows.leads) * n_steps]
    shares = columns.reshape(len(windows.leads), n_steps, WINDOW_PX).mean(axis=1)
    counts = windows.weights.mean(axis=0)
    return np.array(
        [counts[place.window] * shares[place.window, place.columns].sum() for place in places]
    )


def _target(
    graph: onnxruntime.InferenceSession, class_number: int
) -> dict[str, NDArray[np.float32]]:
    shape = next(one.shape for one in graph.get_inputs() if one.name == "target")
    target = np.zeros(shape, np.float32)
    target[:, class_number] = 1
    return {"target": target}


def _verdicts(
    rule: ConfidenceRule | ElsewhereRule,
    classes: list[str],
    by_model: dict[str, NDArray[np.float64]],
    raised_st: bool,
) -> NDArray[np.float64]:
    """Weigh what the models say, row by row; (n, n_classes)."""
    said = np.stack([by_model[model] for model in rule.weights], axis=1)
    bias = [rule.bias[name] for name in classes]
    if raised_st and isinstance(rule, ConfidenceRule):
        bias = [rule.bias[name] + rule.raised_st.get(name, 0.0) for name in classes]
    return stack(log_probabilities(said), list(rule.weights.values()), bias)


def log_odds(probabilities: NDArray[np.float64], class_number: int) -> NDArray[np.float64]:
    """Take probabilities, (n, n_classes), to the log-odds of a class, (n,)."""
    wanted = probabilities[:, class_number]
    others = np.delete(probabilities, class_number, axis=1).sum(axis=1)
    return np.asarray(np.log((wanted + _LEAST_PROBABILITY) / (others + _LEAST_PROBABILITY)))


def rank_correlation(one: Floats, other: Floats) -> float:
    """Correlate the ranks of two lists of numbers; 0 where one of them never changes.

    Parameters
    ----------
    one, other : ndarray of float, (n,)

    Returns
    -------
    float
        Spearman's, ties by their mean rank.
    """
    first, second = _ranks(one), _ranks(other)
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _ranks(values: Floats) -> NDArray[np.float64]:
    """Rank numbers from 1, equal ones by their mean rank.

    As `scipy.stats.rankdata`, which takes most of a second to load while somebody waits.
    """
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[group]
    return ranks
