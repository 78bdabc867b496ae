"""Reads a scanned 12-lead ECG sheet lead by lead: :func:`diagnose` is the one call.

Importing the package loads none of its rooms, so that commands which need only one stay quick.
For research and teaching; not a medical device.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ecgapp.intake import PageImage, Refusal, ValidationStep
    from ecgapp.leads import NamedLead
    from ecgapp.runtime import ShippedModel
    from ecgapp.sheet.locate import LocatedSheet
    from ecgapp.verdict import Verdict


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
        The named leads; empty when the file was refused.
    lead_probabilities : dict of str to dict
        Lead -> model -> class -> probability; empty when the file was refused.
    verdict : Verdict or None
        The aggregate; None when the file was refused.
    measurements : dict of str to float
        Such as ``heart_rate_bpm``; a value that is not measurable is absent.
    timings_ms : dict of str to float
        Milliseconds spent in ``decode``, ``sheet``, ``leads``, ``models`` (as far as each was
        reached) and in ``total``.
    refusal : Refusal or None
        Why there is no verdict; None when there is one.
    checks : list of ValidationStep
        What was checked and found, in the order in which a page shows it.
    """

    page: PageImage | None = None
    sheet: LocatedSheet | None = None
    leads: dict[str, NamedLead] = field(default_factory=dict)
    lead_probabilities: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    verdict: Verdict | None = None
    measurements: dict[str, float] = field(default_factory=dict)
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


def diagnose(data: bytes) -> Diagnosis:
    """Read one file from its bytes to a verdict, or to a refusal that says why there is none.

    Parameters
    ----------
    data : bytes
        Content of an image file. It is never written to disk.

    Returns
    -------
    Diagnosis
        With a ``verdict`` or with a ``refusal``; bad input never raises.
    """
    from ecgapp.intake import Refusal, ValidationStep, read_page, size_check
    from ecgapp.leads import cut_leads
    from ecgapp.runtime import load_models
    from ecgapp.sheet.locate import locate
    from ecgapp.verdict import aggregate

    watch = _Stopwatch()
    diagnosis = Diagnosis()
    try:
        with watch.step("decode"):
            page = read_page(data)
        diagnosis = replace(diagnosis, page=page, checks=[size_check(page), _decoded(page)])
        with watch.step("sheet"):
            sheet = locate(page)
        diagnosis = replace(diagnosis, sheet=sheet, checks=[*diagnosis.checks, _located(sheet)])
        with watch.step("leads"):
            leads = cut_leads(sheet)
        diagnosis = replace(diagnosis, leads=leads, checks=[*diagnosis.checks, _named(leads)])
        with watch.step("models"):
            lead_probabilities = _read_leads(leads, load_models())
            verdict = aggregate(lead_probabilities)
        diagnosis = replace(diagnosis, lead_probabilities=lead_probabilities, verdict=verdict)
    except Refusal as refusal:
        failed = ValidationStep(refusal.step, False, refusal.message, "")
        diagnosis = replace(
            diagnosis, refusal=refusal, leads={}, checks=[*diagnosis.checks, failed]
        )
    return replace(diagnosis, timings_ms=watch.timings_ms())


def _read_leads(
    leads: dict[str, NamedLead], models: dict[str, ShippedModel]
) -> dict[str, dict[str, dict[str, float]]]:
    """Lead -> model -> class -> probability; a lead's windows count alike."""
    import numpy as np

    from ecgapp.leads import model_windows

    windows = {name: model_windows(lead) for name, lead in leads.items()}
    # One batch a model: a call's fixed cost is many times the cost of one more window.
    batch = np.concatenate(list(windows.values()))
    names = [name for name, of_lead in windows.items() for _ in of_lead]
    ends = np.cumsum([len(of_lead) for of_lead in windows.values()])
    result: dict[str, dict[str, dict[str, float]]] = {name: {} for name in leads}
    for model_name, model in models.items():
        classes = model.metadata["classes"]
        by_lead = np.split(model.predict(batch, names), ends[:-1])
        for lead, probabilities in zip(leads, by_lead, strict=True):
            means = probabilities.mean(axis=0).tolist()
            result[lead][model_name] = dict(zip(classes, means, strict=True))
    return result


def _decoded(page: PageImage) -> ValidationStep:
    from ecgapp.intake import ValidationStep

    height, width = page.gray.shape
    return ValidationStep(
        "Decoding",
        True,
        f"{page.file_format}, {width} x {height} pixels",
        "one complete JPEG, PNG, TIFF, BMP or WebP picture",
    )


def _located(sheet: LocatedSheet) -> ValidationStep:
    from ecgapp.intake import ValidationStep

    rhythm = "with" if sheet.has_rhythm_strip else "without"
    return ValidationStep(
        "Finding the leads",
        True,
        f"{sheet.layout.name} layout {rhythm} rhythm strip",
        "a 12-lead sheet, 3x4 or 6x2",
    )


def _named(leads: dict[str, NamedLead]) -> ValidationStep:
    from ecgapp.intake import ValidationStep
    from ecgapp.sheet.layouts import LEADS

    n_named = sum(lead in leads for lead in LEADS)
    return ValidationStep(
        "Cutting out the leads",
        n_named == len(LEADS),
        f"{n_named} named leads",
        f"{len(LEADS)} named leads",
    )
