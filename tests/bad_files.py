"""Several hundred files that are damaged, absurd or made to harm, of every format; all drawn here.

They ship as this generator: the same files come out of it every time. ``tests/test_bad_files.py``
reads them.
"""

from __future__ import annotations

import io
import struct
import time
import zipfile
import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pillow_heif
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset

from ecgapp.ecg import LEADS, Signals
from ecgapp.io.dicom_waveform import write_dicom_waveform
from ecgapp.synthesis.edan import render
from ecgapp.synthesis.simulate import PatientModel, simulate

# Parts of a file that are kept, and how many bytes of a file are overwritten in how many variants.
KEPT = (0.0005, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99)
N_FLIPPED = 12
FLIPPED_BYTES = 8


class BadFile(NamedTuple):
    """One file, and what is bad about it."""

    name: str
    data: bytes


def bad_files() -> Iterator[BadFile]:
    """Draw all files, each as it is asked for."""
    for kind, data in sheets().items():
        yield from _damaged(kind, data)
    yield from _no_pictures()
    yield from _absurd_pictures()
    yield from _bombs()
    yield from _two_kinds()
    yield from _documents()
    yield from _recordings()
    yield from _objects()


@cache
def sheets() -> dict[str, bytes]:
    """Draw one sheet in every format that can be read; each of them gets a verdict."""
    recorded = simulate(PatientModel())
    sheet = render(recorded, "3x4")
    gray = sheet.convert("L")
    return {
        "jpeg": saved(sheet, "JPEG", quality=80),
        "progressive": saved(gray, "JPEG", progressive=True, quality=70),
        "png": saved(sheet.quantize(8), "PNG"),
        "tiff-lzw": saved(gray, "TIFF", compression="tiff_lzw"),
        "tiff-g4": saved(sheet.convert("1"), "TIFF", compression="group4"),
        "tiff-pages": saved(
            gray, "TIFF", compression="tiff_lzw", save_all=True, append_images=[gray]
        ),
        "bmp": saved(gray.convert("1"), "BMP"),
        "webp": saved(gray.convert("RGB"), "WEBP", quality=60, method=0),
        "heic": heif(gray),
        "pdf": saved(gray, "PDF", resolution=200),
        "dicom": dicom_picture(np.asarray(gray)),
        "waveform": recording(recorded),
    }


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Write a picture."""
    stream = io.BytesIO()
    if kind == "PDF":
        options |= dict.fromkeys(("creationDate", "modDate"), time.gmtime(0))
    image.save(stream, kind, **options)
    return stream.getvalue()


def heif(image: Image.Image) -> bytes:
    """Write a HEIC photograph."""
    stream = io.BytesIO()
    pillow_heif.from_pillow(image).save(stream, quality=50, enc_params={"preset": "ultrafast"})
    return stream.getvalue()


def recording(signals: Signals) -> bytes:
    """Write a waveform object with the same names and dates every time."""
    dataset = pydicom.dcmread(io.BytesIO(write_dicom_waveform(signals)))
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        setattr(dataset, keyword, "1.2.3")
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    dataset.ContentDate, dataset.ContentTime = "20200101", "120000"
    dataset.AcquisitionDateTime = "20200101120000"
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def dicom(**elements: Any) -> bytes:
    """Write an object of any elements."""
    dataset = Dataset()
    dataset.SOPClassUID = elements.pop("sop_class", pydicom.uid.SecondaryCaptureImageStorage)
    dataset.SOPInstanceUID = "1.2.3"
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def dicom_picture(gray: NDArray[Any], **elements: Any) -> bytes:
    """Write an image object."""
    described = {
        "Rows": gray.shape[0],
        "Columns": gray.shape[1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "PixelRepresentation": 0,
        "PixelData": gray.tobytes() + bytes(gray.size % 2),
    }
    return dicom(**{**described, **elements})


def pdf(content: bytes, page: bytes = b"/MediaBox[0 0 720 504]", filters: bytes = b"") -> bytes:
    """Write a document of one page by hand, without a table of its objects."""
    return (
        b"%%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/Contents 4 0 R%s>>endobj\n"
        b"4 0 obj<</Length %d%s>>stream\n%s\nendstream endobj\n"
        b"trailer<</Size 5/Root 1 0 R>>\n%%%%EOF\n" % (page, len(content), filters, content)
    )


def png(width: int, height: int, depth: int = 8, colour: int = 0, pixels: bytes = b"") -> bytes:
    """Write a picture whose header claims what it likes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(
            ">I", zlib.crc32(kind + content)
        )  # fmt: skip

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels))
        + chunk(b"IEND", b"")
    )  # fmt: skip


def tiff(**tags: int) -> bytes:
    """Write a directory of tags, by number as ``t256``, and no pixels."""
    entries = b"".join(
        struct.pack("<HHII", int(tag[1:]), 4, 1, value) for tag, value in sorted(tags.items())
    )
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(400)


def zipped(entries: dict[str, bytes]) -> bytes:
    """Pack an archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return stream.getvalue()


def _damaged(kind: str, data: bytes) -> Iterator[BadFile]:
    """Cut a good file off, and overwrite bytes near its ends and anywhere."""
    for kept in KEPT:
        yield BadFile(f"{kind}, {kept:.2%} of it", data[: max(1, int(kept * len(data)))])
    yield BadFile(f"{kind}, without its first byte", data[1:])
    yield BadFile(f"{kind}, its middle gone", data[: len(data) // 3] + data[2 * len(data) // 3 :])
    random = np.random.default_rng(zlib.crc32(kind.encode()))
    for number in range(N_FLIPPED):
        reach = (60, 600, len(data))[number % 3]
        changed = bytearray(data)
        for place in random.integers(0, min(reach, len(data)), FLIPPED_BYTES):
            changed[place] = random.integers(256)
        yield BadFile(
            f"{kind}, {FLIPPED_BYTES} bytes of {reach} changed ({number})", bytes(changed)
        )


def _no_pictures() -> Iterator[BadFile]:
    texts = {
        "empty": b"",
        "one byte": b"\0",
        "zeros": bytes(100_000),
        "text": b"Dear colleague,\n" * 100,
        "csv": b"time_s,I,II\n0,1,2\n",
        "json": b'{"a": [1, 2]}',
        "html": b"<!doctype html><script>alert(1)</script>",
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>',
        "svg in xml": b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "aa">]><svg>&a;</svg>',
        "zip": zipped({"a.txt": b"a"}),
        "zip astray": zipped({"../../etc/a": b"a"}),
        "gzip": b"\x1f\x8b\x08" + bytes(50),
        "rar": b"Rar!\x1a\x07\0" + bytes(50),
        "elf": b"\x7fELF" + bytes(500),
        "windows program": b"MZ" + bytes(500),
        "script": b"#!/bin/sh\nexit 1\n",
        "gif": saved(Image.new("P", (300, 300)), "GIF"),
        "ico": saved(Image.new("RGB", (256, 256)), "ICO"),
        "ppm": saved(Image.new("RGB", (300, 300)), "PPM"),
        "tga": saved(Image.new("RGB", (300, 300)), "TGA"),
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "avif": b"\0\0\0\x18ftypavif\0\0\0\0" + bytes(200),
        "mp4": b"\0\0\0\x18ftypmp42\0\0\0\0" + bytes(200),
        "pickle": b"\x80\x04cos\nsystem\n(S'true'\ntR.",
        "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(500),
        "signature alone, jpeg": b"\xff\xd8\xff",
        "signature alone, png": b"\x89PNG\r\n\x1a\n",
        "signature alone, tiff": b"II*\0",
        "signature alone, bigtiff": b"II+\0\x08\0\0\0" + b"\xff" * 16,
        "signature alone, bmp": b"BM",
        "signature alone, webp": b"RIFF\xff\xff\xff\xffWEBP",
        "signature alone, heic": b"\0\0\0\x18ftypheic",
        "signature alone, pdf": b"%PDF-1.7\n%%EOF",
        "signature alone, dicom": bytes(128) + b"DICM",
        "too many bytes": b"\xff\xd8\xff" + bytes(20_000_001),
    }
    for name, data in texts.items():
        yield BadFile(name, data)
    random = np.random.default_rng(1)
    for signature in (b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"II*\0", b"BM", b"%PDF-1.4\n"):
        yield BadFile(f"noise behind {signature!r}", signature + random.bytes(20_000))


def _absurd_pictures() -> Iterator[BadFile]:
    random = np.random.default_rng(2)
    for size in ((1, 1), (199, 3000), (3000, 199), (16_001, 200), (200, 16_001), (200, 15_999)):
        yield BadFile(f"blank, {size}", saved(Image.new("1", size, 1), "PNG"))
    yield BadFile("blank, 40 million pixels", saved(Image.new("1", (6300, 6300), 1), "PNG"))
    for kind in ("JPEG", "PNG", "TIFF", "BMP", "WEBP", "PDF"):
        for shade in (0, 128, 255):
            blank = Image.new("RGB", (800, 600), (shade,) * 3)
            yield BadFile(f"blank {kind} of shade {shade}", saved(blank, kind))
    noise = Image.fromarray(random.integers(0, 256, (1170, 1654), np.uint8))
    yield BadFile("noise, jpeg", saved(noise, "JPEG"))
    yield BadFile("noise, png", saved(noise, "PNG"))
    for step in (2, 7, 40):
        lines = np.full((1170, 1654), 255, np.uint8)
        lines[::step] = 0
        yield BadFile(f"a line every {step} px across", saved(Image.fromarray(lines), "PNG"))
        grid = lines.copy()
        grid[:, ::step] = 0
        yield BadFile(f"a grid of {step} px", saved(Image.fromarray(grid), "PNG"))
    values = np.full((300, 300), np.nan, np.float32)
    yield BadFile("a float picture of no numbers", saved(Image.fromarray(values), "TIFF"))
    values[:] = np.inf
    yield BadFile("a float picture of infinity", saved(Image.fromarray(values), "TIFF"))
    frames = [Image.new("RGB", (300, 300), (shade,) * 3) for shade in range(0, 250, 10)]
    for kind in ("PNG", "WEBP"):
        data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
        yield BadFile(f"an animation, {kind}", data)
    for n_pages in (20, 21, 25):
        pages = saved(frames[0], "TIFF", save_all=True, append_images=frames[1:n_pages])
        yield BadFile(f"{n_pages} blank pages", pages)
    small = Image.new("RGB", (50, 50))
    for order in ([small, frames[0]], [frames[0], small], [small, small]):
        data = saved(order[0], "TIFF", save_all=True, append_images=order[1:])
        yield BadFile(f"pages of {[page.width for page in order]} px", data)


def _bombs() -> Iterator[BadFile]:
    for side in (6_400, 15_000, 60_000, 2**31 - 1):
        yield BadFile(f"png of {side} px a side", png(side, side, pixels=bytes(1000)))
    yield BadFile("png of few pixels", png(3000, 3000, pixels=bytes(100)))
    yield BadFile("png of too many pixels", png(300, 300, pixels=bytes(30_000_000)))
    yield BadFile("png of no such depth", png(300, 300, depth=7))
    yield BadFile("png of no such colour", png(300, 300, colour=5))
    yield BadFile("png of no side", png(0, 300))
    shape = {"t256": 300, "t257": 300, "t258": 8, "t259": 8, "t262": 1, "t277": 1}
    yield BadFile("tiff of huge tiles", tiff(**shape, t322=60_000, t323=60_000, t324=200, t325=99))
    yield BadFile("tiff of no tiles", tiff(**shape, t322=0, t323=0, t324=200, t325=99))
    yield BadFile("tiff of huge strips", tiff(**shape, t273=200, t278=2**31, t279=2**31))
    yield BadFile("tiff of huge sides", tiff(**{**shape, "t256": 2**31, "t257": 2**31}))
    loop = bytearray(saved(Image.new("L", (300, 300)), "TIFF"))
    start = struct.unpack_from("<I", loop, 4)[0]
    after = start + 2 + 12 * struct.unpack_from("<H", loop, start)[0]
    struct.pack_into("<I", loop, after, start)
    yield BadFile("tiff whose pages go round", bytes(loop))
    progressive = saved(Image.new("L", (1600, 1200), 200), "JPEG", progressive=True)
    scan = progressive[progressive.rindex(b"\xff\xda") : -2]
    for n_scans in (90, 101, 20_000, 100_000):
        data = progressive[:-2] + n_scans * scan + progressive[-2:]
        yield BadFile(f"jpeg of {n_scans} empty scans", data)
    wide = bytearray(saved(Image.new("L", (300, 300)), "JPEG"))
    struct.pack_into(">HH", wide, wide.index(b"\xff\xc0") + 5, 65_535, 65_535)
    yield BadFile("jpeg of 65,535 px a side", bytes(wide))
    bmp = bytearray(saved(Image.new("L", (300, 300)), "BMP"))
    for width, height in ((2**31 - 1, 300), (-300, 300), (300, -(2**31)), (0, 0)):
        struct.pack_into("<ii", bmp, 18, width, height)
        yield BadFile(f"bmp of {width} x {height} px", bytes(bmp))


def _two_kinds() -> Iterator[BadFile]:
    jpeg = saved(Image.new("RGB", (300, 300)), "JPEG")
    yield BadFile("jpeg and zip", jpeg + zipped({"a.js": b"1"}))
    yield BadFile("png and zip", saved(Image.new("L", (300, 300)), "PNG") + zipped({"a": b"1"}))
    yield BadFile("jpeg and pdf", jpeg[:2] + b"\xff\xfe\0\x0b%PDF-1.7\n" + jpeg[2:])
    yield BadFile("bmp and web page", b"BM<html><script>1</script>" + bytes(1000))
    picture = dicom_picture(np.zeros((300, 300), np.uint8))
    for program in (b"MZ", b"\x7fELF", b"#!/bin/sh\n"):
        yield BadFile(f"dicom and {program!r}", program + picture[len(program) :])


def _documents() -> Iterator[BadFile]:
    packer = zlib.compressobj(9)
    start = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    megabyte = packer.compress(b" " * 10**6) + packer.flush(zlib.Z_FULL_FLUSH)
    megabytes = start + 4000 * megabyte + packer.flush()
    contents = {
        "nothing drawn": b"",
        "a million strokes": b"0 0 m 720 504 l S\n" * 100_000,
        "deeply nested states": b"q " * 200_000,
        "no such operators": b"foo bar baz " * 1000,
        "numbers beyond all measure": b"1e999 1e999 m -1e999 9 l S 1e38 w 0 0 m 9 9 l S",
    }
    for name, content in contents.items():
        yield BadFile(f"pdf, {name}", pdf(content))
    yield BadFile("pdf, a bomb", pdf(megabytes, filters=b"/Filter/FlateDecode"))
    yield BadFile("pdf, no such filter", pdf(b"abc", filters=b"/Filter/NoSuchDecode"))
    for box in (b"0 0 0 0", b"0 0 1e9 1e9", b"0 0 -9 9", b"a b c d", b"0 0 100000 10"):
        yield BadFile(f"pdf of {box.decode()}", pdf(b"", b"/MediaBox[" + box + b"]"))
    yield BadFile("pdf, script", pdf(b"", b"/MediaBox[0 0 9 9]/AA<</O<</S/JavaScript/JS(1)>>>>"))
    yield BadFile("pdf, pages go round", pdf(b"").replace(b"/Kids[3 0 R]", b"/Kids[2 0 R]"))
    yield BadFile("pdf, no pages", pdf(b"").replace(b"/Kids[3 0 R]/Count 1", b"/Kids[]/Count 0"))
    yield BadFile("pdf, a billion pages", pdf(b"").replace(b"/Count 1", b"/Count 999999999"))


def _recordings() -> Iterator[BadFile]:
    good = simulate(PatientModel())

    def changed(**elements: Any) -> bytes:
        dataset = pydicom.dcmread(io.BytesIO(recording(good)))
        group = dataset.WaveformSequence[0]
        for keyword, value in elements.items():
            if keyword in ("ChannelSensitivity", "ChannelBaseline"):
                for channel in group.ChannelDefinitionSequence:
                    setattr(channel, keyword, value)
            elif keyword == "unit":
                for channel in group.ChannelDefinitionSequence:
                    channel.ChannelSensitivityUnitsSequence[0].CodeValue = value
            else:
                setattr(group, keyword, value)
        stream = io.BytesIO()
        dataset.save_as(stream, enforce_file_format=True)
        return stream.getvalue()

    for unit in ("V", "kV", "", "mm[Hg]", "![x](//a.co)", "<b>mV</b>"):
        yield BadFile(f"recording in {unit!r}", changed(unit=unit))
    for value in (0, -1, 1e9, 1e-9, 1e15):
        yield BadFile(f"sensitivity {value:g}", changed(ChannelSensitivity=value))
        yield BadFile(f"baseline {value:g}", changed(ChannelBaseline=value * 1e3))
    for rate in (0, -500, 1, 99, 40_001, 1e12):
        yield BadFile(f"{rate:g} samples a second", changed(SamplingFrequency=rate))
    for kind in ("US", "SB", "UB", "MB", "SL", "XX", ""):
        yield BadFile(f"samples of kind {kind!r}", changed(WaveformSampleInterpretation=kind))
    for count in (0, 1, 2**31, 2**32 - 1):
        yield BadFile(f"{count} samples", changed(NumberOfWaveformSamples=count))
    for count in (0, 1, 11, 65_535):
        yield BadFile(f"{count} channels", changed(NumberOfWaveformChannels=count))
    shapes = {
        "flat": np.zeros(5_000, np.float32),
        "zigzag": np.resize(np.float32([-32, 32]), 5_000),
        "zigzag within the limit": np.resize(np.float32([-9.9, 9.9]), 5_000),
        "unknown": np.full(5_000, np.nan, np.float32),
        "one sample": np.zeros(1, np.float32),
        "eight seconds": np.sin(np.arange(4_000, dtype=np.float32)),
        "six minutes": np.sin(np.arange(180_000, dtype=np.float32)),
    }
    for name, values in shapes.items():
        recorded = Signals(500, dict.fromkeys(LEADS, values))
        yield BadFile(f"recording, {name}", recording(recorded))


def _objects() -> Iterator[BadFile]:
    gray = np.full((300, 300), 255, np.uint8)
    changes: dict[str, dict[str, Any]] = {
        "more rows than pixels": {"Rows": 3000, "Columns": 3000},
        "65,535 px a side": {"Rows": 65_535, "Columns": 65_535},
        "no side": {"Rows": 0, "Columns": 0},
        "21 frames": {"NumberOfFrames": 21},
        "a billion frames": {"NumberOfFrames": 10**9},
        "no frame": {"NumberOfFrames": 0},
        "seven samples a pixel": {"SamplesPerPixel": 7},
        "no such colours": {"PhotometricInterpretation": "XYZ"},
        "a palette that is not there": {"PhotometricInterpretation": "PALETTE COLOR"},
        "64 bits": {"BitsAllocated": 64, "BitsStored": 64, "HighBit": 63},
        "no bits": {"BitsAllocated": 0, "BitsStored": 0},
        "no window": {"WindowWidth": "0", "WindowCenter": "0"},
        "a window beyond all measure": {"WindowWidth": "1e300", "WindowCenter": "-1e300"},
        "no slope": {"RescaleSlope": "0", "WindowWidth": "9", "WindowCenter": "9"},
    }
    for name, change in changes.items():
        yield BadFile(f"dicom, {name}", dicom_picture(gray, **change))
    yield BadFile("dicom, nothing", dicom())
    for name, document in {"bomb": pdf(b"q " * 10**5), "text": b"text", "none": b""}.items():
        data = dicom(
            sop_class=pydicom.uid.EncapsulatedPDFStorage,
            EncapsulatedDocument=document + bytes(len(document) % 2),
            MIMETypeOfEncapsulatedDocument="application/pdf",
        )
        yield BadFile(f"dicom of a document, {name}", data)
