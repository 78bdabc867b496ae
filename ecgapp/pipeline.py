"""Reads a scanned 12-lead ECG sheet lead by lead: :func:`diagnose` is the one call.

For research and teaching; not a medical device.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from ecgapp.digitize.by_hand import redraw
from ecgapp.digitize.leads import NamedLead, cut_leads, named_leads_check
from ecgapp.digitize.quality import (
    ReadingQuality,
    keep_reliable,
    layout_is_doubtful,
    reading_quality,
)
from ecgapp.digitize.trace import digitize_twice, likeliest_signals
from ecgapp.ecg import MM_PER_S, Signals
from ecgapp.errors import (
    Refusal,
    internal_error,
    time_limit,
    too_complex,
    traceback_without_messages,
)
from ecgapp.inference.abstention import abstention_reason
from ecgapp.inference.definitions import define
from ecgapp.inference.model_readings import read_leads, read_statements, read_together
from ecgapp.inference.statements import Statement
from ecgapp.inference.twelve_lead_inputs import twelve_lead_inputs
from ecgapp.inference.verdict import Verdict, aggregate
from ecgapp.io.dicom_waveform import read_waveform, ten_seconds_of
from ecgapp.io.pages import (
    WAVEFORM,
    PageImage,
    ValidationStep,
    decoding_check,
    read_pages,
    size_check,
)
from ecgapp.io.weights import ModelError
from ecgapp.measure.durations import require_not_half_speed, require_plausible_durations
from ecgapp.measure.findings import (
    Finding,
    against_any_verdict,
    against_normal,
    find_findings,
    shows_raised_st,
)
from ecgapp.measure.flat import require_heartbeats
from ecgapp.measure.measurements import Measurement, measure
from ecgapp.sheet.by_hand import place_by_hand
from ecgapp.sheet.first_sheet import (
    OtherPages,
    checks_of,
    find_first_sheet,
    first_readable,
    pages_meant,
)
from ecgapp.sheet.located import (
    Correction,
    LayoutProposal,
    LocatedSheet,
    UnknownLayout,
    require_enough_leads,
)
from ecgapp.synthesis.edan import render

_log = logging.getLogger(__name__)


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
    quality : ReadingQuality or None
        How far the reading can be relied on; None where no curve was traced.
    measurements : dict of str to Measurement
        Such as ``heart_rate_bpm``; a value that is not measurable is absent.
    findings : tuple of Finding
        What was measured beyond the limits of a normal ECG: rhythm, conduction, then the waves.
    statements : dict of str to Statement
        What the sheet shows, by PTB-XL's codes; empty when the file was refused.
    timings_ms : dict of str to float
        Milliseconds spent in ``decode``, ``sheet``, ``leads`` (which are cut, traced and
        measured), ``models`` (as far as each was reached) and in ``total``.
    refusal : Refusal or None
        Why there is no verdict; None when there is one.
    checks : list of ValidationStep
        What was checked and found, in the order in which a page shows it.
    correction : Correction or None
        What a person said about where the leads lie; it holds for all that was read.
    proposals : tuple of LayoutProposal
        Ways in which the sheet may be printed, the likeliest first, where that is doubtful and no
        person has said it; else empty.
    other_pages : OtherPages
        What the file's pages show that were not read.
    """

    page: PageImage | None = None
    sheet: LocatedSheet | None = None
    leads: dict[str, NamedLead] = field(default_factory=dict)
    signals: Signals | None = None
    lead_probabilities: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    verdict: Verdict | None = None
    quality: ReadingQuality | None = None
    measurements: dict[str, Measurement] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    statements: dict[str, Statement] = field(default_factory=dict)
    timings_ms: dict[str, float] = field(default_factory=dict)
    refusal: Refusal | None = None
    checks: list[ValidationStep] = field(default_factory=list)
    correction: Correction | None = None
    proposals: tuple[LayoutProposal, ...] = ()
    other_pages: OtherPages = field(default_factory=OtherPages)


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
        With a ``verdict`` or with a ``refusal``. A sheet that shows too few leads is refused, yet
        keeps those that were read.

    Raises
    ------
    ModelError
        When a shipped model is missing or damaged; no input raises anything.
    """
    watch = _Stopwatch()
    diagnosis = Diagnosis()
    try:
        with _only_refusals():
            for diagnosis in _steps(data, correction, watch):  # noqa: B007 - the last one counts
                pass
    except Refusal as refusal:
        failed = ValidationStep(refusal.step, False, refusal.message, "")
        diagnosis = replace(diagnosis, refusal=refusal, checks=[*diagnosis.checks, failed])
    return replace(
        diagnosis,
        timings_ms=watch.timings_ms(),
        correction=correction,
        proposals=() if correction and correction.layout_name else _proposals(diagnosis),
    )


def _proposals(diagnosis: Diagnosis) -> tuple[LayoutProposal, ...]:
    """Layouts to ask a person about: where the sheet's is not known, or not sure."""
    if isinstance(diagnosis.refusal, UnknownLayout):
        return diagnosis.refusal.proposals
    sheet, quality = diagnosis.sheet, diagnosis.quality
    return sheet.proposals if sheet and quality and layout_is_doubtful(quality) else ()


def trace_file(data: bytes) -> Diagnosis:
    """Take the signals of a waveform object, or trace the first sheet of a file.

    Parameters
    ----------
    data : bytes
        Content of a picture, PDF or DICOM file.

    Returns
    -------
    Diagnosis
        As far as its ``signals``: mV at 500 Hz, on the sheet's or the recording's own time axis.

    Raises
    ------
    Refusal
        When the file holds neither.
    """
    with _only_refusals():
        for diagnosis in _steps(data, None, _Stopwatch()):
            if diagnosis.signals is not None:
                return diagnosis
    raise AssertionError("there are signals, or there is a refusal")


def _steps(data: bytes, correction: Correction | None, watch: _Stopwatch) -> Iterator[Diagnosis]:
    """Read one file, and say after each step what is known of it by then."""
    with watch.step("decode"):
        recorded = read_waveform(data)
        if recorded is None:
            pages = pages_meant(read_pages(data), correction)
        else:
            yield Diagnosis(signals=recorded)
            recorded = ten_seconds_of(recorded)
            pages = iter([_drawn(recorded)])
        page = first_readable(pages)
    yield Diagnosis(page=page, signals=recorded, checks=_page_checks(page))

    with watch.step("sheet"):
        found = find_first_sheet(page, pages, correction)
        sheet = place_by_hand(found.sheet, correction)
    checks = [*_page_checks(found.page), *checks_of(found)]
    diagnosis = Diagnosis(
        page=found.page,
        sheet=sheet,
        signals=recorded,
        checks=checks,
        other_pages=found.others,
    )
    yield diagnosis

    with watch.step("leads"):
        leads = cut_leads(sheet)
        if correction is not None and correction.strokes:
            sheet, leads = redraw(sheet, leads, correction.strokes)
        likeliest: Signals | None = None
        measured: dict[str, Measurement] | None = None
        if recorded is None:
            signals, likeliest = digitize_twice(sheet, leads)
            quality = reading_quality(sheet, leads, signals)
            diagnosis = replace(diagnosis, quality=quality)
            yield diagnosis
            n_traced = len(leads)
            sheet, leads, signals = keep_reliable(sheet, leads, signals, quality)
            measured = require_plausible_speed(sheet, signals)
            if len(leads) < n_traced:
                # A strip may now repeat another of the leads that are left.
                likeliest = None
        else:
            signals = recorded
    diagnosis = replace(
        diagnosis,
        sheet=sheet,
        leads=leads,
        signals=signals,
        checks=[*checks, named_leads_check(leads)],
    )
    yield diagnosis

    # The networks of single leads read on one core while this one measures.
    with ThreadPoolExecutor(1) as beside:
        by_lead = beside.submit(read_leads, leads)
        with watch.step("leads"):
            measurements = measure(signals) if measured is None else measured
            findings = tuple(find_findings(measurements))
        diagnosis = replace(diagnosis, measurements=measurements, findings=findings)
        yield diagnosis

        require_enough_leads(sheet)
        require_heartbeats(signals)
        with watch.step("models"):
            diagnosis = _judge(diagnosis, by_lead.result, likeliest)
    yield diagnosis


def require_plausible_speed(sheet: LocatedSheet, signals: Signals) -> dict[str, Measurement] | None:
    """Refuse a reading whose beats show that the paper ran at another speed, where it may have.

    Parameters
    ----------
    sheet : LocatedSheet
    signals : Signals
        Traced from it.

    Returns
    -------
    dict of str to Measurement or None
        What was measured for it; None where the speed is sure.

    Raises
    ------
    Refusal
        ``unreliable_reading``.
    """
    if sheet.speed_mm_per_s != MM_PER_S or sheet.same_seconds:
        # Half a metre of paper is ten seconds at one speed and twenty at another.
        measured = measure(signals)
        require_plausible_durations(measured, sheet.speed_mm_per_s)
        return measured
    support = sheet.support
    if support is not None and support.printed_speed_mm_per_s is None:
        measured = measure(signals)
        require_not_half_speed(measured, sheet.speed_mm_per_s, support.pulses_fit_usual_speed)
        return measured
    return None


def judge(diagnosis: Diagnosis) -> Diagnosis:
    """Let the models say what named leads, signals and measurements show.

    Parameters
    ----------
    diagnosis : Diagnosis
        As far as its measurements and findings, of enough leads that show heart beats.

    Returns
    -------
    Diagnosis
        With the models' probabilities, the verdict and the statements.

    Raises
    ------
    ValueError
        If no leads were found.
    """
    return _judge(diagnosis, lambda: read_leads(diagnosis.leads))


def _judge(
    diagnosis: Diagnosis,
    wait_for_leads: Callable[[], dict[str, dict[str, dict[str, float]]]],
    likeliest: Signals | None = None,
) -> Diagnosis:
    """Judge all leads together, then wait for what was read of each by itself."""
    page, sheet, signals = diagnosis.page, diagnosis.sheet, diagnosis.signals
    if page is None or sheet is None or signals is None:
        raise ValueError("no leads were found")
    findings, measurements = diagnosis.findings, diagnosis.measurements
    inputs = twelve_lead_inputs(likeliest_signals(sheet, diagnosis.leads, signals, likeliest))
    together, stated = read_together(inputs)
    statements = read_statements(stated, measurements, findings)
    abstention = against_any_verdict(findings) or abstention_reason(
        diagnosis.leads, signals, inputs, measurements
    )
    by_lead = wait_for_leads()
    verdict = aggregate(
        by_lead,
        together,
        abstention=abstention,
        finding=against_normal(findings),
        elsewhere=sheet.aligned or page.file_format == WAVEFORM,
        raised_st=shows_raised_st(findings),
        definition=define(findings, statements),
    )
    return replace(diagnosis, lead_probabilities=by_lead, verdict=verdict, statements=statements)


def _drawn(recorded: Signals) -> PageImage:
    """Draw a recording as the sheet that the networks know."""
    rgb = np.array(render(recorded, "3x4"))
    gray = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    return PageImage(rgb, gray, WAVEFORM)


def _page_checks(page: PageImage) -> list[ValidationStep]:
    return [size_check(page), decoding_check(page)]


@contextmanager
def _only_refusals() -> Iterator[None]:
    """Bound the time of one file, and let nothing out that ends more than its reading."""
    try:
        with time_limit():
            yield
    except (Refusal, ModelError):
        raise
    except MemoryError as error:
        raise too_complex() from error
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise too_complex() from error
        raise _mistake(error) from error
    except Exception as error:
        raise _mistake(error) from error


def _mistake(error: Exception) -> Refusal:
    """Log a mistake of this program: its place alone, since what it says may quote the file."""
    _log.error("A file could not be read:\n%s", traceback_without_messages(error))
    return internal_error()


class _Stopwatch:
    """Adds up how long each step takes; a step may be gone on with."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._steps_ms: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            took_ms = 1e3 * (time.perf_counter() - start)
            self._steps_ms[name] = self._steps_ms.get(name, 0.0) + took_ms

    def timings_ms(self) -> dict[str, float]:
        return {**self._steps_ms, "total": 1e3 * (time.perf_counter() - self._start)}
