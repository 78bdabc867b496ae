"""Reads a scanned 12-lead ECG sheet lead by lead: :func:`diagnose` is the one call.

Importing the package loads none of its rooms, so that commands which need only one stay quick.
For research and teaching; not a medical device.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ecgapp.digitize.leads import NamedLead
    from ecgapp.ecg import Signals
    from ecgapp.errors import Refusal
    from ecgapp.inference.shipped_models import ShippedModel, TwelveLeadNetwork
    from ecgapp.inference.twelve_lead_inputs import TwelveLeadInputs
    from ecgapp.inference.verdict import Verdict
    from ecgapp.io.pages import PageImage, ValidationStep
    from ecgapp.measure.measurements import Measurement
    from ecgapp.sheet.located import Correction, LocatedSheet


# Kind of a page that was drawn from a recording.
WAVEFORM = "DICOM waveform"


@dataclass(frozen=True)
class Diagnosis:
    """All that was read from one file, as far as it could be read.

    Attributes
    ----------
    page : PageImage or None
        The decoded picture; None when the file could not be decoded.
    sheet : LocatedSheet or None
        Where the leads lie; None when they were not found.
    leads : dict of str to NamedLead
        The named leads that the sheet shows; empty when they were not found.
    signals : Signals or None
        Their curves, traced, or as the file holds them; None when they were not found.
    lead_probabilities : dict of str to dict
        Lead -> model -> class -> probability; empty when the file was refused.
    verdict : Verdict or None
        The aggregate; None when the file was refused.
    measurements : dict of str to Measurement
        Such as ``heart_rate_bpm``; a value that is not measurable is absent.
    timings_ms : dict of str to float
        Milliseconds spent in ``decode``, ``sheet``, ``leads`` (which are cut, traced and
        measured), ``models`` (as far as each was reached) and in ``total``.
    refusal : Refusal or None
        Why there is no verdict; None when there is one.
    checks : list of ValidationStep
        What was checked and found, in the order in which a page shows it.
    """

    page: PageImage | None = None
    sheet: LocatedSheet | None = None
    leads: dict[str, NamedLead] = field(default_factory=dict)
    signals: Signals | None = None
    lead_probabilities: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    verdict: Verdict | None = None
    measurements: dict[str, Measurement] = field(default_factory=dict)
    timings_ms: dict[str, float] = field(default_factory=dict)
    refusal: Refusal | None = None
    checks: list[ValidationStep] = field(default_factory=list)


class _Stopwatch:
    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._steps_ms: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self._steps_ms[name] = 1e3 * (time.perf_counter() - start)

    def timings_ms(self) -> dict[str, float]:
        return {**self._steps_ms, "total": 1e3 * (time.perf_counter() - self._start)}


def diagnose(data: bytes, correction: Correction | None = None) -> Diagnosis:
    """Read one file from its bytes to a verdict, or to a refusal that says why there is none.

    Parameters
    ----------
    data : bytes
        Content of a picture, PDF or DICOM file. It is never written to disk.
    correction : Correction, optional
        What a person says about where the leads lie.

    Returns
    -------
    Diagnosis
        With a ``verdict`` or with a ``refusal``; bad input never raises. A sheet on which leads
        are missing is refused, yet keeps those that were read.
    """
    from ecgapp.digitize.leads import cut_leads
    from ecgapp.digitize.trace import digitize
    from ecgapp.errors import Refusal
    from ecgapp.inference.abstention import unlike_development
    from ecgapp.inference.shipped_models import load_models, load_twelve_lead_network
    from ecgapp.inference.twelve_lead_inputs import twelve_lead_inputs
    from ecgapp.inference.verdict import aggregate
    from ecgapp.io.dicom_waveform import read_waveform
    from ecgapp.io.pages import ValidationStep, read_pages, size_check
    from ecgapp.measure.findings import against_normal
    from ecgapp.measure.measurements import measure

    watch = _Stopwatch()
    diagnosis = Diagnosis()
    try:
        with watch.step("decode"):
            recorded = read_waveform(data)
            pages = read_pages(data) if recorded is None else iter([_drawn(recorded)])
            page = next(pages)
        diagnosis = replace(diagnosis, page=page, checks=[size_check(page), _decoded(page)])
        with watch.step("sheet"):
            page, sheet = _first_sheet(page, pages, correction)
        checks = [size_check(page), _decoded(page), _located(sheet)]
        diagnosis = replace(diagnosis, page=page, sheet=sheet, checks=checks)
        with watch.step("leads"):
            leads = cut_leads(sheet)
            signals = digitize(sheet, leads) if recorded is None else recorded
            measurements = measure(signals)
        diagnosis = replace(
            diagnosis,
            leads=leads,
            signals=signals,
            measurements=measurements,
            checks=[*checks, _named(leads)],
        )
        _require_all_leads(sheet)
        with watch.step("models"):
            lead_probabilities = _read_leads(leads, load_models())
            inputs = twelve_lead_inputs(signals)
            of_sheet = _read_sheet(inputs, load_twelve_lead_network())
            doubt = (
                _doubt(sheet, signals)
                or unlike_development(leads, inputs)
                or _too_few_heartbeats(measurements)
            )
            verdict = aggregate(
                lead_probabilities, of_sheet, doubt=doubt, finding=against_normal(measurements)
            )
        diagnosis = replace(diagnosis, lead_probabilities=lead_probabilities, verdict=verdict)
    except Refusal as refusal:
        failed = ValidationStep(refusal.step, False, refusal.message, "")
        diagnosis = replace(diagnosis, refusal=refusal, checks=[*diagnosis.checks, failed])
    return replace(diagnosis, timings_ms=watch.timings_ms())


def _first_sheet(
    page: PageImage, others: Iterator[PageImage], correction: Correction | None
) -> tuple[PageImage, LocatedSheet]:
    """Find the first page with a sheet; where there is none, the first page's refusal stands."""
    from ecgapp.errors import Refusal
    from ecgapp.sheet.locate import locate

    try:
        return page, locate(page, correction)
    except Refusal as refusal:
        for other in others:
            with suppress(Refusal):
                return other, locate(other, correction)
        raise refusal


def _drawn(recorded: Signals) -> PageImage:
    """Draw a recording as the sheet that the networks know."""
    import cv2
    import numpy as np

    from ecgapp.io.pages import PageImage
    from ecgapp.synthesis.edan import render

    rgb = np.array(render(recorded, "3x4"))
    gray = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    return PageImage(rgb, gray, WAVEFORM)


def _require_all_leads(sheet: LocatedSheet) -> None:
    from ecgapp.ecg import LEADS
    from ecgapp.errors import Refusal

    if sheet.missing:
        missing = ", ".join(sheet.missing)
        raise Refusal(
            "leads_missing",
            "Twelve leads",
            f"Twelve leads: {missing} cannot be read in full, and a verdict needs all "
            f"{len(LEADS)}; the others are shown below. Photograph or scan the whole sheet.",
        )


def _read_leads(
    leads: dict[str, NamedLead], models: dict[str, ShippedModel]
) -> dict[str, dict[str, dict[str, float]]]:
    """Lead -> model -> class -> probability; a lead's windows count alike."""
    import numpy as np

    from ecgapp.digitize.leads import model_windows
    from ecgapp.ecg import NAMED_LEADS

    windows = {name: model_windows(lead) for name, lead in leads.items() if name in NAMED_LEADS}
    # One batch a model: a call's fixed cost is many times the cost of one more window.
    batch = np.concatenate(list(windows.values()))
    names = [name for name, of_lead in windows.items() for _ in of_lead]
    ends = np.cumsum([len(of_lead) for of_lead in windows.values()])
    result: dict[str, dict[str, dict[str, float]]] = {name: {} for name in windows}
    for model_name, model in models.items():
        classes = model.metadata["classes"]
        by_lead = np.split(model.predict(batch, names), ends[:-1])
        for lead, probabilities in zip(windows, by_lead, strict=True):
            means = probabilities.mean(axis=0).tolist()
            result[lead][model_name] = dict(zip(classes, means, strict=True))
    return result


def _read_sheet(
    inputs: TwelveLeadInputs, network: TwelveLeadNetwork
) -> dict[str, dict[str, float]]:
    """Model -> class -> probability, of the network that reads all leads together."""
    from ecgapp.inference.shipped_models import TWELVE_LEAD_NETWORK

    probabilities = network.predict(inputs)[0].tolist()
    return {TWELVE_LEAD_NETWORK: dict(zip(network.metadata["classes"], probabilities, strict=True))}


def _doubt(sheet: LocatedSheet, signals: Signals) -> str | None:
    """Say why a verdict on this sheet has not been checked, whatever the models say."""
    from ecgapp.digitize.trace import poorly_traced

    if sheet.aligned:
        return (
            "The models learnt from one machine's scans at one size, and how often they are right "
            "on other sheets and photographs has not been measured."
        )
    if poor := poorly_traced(signals):
        return (
            f"The curve of {', '.join(poor)} could be followed in part only, so this verdict is "
            "not to be relied on."
        )
    return None


def _too_few_heartbeats(measurements: dict[str, Measurement]) -> str | None:
    if "heart_rate_bpm" in measurements:
        return None
    return (
        "Too few clear heartbeats could be made out on the traced curves, so this verdict is not "
        "to be relied on."
    )


def _decoded(page: PageImage) -> ValidationStep:
    from ecgapp.io.pages import ValidationStep

    height, width = page.gray.shape
    return ValidationStep(
        "Decoding",
        True,
        f"{page.file_format}, {width} x {height} pixels",
        "one complete picture, PDF page or DICOM object",
    )


def _located(sheet: LocatedSheet) -> ValidationStep:
    from ecgapp.io.pages import ValidationStep

    n_strips = len(sheet.rhythm_strips)
    strips = {0: "without rhythm strip", 1: "with rhythm strip"}.get(
        n_strips, f"with {n_strips} rhythm strips"
    )
    return ValidationStep(
        "Finding the leads",
        True,
        f"{sheet.layout.name} layout {strips}",
        "a 12-lead sheet of three, six or twelve rows",
    )


def _named(leads: dict[str, NamedLead]) -> ValidationStep:
    from ecgapp.ecg import LEADS
    from ecgapp.io.pages import ValidationStep

    n_named = sum(lead in leads for lead in LEADS)
    return ValidationStep(
        "Cutting out the leads",
        n_named == len(LEADS),
        f"{n_named} named leads",
        f"{len(LEADS)} named leads",
    )
