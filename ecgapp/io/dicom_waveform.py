"""Twelve-lead waveform objects of DICOM: samples in millivolts in and out, no picture between."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import CHEST_LEADS, LEADS, LIMB_WEIGHTS, SAMPLING_RATE_HZ, SHEET_S, Signals
from ecgapp.errors import Refusal, check_bytes, plain
from ecgapp.io.signals_csv import MAX_DURATION_S, in_microvolts

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_STAGE = "Reading the waveform"
_SIGNATURE = re.compile(rb".{128}DICM", re.DOTALL)

# Numbers of ISO/IEEE 11073-10102 and of SCP-ECG, which agree, behind what either writes before it.
LEAD_NUMBERS = {
    "I": 1, "II": 2, "III": 61, "aVR": 62, "aVL": 63, "aVF": 64,
    "V1": 3, "V2": 4, "V3": 5, "V4": 6, "V5": 7, "V6": 8,
}  # fmt: skip
_BY_NUMBER = {number: lead for lead, number in LEAD_NUMBERS.items()}
_CODE = re.compile(r"(?:2:|5\.6\.3-9-)(\d+)")
_MDC_PARTITION = 2 * 2**16
_NAME = re.compile(
    r"(?:mdc_)?(?:ecg)?[\s_]*(?:lead)?[\s_]*(iii|ii|i|avr|avl|avf|v[1-6])\b(?:\s*[,(].*)?"
)
_BY_LOWER_NAME = {lead.lower(): lead for lead in LEADS}

# Millivolts of a unit (UCUM).
_MV_PER_UNIT = {"uv": 1e-3, "µv": 1e-3, "μv": 1e-3, "mv": 1.0, "v": 1e3, "nv": 1e-6}
# The last column of a 3x4 sheet begins at 7.5 s; half of it is the least that is read as a lead.
LEAST_S = 8.75

# Twice what an electrocardiograph has to record (5 mV either way: IEC 60601-2-25, ANSI/AAMI EC11).
MAX_MV = 10.0
# Part of a lead's samples that may be beyond: pacing spikes, an electrode that comes off.
# Set by hand.
_MAX_BEYOND = 0.005

# Below 100 Hz no QRS complex keeps its shape; what is above 40 kHz is no ECG. Set by hand.
_RATES_HZ = (100.0, 40_000.0)
# Half the width of the resampling kernel, in periods of the lower of both rates.
_KERNEL_PERIODS = 16
_BLOCK = 2048

_INVALID = -(2**15)  # lowest value of 16 bits
# The standard's own limit for the twelve-lead class; the general class has none.
_MAX_TWELVE_LEAD_SAMPLES = 16_384


def read_waveform(data: bytes) -> Signals | None:
    """Read the samples of a DICOM object that holds an ECG as a waveform.

    The group of channels that shows all twelve leads for longest is read, which is the rhythm and
    not the median beat. Limb leads that it lacks follow from two that it has.

    Parameters
    ----------
    data : bytes
        The whole file, of any kind.

    Returns
    -------
    Signals or None
        mV at 500 Hz, at most the first `MAX_DURATION_S` seconds, NaN where the object says that
        there is no value; None when the file is no DICOM waveform.

    Raises
    ------
    Refusal
        ``empty_file``, ``file_too_large``, ``too_complex``, ``truncated_file`` and
        ``corrupt_file`` as for a picture; ``missing_leads`` when no group shows twelve leads;
        ``bad_signals`` when the samples cannot be turned into millivolts at 500 Hz.
    """
    check_bytes(data)
    if not _SIGNATURE.match(data):
        return None
    from ecgapp.io.decoders.isolation import read_isolated

    answer = read_isolated("waveform", data, 0)
    groups = list(_with_samples(answer.facts["groups"], answer.payload))
    if not groups:
        return None
    group, samples = _longest_of_twelve_leads(groups)
    rate_hz = group["rate_hz"]
    if not _RATES_HZ[0] <= rate_hz <= _RATES_HZ[1]:
        raise _bad(
            f"the leads have {rate_hz:g} samples a second, and from {_RATES_HZ[0]:g} to "
            f"{_RATES_HZ[1]:g} can be read"
        )
    table = _samples_of(group, samples)
    leads = {
        lead: _resampled(_millivolts(table[:, column], group, column), rate_hz)
        for lead, column in _columns_of_leads(group).items()
    }
    if not any(np.isfinite(values).any() for values in leads.values()):
        raise _bad("no lead has a value; please export the recording again")
    for lead, values in leads.items():
        _require_plausible(lead, values)
    return Signals(SAMPLING_RATE_HZ, _with_derived_limb_leads(leads))


def ten_seconds_of(recorded: Signals) -> Signals:
    """Bring a recording to the ten seconds that a sheet shows.

    Parameters
    ----------
    recorded : Signals

    Returns
    -------
    Signals
        At least ten seconds; what a shorter recording lacks at its end is NaN.

    Raises
    ------
    Refusal
        With the code ``bad_signals`` for a recording shorter than `LEAST_S`.
    """
    lasts_s = recorded.n_samples / recorded.sampling_rate_hz
    if lasts_s < LEAST_S:
        raise _bad(
            f"the recording lasts {lasts_s:.1f} s and at least {LEAST_S:g} s are needed, since a "
            f"sheet shows its leads one after the other over {SHEET_S:g} s; please export the "
            "whole recording"
        )
    return recorded.lasting(SHEET_S)


def _bad(found: str) -> Refusal:
    return Refusal("bad_signals", _STAGE, f"{_STAGE}: {found}.")


def _require_plausible(lead: str, values: NDArray[np.float32]) -> None:
    """Refuse voltages that no heart makes: another unit, or signed samples said to be unsigned."""
    known = np.abs(values[np.isfinite(values)])
    if (known > MAX_MV).sum() > _MAX_BEYOND * len(known):
        raise _bad(
            f"lead {lead} reaches {known.max():,.0f} mV, and an ECG stays within {MAX_MV:g} mV: "
            "the unit or the kind of the samples is declared wrongly; please export the recording "
            "with its calibration"
        )


def _with_samples(
    groups: list[dict[str, Any]], payload: memoryview
) -> Iterator[tuple[dict[str, Any], memoryview]]:
    start = 0
    for group in groups:
        yield group, payload[start : start + group["n_bytes"]]
        start += group["n_bytes"]


def _lead_of(channel: dict[str, Any]) -> str | None:
    """Name of a channel's lead: by a code that is known, else by what the code is said to mean."""
    for code, _ in channel["codes"]:
        if found := _CODE.fullmatch(code):
            return _BY_NUMBER.get(int(found[1]))
        if code.isdecimal() and _MDC_PARTITION < int(code) < _MDC_PARTITION + 2**16:
            return _BY_NUMBER.get(int(code) - _MDC_PARTITION)
    for text in (text for pair in channel["codes"] for text in pair):
        if found := _NAME.fullmatch(text.strip().lower()):
            return _BY_LOWER_NAME[found[1]]
    return None


def _columns_of_leads(group: dict[str, Any]) -> dict[str, int]:
    """Lead -> index of the first channel that shows it."""
    columns: dict[str, int] = {}
    for column, channel in enumerate(group["channels"]):
        lead = _lead_of(channel)
        if lead:
            columns.setdefault(lead, column)
    return columns


def _missing_leads(names: dict[str, int]) -> list[str]:
    """Leads that a group neither shows nor lets derive."""
    derivable = sum(lead in LIMB_WEIGHTS for lead in names) >= 2
    wanted = CHEST_LEADS if derivable else LEADS
    return [lead for lead in wanted if lead not in names]


def _longest_of_twelve_leads(
    groups: list[tuple[dict[str, Any], memoryview]],
) -> tuple[dict[str, Any], memoryview]:
    complete = [item for item in groups if not _missing_leads(_columns_of_leads(item[0]))]
    if complete:
        return max(complete, key=lambda item: item[0]["n_samples"] / max(item[0]["rate_hz"], 1e-9))
    most = max((_columns_of_leads(group) for group, _ in groups), key=len)
    shown = ", ".join(most) or "none of the twelve leads"
    raise Refusal(
        "missing_leads",
        _STAGE,
        f"{_STAGE}: the object shows {shown} and lacks {', '.join(_missing_leads(most))}, and "
        "V1 to V6 with at least two limb leads are needed at one time; please export the "
        "twelve-lead recording.",
    )


def _samples_of(group: dict[str, Any], content: memoryview) -> NDArray[Any]:
    """Return encoded values, shape (n_samples, n_channels), no longer than the limit."""
    dtype = np.dtype(group["dtype"])
    n_samples, n_channels = group["n_samples"], group["n_channels"]
    if n_samples < 2 or n_channels < len(group["channels"]):
        raise _bad(f"the object has {n_samples} samples of {n_channels} channels")
    # One more second, which the resampling looks at.
    n_samples = min(n_samples, int((MAX_DURATION_S + 1) * group["rate_hz"]))
    encoded = np.frombuffer(content, dtype, count=n_samples * n_channels)
    return encoded.reshape(n_samples, n_channels)


def _millivolts(encoded: NDArray[Any], group: dict[str, Any], column: int) -> NDArray[np.float64]:
    """One channel's values in mV, NaN where they are padding."""
    channel = group["channels"][column]
    mv_per_unit = _MV_PER_UNIT.get(channel["unit"].strip().lower())
    if mv_per_unit is None or channel["sensitivity"] is None:
        unit = plain(channel["unit"])
        raise _bad(
            f"the samples of lead {_lead_of(channel)} have the unit '{unit}' and the "
            f"sensitivity {channel['sensitivity']}, and should be in volts, millivolts or "
            "microvolts; please export the recording with its calibration"
        )
    if not channel["sensitivity"] * channel["correction"] > 0:
        raise _bad(
            f"the calibration of lead {_lead_of(channel)} is {channel['sensitivity']:g}, and has "
            "to be above zero; please export the recording again"
        )
    values = encoded * (channel["sensitivity"] * channel["correction"]) + channel["baseline"]
    values = values.astype(np.float64) * mv_per_unit
    if not np.isfinite(values).all():
        raise _bad(f"the calibration of lead {_lead_of(channel)} is no finite number")
    if group["padding"] is not None:
        values[encoded == group["padding"]] = np.nan
    return values


def _resampled(values: NDArray[np.float64], rate_hz: float) -> NDArray[np.float32]:
    """Values at 500 Hz by a windowed sinc, at most `MAX_DURATION_S` seconds of them.

    What the lower of both rates cannot carry is left out. Gaps stay gaps: the kernel's weights are
    shared out among the values that there are.
    """
    n_out = min(round(len(values) / rate_hz * SAMPLING_RATE_HZ), MAX_DURATION_S * SAMPLING_RATE_HZ)
    if rate_hz == SAMPLING_RATE_HZ:
        return values[:n_out].astype(np.float32)
    known = np.isfinite(values)
    filled = np.where(known, values, 0)
    cutoff = min(1.0, SAMPLING_RATE_HZ / rate_hz)
    reach = int(np.ceil(_KERNEL_PERIODS / cutoff))
    result = np.full(n_out, np.nan, dtype=np.float32)
    for start in range(0, n_out, _BLOCK):
        position = np.arange(start, min(start + _BLOCK, n_out)) * (rate_hz / SAMPLING_RATE_HZ)
        nearest = np.minimum(np.rint(position).astype(int), len(values) - 1)
        taps = nearest[:, None] + np.arange(-reach, reach + 1)
        inside = (taps >= 0) & (taps < len(values))
        distance = (position[:, None] - taps) * cutoff
        window = np.cos(np.clip(distance / _KERNEL_PERIODS, -1, 1) * (np.pi / 2)) ** 2
        taps = np.clip(taps, 0, len(values) - 1)
        weights = np.sinc(distance) * window * (inside & known[taps])
        total = weights.sum(axis=1)
        usable = known[nearest] & (total > 0)
        sums = (weights * filled[taps]).sum(axis=1)
        block = result[start : start + _BLOCK]
        block[usable] = sums[usable] / total[usable]
    return result


def _with_derived_limb_leads(
    leads: dict[str, NDArray[np.float32]],
) -> dict[str, NDArray[np.float32]]:
    """All twelve leads in their order, from as few as two limb leads and the chest leads."""
    first, second = [lead for lead in LEADS if lead in leads and lead in LIMB_WEIGHTS][:2]
    to_both = np.linalg.inv([LIMB_WEIGHTS[first], LIMB_WEIGHTS[second]])
    lead_i_and_ii = to_both @ np.stack([leads[first], leads[second]])
    derived = {
        lead: (np.array(weights) @ lead_i_and_ii).astype(np.float32)
        for lead, weights in LIMB_WEIGHTS.items()
    }
    return {lead: leads[lead] if lead in leads else derived[lead] for lead in LEADS}


def write_dicom_waveform(signals: Signals) -> bytes:
    """Write signals as a DICOM object of the class 12-lead ECG Waveform Storage.

    One group of twelve channels, 16 bits a sample, 1 microvolt a step. A value that is not known
    is written as the padding value -32768, which the object names. More samples than the class
    allows (16,384) make it an object of the class General ECG Waveform Storage.

    The object says that its samples are derived and names no patient, since none is known.

    Parameters
    ----------
    signals : Signals
        Signals of any length.

    Returns
    -------
    bytes
        A DICOM file: Explicit VR Little Endian.
    """
    return encode_dicom(waveform_object(signals))


def encode_dicom(dataset: Dataset) -> bytes:
    """Write a DICOM object as a file: Explicit VR Little Endian."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def waveform_object(signals: Signals) -> Dataset:
    """Make the object that :func:`write_dicom_waveform` writes, for more to be said in it."""
    from pydicom.dataset import Dataset
    from pydicom.uid import (
        GeneralECGWaveformStorage,
        TwelveLeadECGWaveformStorage,
        generate_uid,
    )

    is_long = signals.n_samples > _MAX_TWELVE_LEAD_SAMPLES
    now = datetime.now()
    dataset = Dataset()
    dataset.SOPClassUID = GeneralECGWaveformStorage if is_long else TwelveLeadECGWaveformStorage
    dataset.SOPInstanceUID = generate_uid(prefix=None)
    dataset.StudyInstanceUID = generate_uid(prefix=None)
    dataset.SeriesInstanceUID = generate_uid(prefix=None)
    # Type 2: to be there, and empty when not known.
    for keyword in (
        "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime",
        "StudyID", "AccessionNumber", "ReferringPhysicianName", "Manufacturer",
    ):  # fmt: skip
        setattr(dataset, keyword, "")
    dataset.Modality = "ECG"
    dataset.SeriesNumber = dataset.InstanceNumber = 1
    dataset.ContentDate, dataset.ContentTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    # To be there and filled; when the paper's recording was made is not known.
    dataset.AcquisitionDateTime = now.strftime("%Y%m%d%H%M%S")
    dataset.AcquisitionContextSequence = []
    dataset.WaveformSequence = [_multiplex_group(signals)]
    return dataset


def _multiplex_group(signals: Signals) -> Dataset:
    """Put the twelve leads into one group of channels."""
    from pydicom.dataset import Dataset

    group = Dataset()
    group.MultiplexGroupLabel = "RHYTHM"
    group.WaveformOriginality = "DERIVED"
    group.NumberOfWaveformChannels = len(LEADS)
    group.NumberOfWaveformSamples = signals.n_samples
    group.SamplingFrequency = signals.sampling_rate_hz
    group.WaveformBitsAllocated = 16
    group.WaveformSampleInterpretation = "SS"
    group.ChannelDefinitionSequence = [_channel(lead, LEAD_NUMBERS[lead]) for lead in LEADS]
    group.add_new("WaveformPaddingValue", "OW", _INVALID.to_bytes(2, "little", signed=True))
    group.add_new("WaveformData", "OW", in_microvolts(signals, _INVALID).tobytes())
    return group


def _channel(lead: str, number: int) -> Dataset:
    """Define the channel of one lead."""
    from pydicom.dataset import Dataset

    meaning = f"Lead {lead}"
    unit = _code("uV", "UCUM", "microvolt")
    channel = Dataset()
    channel.ChannelLabel = lead
    channel.ChannelSourceSequence = [_code(f"2:{number}", "MDC", meaning)]
    channel.ChannelSensitivity = 1
    channel.ChannelSensitivityUnitsSequence = [unit]
    channel.ChannelSensitivityCorrectionFactor = 1
    channel.ChannelBaseline = 0
    channel.ChannelTimeSkew = 0
    channel.WaveformBitsStored = 16
    return channel


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    from pydicom.dataset import Dataset

    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code
