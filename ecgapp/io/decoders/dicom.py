"""What a DICOM object holds - picture, PDF or waveform. Runs in a reading process only."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, get_decoder, pixel_array
from pydicom.uid import UID

from ecgapp.errors import (
    Refusal,
    check_pages,
    check_size,
    corrupt,
    no_picture,
    plain,
    truncated,
)

_WAVEFORM_STORAGE = "1.2.840.10008.5.1.4.1.1.9."
# Of the standard (DICOM PS3.5): a length that is not told, and bits of a picture's values.
_UNDEFINED_LENGTH = 2**32 - 1
_DEPTHS = (8, 12, 16, 32)
# A twelve-lead object may have five; the rest would be of no use here. Set by us.
_MAX_GROUPS = 20
_MAX_CHANNELS = 100
# Characters of the standard's long and short texts (LO, SH: DICOM PS3.5).
_MAX_TEXT, _MAX_SHORT_TEXT = 64, 16


def read_page(data: bytes, index: int) -> tuple[dict[str, Any], bytes]:
    """Decode one frame of an image object, or one page of an encapsulated PDF document.

    Parameters
    ----------
    data : bytes
        The DICOM file.
    index : int
        Which frame or page, from 0.

    Returns
    -------
    facts : dict
        ``mode`` (``L`` or ``RGB``), ``size`` (width and height, pixels) and ``n_pages``.
    pixels : bytes
        Rows from the top.

    Raises
    ------
    Refusal
        With one of the codes of the table in `ecgapp.io.pages`.
    """
    dataset = _read(data)
    if "EncapsulatedDocument" in dataset:
        return _document_page(dataset, index)
    if "WaveformSequence" in dataset:
        raise no_picture("DICOM", "a waveform")
    if "PixelData" not in dataset:
        # Of a class that always has a picture, or cut before the class is named.
        if re.search("Image|Encapsulated|^$", UID(dataset.get("SOPClassUID", "")).name):
            raise truncated("DICOM", len(data))
        raise no_picture("DICOM", "no picture")
    try:
        n_frames = int(dataset.get("NumberOfFrames") or 1)
        n_columns, n_rows = int(dataset.Columns), int(dataset.Rows)
    # Of a value representation that the standard does not have, pydicom raises the last.
    except (AttributeError, TypeError, ValueError, NotImplementedError) as error:
        raise corrupt("DICOM", "picture size cannot be decoded") from error
    check_pages(n_frames, "DICOM")
    check_size(n_columns, n_rows)
    pixels = _eight_bits(_decode(dataset, index, n_frames, len(data)), dataset)
    mode = "L" if pixels.ndim == 2 else "RGB"
    size = [pixels.shape[1], pixels.shape[0]]
    return {"mode": mode, "size": size, "n_pages": n_frames}, pixels.tobytes()


def read_waveform(data: bytes, index: int) -> tuple[dict[str, Any], bytes]:
    """Take the groups of channels out of a waveform object, as they are encoded.

    Parameters
    ----------
    data : bytes
        The DICOM file.
    index : int
        Always 0.

    Returns
    -------
    facts : dict
        ``groups``: a list, empty when the object is no waveform. Each has ``rate_hz``,
        ``n_samples``, ``n_channels``, ``dtype`` (of numpy), ``padding`` (a sample's value, or
        None), ``n_bytes`` (of the payload) and ``channels``; each channel has ``codes`` (pairs of
        value and meaning), ``sensitivity`` (None when unknown), ``unit``, ``correction`` and
        ``baseline``.
    samples : bytes
        The groups' samples, one group after the other, in each the channels of one instant
        beside each other.

    Raises
    ------
    Refusal
        With the code ``truncated_file`` or ``corrupt_file``.
    """
    dataset = _read(data)
    try:
        if "WaveformSequence" not in dataset:
            if str(dataset.get("SOPClassUID", "")).startswith(_WAVEFORM_STORAGE):
                raise truncated("DICOM", len(data))
            return {"groups": []}, b""
        little_endian = dataset.original_encoding[1] is not False
        items = list(dataset.WaveformSequence)[:_MAX_GROUPS]
        if any("WaveformData" not in item for item in items):
            raise truncated("DICOM", len(data))
        groups = [_describe(item, "<" if little_endian else ">") for item in items]
        samples = [bytes(item.WaveformData) for item in items]
    except (Refusal, MemoryError):
        raise
    # As in `_read`; elements are decoded when they are asked for.
    except Exception as error:
        raise corrupt("DICOM", "waveform cannot be decoded") from error
    for group, content in zip(groups, samples, strict=True):
        group["n_bytes"] = len(content)
        n_values = group["n_samples"] * group["n_channels"]
        if len(content) < n_values * np.dtype(group["dtype"]).itemsize:
            raise truncated("DICOM", len(data))
    return {"groups": groups}, b"".join(samples)


def read_identity(data: bytes, index: int) -> tuple[dict[str, Any], bytes]:
    """Take out of an object what it says of patient and study.

    Parameters
    ----------
    data : bytes
        The DICOM file.
    index : int
        Always 0.

    Returns
    -------
    facts : dict
        The fields of :class:`ecgapp.io.identity.Identity`, empty where the object has no plain
        value for them.
    nothing : bytes
        Empty.

    Raises
    ------
    Refusal
        With the code ``truncated_file`` or ``corrupt_file``.
    """
    dataset = _read(data)
    recorded = _text(dataset, "AcquisitionDateTime")
    if not recorded:
        recorded = _text(dataset, "StudyDate") + _text(dataset, "StudyTime")
    facts = {
        "patient_id": _text(dataset, "PatientID"),
        "patient_name": _text(dataset, "PatientName"),
        "birth_date": _matching(_text(dataset, "PatientBirthDate"), r"\d{8}"),
        "sex": _matching(_text(dataset, "PatientSex"), "[MFO]"),
        "accession_number": _text(dataset, "AccessionNumber")[:_MAX_SHORT_TEXT],
        "study_uid": _matching(_text(dataset, "StudyInstanceUID"), r"[0-9.]{1,64}"),
        "recorded_at": _matching(recorded.split(".")[0], r"\d{14}"),
    }
    return facts, b""


def _text(dataset: Dataset, keyword: str) -> str:
    """Text of an element in one line; empty where it cannot be decoded."""
    try:
        value = str(dataset.get(keyword) or "")
    except MemoryError:
        raise
    # pydicom decodes elements when they are asked for, and lets any exception through.
    except Exception:
        return ""
    kept = "".join(char for char in value if char.isprintable() and char != "\\")
    return kept[:_MAX_TEXT].strip()


def _matching(text: str, pattern: str) -> str:
    return text if re.fullmatch(pattern, text) else ""


def _read(data: bytes) -> Dataset:
    """Parse a file whose last element is whole; most elements are decoded when asked for."""
    try:
        dataset = pydicom.dcmread(io.BytesIO(data))
        last: Any = dataset.get_item(max(dataset.keys())) if dataset else None
    except MemoryError:
        raise
    except OSError as error:  # "No tag to read"
        raise truncated("DICOM", len(data)) from error
    # pydicom lets any exception through that its parsers meet in damaged data.
    except Exception as error:
        raise corrupt("DICOM", "structure cannot be decoded") from error
    is_raw = isinstance(last, RawDataElement) and last.length != _UNDEFINED_LENGTH
    if is_raw and len(last.value or b"") < last.length:
        raise truncated("DICOM", len(data))
    return dataset


def _document_page(dataset: Dataset, index: int) -> tuple[dict[str, Any], bytes]:
    from ecgapp.io.decoders.pdf import read_page as read_pdf_page

    document = dataset["EncapsulatedDocument"].value
    if not isinstance(document, bytes) or not document.lstrip().startswith(b"%PDF"):
        raise no_picture("DICOM", "a document that is no PDF")
    return read_pdf_page(document, index)


def _decode(dataset: Dataset, index: int, n_frames: int, n_bytes: int) -> NDArray[Any]:
    """One frame's values, shape (rows, columns) or (rows, columns, 3)."""
    try:
        syntax = dataset.file_meta.TransferSyntaxUID
    except AttributeError as error:
        raise corrupt("DICOM", "transfer syntax is not named") from error
    if not _can_decode(syntax):
        raise Refusal(
            "unsupported_compression",
            "Decoding",
            f"Decoding: the DICOM file's picture is compressed as {plain(syntax.name)} and "
            "only pictures that are uncompressed or compressed as baseline JPEG, JPEG 2000 or RLE "
            "can be read; please export the picture as PNG or JPEG.",
        )
    try:
        return pixel_array(dataset, index=index)
    except MemoryError:
        raise
    except Exception as error:
        if not syntax.is_compressed and _lacks_pixels(dataset, n_frames):
            raise truncated("DICOM", n_bytes) from error
        raise corrupt("DICOM", "pixels cannot be decoded") from error


def _can_decode(syntax: UID) -> bool:
    try:
        return bool(get_decoder(syntax).is_available)
    except NotImplementedError:
        return False


def _lacks_pixels(dataset: Dataset, n_frames: int) -> bool:
    try:
        n_bits = dataset.Rows * dataset.Columns * dataset.SamplesPerPixel * dataset.BitsAllocated
        shared = 2 / 3 if dataset.PhotometricInterpretation == "YBR_FULL_422" else 1
        return len(dataset.PixelData) < n_frames * n_bits / 8 * shared
    except (AttributeError, TypeError, NotImplementedError):
        return False


def _eight_bits(values: NDArray[Any], dataset: Dataset) -> NDArray[np.uint8]:
    """Bring a frame's values to 0..255, shape (rows, columns) or (rows, columns, 3)."""
    try:
        photometric = str(dataset.PhotometricInterpretation)
        if photometric == "PALETTE COLOR":
            values = apply_color_lut(values, dataset)[..., :3]
            return _scaled(values, 0, 255 if values.itemsize == 1 else 65535)
        if values.ndim == 3:
            return _scaled(values, 0, 2.0 ** int(dataset.BitsStored) - 1)
        shades = _scaled(values, *_black_and_white(values, dataset))
    except MemoryError:
        raise
    except Exception as error:
        raise corrupt("DICOM", "shades cannot be decoded") from error
    return 255 - shades if photometric == "MONOCHROME1" else shades


def _black_and_white(values: NDArray[Any], dataset: Dataset) -> tuple[float, float]:
    """Values of black and white: the object's window, else the smallest depth that holds all."""
    if dataset.get("WindowWidth") is not None and dataset.get("WindowCenter") is not None:
        slope = float(dataset.get("RescaleSlope") or 1)
        intercept = float(dataset.get("RescaleIntercept") or 0)
        # The standard's own formula: 128 and 256 leave 0 to 255 as they are.
        span = _first(dataset.WindowWidth) - 1
        black = _first(dataset.WindowCenter) - 0.5 - span / 2
        return (black - intercept) / slope, (black + span - intercept) / slope
    lowest, highest = float(values.min()), float(values.max())
    if lowest >= 0:
        return 0.0, next(2.0**bits - 1 for bits in _DEPTHS if highest < 2.0**bits)
    return lowest, highest


def _first(value: Any) -> float:
    return float(value[0] if isinstance(value, pydicom.multival.MultiValue) else value)


def _scaled(values: NDArray[Any], black: float, white: float) -> NDArray[np.uint8]:
    if values.dtype == np.uint8 and (black, white) == (0, 255):
        return values
    if not np.isfinite([black, white]).all() or black >= white:
        raise ValueError("no range of shades")
    shades = values.astype(np.float32)
    np.clip(shades, black, white, out=shades)
    shades -= black
    shades *= 255 / (white - black)
    return np.rint(shades, out=shades).astype(np.uint8)


# Kinds and bytes of a sample by the letters of DICOM PS3.3 C.10.9 (signed or unsigned; byte, short,
# long, very long).
_SAMPLE_KINDS = {"S": "i", "U": "u"}
_SAMPLE_BYTES = {"B": 1, "S": 2, "L": 4, "V": 8}


def _describe(item: Dataset, byte_order: str) -> dict[str, Any]:
    """One group of channels in plain values."""
    interpretation = str(item.WaveformSampleInterpretation)
    sign, size = interpretation[0], interpretation[1]
    dtype = f"{byte_order}{_SAMPLE_KINDS[sign]}{_SAMPLE_BYTES[size]}"
    padding = bytes(item.get("WaveformPaddingValue") or b"")[: _SAMPLE_BYTES[size]]
    channels = list(item.ChannelDefinitionSequence)[:_MAX_CHANNELS]
    return {
        "rate_hz": float(item.SamplingFrequency),
        "n_samples": int(item.NumberOfWaveformSamples),
        "n_channels": int(item.NumberOfWaveformChannels),
        "dtype": dtype,
        "padding": int(np.frombuffer(padding, dtype)[0]) if padding else None,
        "channels": [_describe_channel(channel) for channel in channels],
    }


def _describe_channel(channel: Dataset) -> dict[str, Any]:
    units = channel.get("ChannelSensitivityUnitsSequence") or []
    sensitivity = channel.get("ChannelSensitivity")
    correction = channel.get("ChannelSensitivityCorrectionFactor")
    return {
        "codes": [
            [str(source.get("CodeValue", "")), str(source.get("CodeMeaning", ""))]
            for source in channel.get("ChannelSourceSequence") or []
        ]
        + [["", str(channel.get("ChannelLabel", ""))]],
        "sensitivity": None if sensitivity is None else float(sensitivity),
        "unit": str(units[0].get("CodeValue", "")) if units else "",
        "correction": 1.0 if correction is None else float(correction),
        "baseline": float(channel.get("ChannelBaseline") or 0),
    }
