"""Bytes of an upload to the pictures of its pages, or a refusal that says why not.

The kind of file is found from its content, never from its name; nothing is written to disk; the
size of a picture is checked before any of it is decoded. PDF, HEIC and DICOM files are read in a
process of their own, see `ecgapp.io.decoders`.

Codes of the refusals that `read_pages` and `read_page` raise:

===========================  ===============================================================
``empty_file``               the file holds no bytes
``file_too_large``           more than `MAX_UPLOAD_BYTES` bytes
``unknown_format``           none of `FORMATS`, whatever the file's name says
``several_formats``          one of `FORMATS` and something else as well
``multiple_pages``           an animation
``too_many_pages``           more than `MAX_PAGES` pages or frames
``no_picture``               no page, or a DICOM object that is neither picture nor PDF
``page_too_small``           a side shorter than `MIN_SIDE_PX`
``page_too_large``           a side longer than `MAX_SIDE_PX`
``too_many_pixels``          more than `MAX_PIXELS` pixels (a decompression bomb among others)
``truncated_file``           the file ends before its picture does
``corrupt_file``             the file's header or data are damaged, or of a kind that cannot be
                             read
``encrypted_file``           a PDF document that needs a password
``unsupported_compression``  a DICOM picture compressed in a way that cannot be read
``too_complex``              reading the file takes more memory or time than `ecgapp.errors`
                             allows
===========================  ===============================================================
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

# TIFF and WebP are named here because Pillow would otherwise load every format it knows, which
# costs a tenth of a second at the first upload.
from PIL import (
    ExifTags,
    Image,
    ImageCms,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)
from PIL.BmpImagePlugin import BmpImageFile

from ecgapp.errors import (
    MAX_PAGES,
    MAX_PIXELS,
    MAX_SIDE_PX,
    MAX_UPLOAD_BYTES,
    MIN_SIDE_PX,
    Refusal,
    check_bytes,
    check_pages,
    check_size,
    check_time,
    corrupt,
    too_many_pixels,
    truncated,
)

__all__ = [
    "FORMATS",
    "MAX_PAGES",
    "MAX_PIXELS",
    "MAX_SIDE_PX",
    "MAX_UPLOAD_BYTES",
    "MIN_SIDE_PX",
    "WAVEFORM",
    "PageImage",
    "Refusal",
    "ValidationStep",
    "decoding_check",
    "read_page",
    "read_pages",
    "size_check",
]

# The scanned sheets of the public data set, and how far off the published predecessor lets a page
# be before it calls the dimensions unsuitable.
KNOWN_WIDTH_PX = 2213
KNOWN_HEIGHT_PX = 1572
KNOWN_SIZE_TOLERANCE_PX = 20

# As many as libtiff lets a JPEG picture in a TIFF have.
MAX_SCANS = 100
_START_OF_SCAN, _END_OF_JPEG = b"\xff\xda", b"\xff\xd9"
# Not the zero that follows a data byte of 255, nor the marks within a scan.
_JPEG_MARKER = re.compile(rb"\xff[\x02-\xcf\xd9-\xfe]")

_READERS = (
    JpegImagePlugin.JpegImageFile,
    PngImagePlugin.PngImageFile,
    TiffImagePlugin.TiffImageFile,
    BmpImageFile,
    WebPImagePlugin.WebPImageFile,
)
_PICTURE_FORMATS = tuple(reader.format for reader in _READERS)
# Kind of file -> the reader of `ecgapp.io.decoders` that a process of its own runs.
_ISOLATED_READERS = {"HEIC": "heif", "PDF": "pdf", "DICOM": "dicom"}
FORMATS = (*_PICTURE_FORMATS, *_ISOLATED_READERS)
# Kind of a page that was drawn from a recording.
WAVEFORM = "DICOM waveform"


@dataclass(frozen=True)
class ValidationStep:
    """One check of a page, with what it found.

    Attributes
    ----------
    name : str
        What is checked, for people.
    passed : bool
        Whether the page is as expected.
    found, expected : str
        The value found and the one expected, with units.
    """

    name: str
    passed: bool
    found: str
    expected: str


@dataclass(frozen=True)
class PageImage:
    """The picture of a page, upright, on white where it was transparent.

    Attributes
    ----------
    rgb : ndarray of uint8, shape (height, width, 3)
        Colours, sRGB.
    gray : ndarray of uint8, shape (height, width)
        Brightness, ITU-R 601 luma.
    file_format : str
        Kind of the file by its content: one of `FORMATS`, or `WAVEFORM`.
    number : int
        Which of the file's pages it is, from 1.
    n_pages : int
        How many pages the file has.
    """

    rgb: NDArray[np.uint8]
    gray: NDArray[np.uint8]
    file_format: str
    number: int = 1
    n_pages: int = 1


def read_pages(data: bytes) -> Iterator[PageImage | Refusal]:
    """Read the pages of a picture file, a PDF document or a DICOM object, one at a time.

    Each page is decoded when it is asked for, so that whoever finds the sheet on the first never
    pays for the others.

    Parameters
    ----------
    data : bytes
        The whole file.

    Returns
    -------
    iterator of PageImage or Refusal
        The pages in their order, at least one and at most `MAX_PAGES`: of a TIFF file and of a PDF
        document its pages, of a DICOM object its frames, of any other file its one picture. A
        refusal stands in the place of a page that cannot be read.

    Raises
    ------
    Refusal
        With one of the codes of the table at the top of this module, when no page can be read; by
        the iterator when its time is over.
    """
    check_bytes(data)
    file_format = _known_format(data)
    _check_one_kind(data, file_format)
    if file_format in _ISOLATED_READERS:
        return _isolated_pages(data, file_format)
    return _picture_pages(data, file_format)


def read_page(data: bytes) -> PageImage:
    """Read the first page of a file.

    Parameters
    ----------
    data : bytes
        The whole file.

    Returns
    -------
    PageImage
        The first of the pages that `read_pages` yields.

    Raises
    ------
    Refusal
        As `read_pages` does.
    """
    page = next(read_pages(data))
    if isinstance(page, Refusal):
        raise page
    return page


def _picture_pages(data: bytes, file_format: str) -> Iterator[PageImage | Refusal]:
    """Pages of a file that Pillow reads."""
    if file_format == "JPEG":
        _check_scans(data)
    with _damage_refused(data, file_format):
        image = Image.open(io.BytesIO(data), formats=_PICTURE_FORMATS)
    with image:
        with _damage_refused(data, file_format):
            # Counting may decode the first frame of an animation, and no page of a TIFF.
            if file_format != "TIFF":
                check_size(*image.size)
            n_pages = _count_pages(image)
        for index in range(n_pages):
            check_time()
            page: PageImage | Refusal
            try:
                page = _picture_page(data, image, index, file_format)
            except Refusal as refusal:
                page = refusal
            else:
                page = replace(page, number=index + 1, n_pages=n_pages)
            yield page


def _picture_page(data: bytes, image: Image.Image, index: int, file_format: str) -> PageImage:
    with _damage_refused(data, file_format):
        image.seek(index)
        check_size(*image.size)
        _check_tile_size(image)
        image.load()
        return _page_image(_upright(_eight_bits(image), image), file_format)


def _isolated_pages(data: bytes, file_format: str) -> Iterator[PageImage | Refusal]:
    """Pages of a file that only a process of its own may read."""
    from ecgapp.io.decoders.isolation import read_isolated

    n_pages, index = 1, 0
    while index < n_pages:
        answer = read_isolated(_ISOLATED_READERS[file_format], data, index)
        n_pages = answer.facts["n_pages"]
        index += 1
        if "page_refusal" in answer.facts:
            yield Refusal(*answer.facts["page_refusal"])
            continue
        mode, size = answer.facts["mode"], answer.facts["size"]
        pixels = np.frombuffer(answer.payload, dtype=np.uint8)
        image = Image.frombuffer(mode, tuple(size), pixels, "raw", mode, 0, 1)
        page = _page_image(_eight_bits(image), file_format)
        yield replace(page, number=index, n_pages=n_pages)


def _page_image(page: Image.Image, file_format: str) -> PageImage:
    pixels = _pixels(page)
    if page.mode == "L":
        return PageImage(_uint8(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)), pixels, file_format)
    return PageImage(pixels, _uint8(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)), file_format)


def _pixels(page: Image.Image) -> NDArray[np.uint8]:
    """Take a decoded page out of Pillow, in one piece.

    NumPy takes it in pieces of 64 KB, and again as a whole: of 12 megapixels 27 ms instead of 4.
    """
    encoder = Image._getencoder(page.mode, "raw", page.mode)
    encoder.setimage(page.im, (0, 0, *page.size))
    shape = (page.height, page.width, len(page.getbands()))
    _, _, pixels = encoder.encode(math.prod(shape))
    return np.frombuffer(pixels, np.uint8).reshape(shape[: 2 if page.mode == "L" else 3])


def _uint8(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    return np.asarray(pixels, dtype=np.uint8)


def decoding_check(page: PageImage) -> ValidationStep:
    """Say what kind of file a page came from, how large it is, and which of several it is.

    Parameters
    ----------
    page : PageImage
        The page.

    Returns
    -------
    ValidationStep
        Always passed.
    """
    height, width = page.gray.shape
    which = f", page {page.number} of {page.n_pages}" if page.n_pages > 1 else ""
    return ValidationStep(
        "Decoding",
        True,
        f"{page.file_format}{which}, {width} x {height} pixels",
        "one complete picture, PDF page or DICOM object",
    )


def size_check(page: PageImage) -> ValidationStep:
    """Compare a page's dimensions with those known, as the published predecessor does.

    It informs and never refuses: what a page of another size is good for, the step that finds the
    leads decides.

    Parameters
    ----------
    page : PageImage
        The page.

    Returns
    -------
    ValidationStep
        Passed when both dimensions are within `KNOWN_SIZE_TOLERANCE_PX` of the known ones.
    """
    height, width = page.gray.shape
    return ValidationStep(
        name="Dimensions suitable for preprocessing",
        passed=abs(width - KNOWN_WIDTH_PX) <= KNOWN_SIZE_TOLERANCE_PX
        and abs(height - KNOWN_HEIGHT_PX) <= KNOWN_SIZE_TOLERANCE_PX,
        found=f"{width} x {height} px",
        expected=f"{KNOWN_WIDTH_PX} x {KNOWN_HEIGHT_PX} px is read as it is; a page of another "
        "size is aligned first",
    )


_SIGNATURES = (
    # First, since the 128 bytes before may make the same file a TIFF for those who want one.
    ("DICOM", re.compile(rb".{128}DICM", re.DOTALL)),
    ("JPEG", re.compile(rb"\xff\xd8\xff")),
    ("PNG", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("TIFF", re.compile(rb"(II|MM)(\x2a\x00|\x00\x2a|\x2b\x00|\x00\x2b)")),
    ("BMP", re.compile(rb"BM")),
    ("WEBP", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ("HEIC", re.compile(rb"....ftyp(hei[cmsx]|hev[cmsx]|mif1|msf1)", re.DOTALL)),
    ("PDF", re.compile(rb"(\xef\xbb\xbf)?\s{0,64}%PDF")),
)
# Browsers look no further to guess a kind, and readers of PDF no further for its first line.
_SNIFFED_BYTES = 1024
# Windows, Linux and macOS programs and scripts, which the 128 bytes before DICM have room for.
_PROGRAMS = (b"mz", b"\x7felf", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"#!")
_OTHER_KINDS = (
    ("an SVG drawing", re.compile(rb"[^<]{0,8}<(?:svg|\?xml(?s:.){0,1000}<svg)", re.IGNORECASE)),
    ("a GIF picture", re.compile(rb"GIF8")),
    ("an AVIF picture", re.compile(rb"....ftypavi[fs]", re.DOTALL)),
    ("a ZIP or Office file", re.compile(rb"PK\x03\x04")),
    ("text", re.compile(rb"[\t\n\r\x20-\x7e]{1,512}(?![^\t\n\r\x20-\x7e])")),
)


def _known_format(data: bytes) -> str:
    """Kind of a file by its first bytes, one of `FORMATS`."""
    for name, signature in _SIGNATURES:
        if signature.match(data):
            return name
    kinds = (kind for kind, signature in _OTHER_KINDS if signature.match(data))
    raise Refusal(
        "unknown_format",
        "File type",
        f"File type: the content is {next(kinds, 'of an unknown kind')}, whatever the file's name "
        "says, and only JPEG, PNG, TIFF, BMP, WebP and HEIC pictures, PDF documents and DICOM "
        "objects can be read; please export the page as PNG or JPEG.",
    )


def _check_one_kind(data: bytes, file_format: str) -> None:
    """Refuse a file that other programs take for something else: an archive, a page, a program."""
    start = data[:_SNIFFED_BYTES].lower()
    other = None
    if _ends_as_zip(data):
        other = "a ZIP archive"
    elif file_format == "DICOM" and start.startswith(_PROGRAMS):
        other = "a program"
    elif file_format not in ("DICOM", "PDF") and b"%pdf-" in start:
        other = "a PDF document"
    elif file_format != "DICOM" and any(tag in start for tag in (b"<html", b"<script", b"<svg")):
        other = "a web page"
    if other is not None:
        raise Refusal(
            "several_formats",
            "File type",
            f"File type: the file is of the kind {file_format} and {other} at once, and only files "
            "of one kind are read; please export the page again as PNG or JPEG.",
        )


def _ends_as_zip(data: bytes) -> bool:
    """Whether a file ends with the directory of a ZIP archive and the comment that it announces."""
    place = data.rfind(b"PK\x05\x06", -22 - 2**16)
    return place >= 0 and place + 22 + int.from_bytes(data[place + 20 : place + 22], "little") == (
        len(data)
    )


def _count_pages(image: Image.Image) -> int:
    """Pages of a file, once it is known that they are not too many."""
    # MPO is what many phones write: a JPEG with a second, smaller picture behind it.
    if image.format == "MPO":
        return 1
    n_pages = 1
    # Not n_frames: it walks the whole chain of a TIFF's pages, which may be made very long.
    while n_pages <= MAX_PAGES:
        try:
            image.seek(n_pages)
        except EOFError:
            break
        if image.format != "TIFF":
            raise Refusal(
                "multiple_pages",
                "Pages",
                f"Pages: the {image.format} file is an animation of more than one frame and the "
                "limit is one; please save the frame with the ECG as a file of its own.",
            )
        n_pages += 1
    check_pages(n_pages, str(image.format))
    return n_pages


def _check_scans(data: bytes) -> None:
    """Refuse a JPEG with more scans than any camera writes: each may cost as much as the picture.

    A scan that changes nothing has twelve bytes, and takes the decoder over the whole picture.
    """
    if data.count(b"\xff\xda") <= MAX_SCANS:
        return
    n_scans, place = 0, 2
    while n_scans <= MAX_SCANS:
        marker = _JPEG_MARKER.search(data, place)
        if marker is None or marker[0] == _END_OF_JPEG:
            return
        n_scans += marker[0] == _START_OF_SCAN
        # The two bytes behind a marker say how long its segment is, themselves included.
        place = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2], "big")
    raise Refusal(
        "too_complex",
        "Decoding",
        f"Decoding: the JPEG file draws its picture in more than {MAX_SCANS} scans, which is the "
        "limit, and cameras and scanners write about ten; please save the picture again, as PNG "
        "or as JPEG that is not progressive.",
    )


def _check_tile_size(image: Image.Image) -> None:
    """Refuse a TIFF whose tiles are bombs though its picture is small: each is decoded whole."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        tags = image.tag_v2
        n_pixels = tags.get(TiffImagePlugin.TILEWIDTH, 0) * tags.get(TiffImagePlugin.TILELENGTH, 0)
        if n_pixels > MAX_PIXELS:
            raise too_many_pixels(n_pixels)


@contextmanager
def _damage_refused(data: bytes, file_format: str) -> Iterator[None]:
    """Turn whatever the decoder raises on damaged data into a refusal."""
    try:
        yield
    # Memory that runs out is no damage; OpenCV sees none but whole pictures.
    except (Refusal, MemoryError, cv2.error):
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        found = re.search(r"\((\d+) pixels\)", str(error))
        raise too_many_pixels(int(found[1]) if found else Image.MAX_IMAGE_PIXELS or 0) from error
    # Pillow lets any exception through that its parsers meet in damaged data, struct.error,
    # KeyError and zlib.error among them; the lines in question call it alone.
    except Exception as error:
        if "truncated" in str(error) or _ends_early(data, file_format):
            raise truncated(file_format, len(data)) from error
        part = "header" if isinstance(error, UnidentifiedImageError) else "data"
        raise corrupt(file_format, f"{part} cannot be decoded") from error


def _ends_early(data: bytes, file_format: str) -> bool:
    """Whether a file that failed to decode lacks its end, as far as its format tells."""
    if file_format == "JPEG":
        return b"\xff\xd9" not in data[-1024:]
    if file_format == "PNG":
        return b"IEND" not in data[-1024:]
    if file_format == "TIFF":
        byte_order: Literal["little", "big"] = "little" if data.startswith(b"II") else "big"
        return int.from_bytes(data[4:8], byte_order) >= len(data)
    start, before = (2, 0) if file_format == "BMP" else (4, 8)
    return int.from_bytes(data[start : start + 4], "little") + before > len(data)


# More than 8 bits a pixel, one channel.
_DEEP_GRAY_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Bring any mode that the formats know to ``L`` or ``RGB``, on white paper."""
    if image.mode in _DEEP_GRAY_MODES:
        return Image.fromarray(_deep_gray_to_eight_bits(image))
    if image.has_transparency_data:
        # Pillow has no direct way from gray with premultiplied alpha to RGBA.
        straight = image.convert("LA") if image.mode == "La" else image
        ink = straight.convert("RGBA") if straight.mode != "RGBA" else straight
        paper = Image.new("RGB", image.size, "white")
        paper.paste(ink, mask=ink)
        return paper
    if image.mode == "LAB":
        to_srgb = ImageCms.buildTransform(
            ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB"
        )
        rgb = ImageCms.applyTransform(image, to_srgb)
        assert rgb is not None  # not in place
        return rgb
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _deep_gray_to_eight_bits(image: Image.Image) -> NDArray[np.uint8]:
    """Scale gray values of 16 or 32 bits, integer or float, to 0..255."""
    values = np.asarray(image)
    tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}
    if image.mode == "I" and tags.get(TiffImagePlugin.SAMPLEFORMAT, (1,))[0] == 1:
        values = values.view(np.uint32)
    # OpenCV knows neither foreign byte orders nor unsigned 32-bit integers.
    native = (
        values.astype(np.uint16, copy=False)
        if values.itemsize == 2
        else values.astype(np.float32, copy=False)
    )
    black, white = _value_range(float(native.min()), float(native.max()), image.mode == "F")
    if tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0:
        # Zero is white; Pillow minds this at 8 bits only.
        black, white = white, black
    scale = 255 / (white - black)
    eight_bits = np.asarray(
        cv2.convertScaleAbs(native, alpha=scale, beta=-black * scale), dtype=np.uint8
    )
    transparent = image.info.get("transparency")
    if transparent is not None:
        eight_bits[values == transparent] = 255
    return eight_bits


def _value_range(lowest: float, highest: float, is_float: bool) -> tuple[float, float]:
    """Values of black and white: those of the smallest usual depth that holds the values.

    Scanners write 8, 12 or 16 bits into a 16-bit file, and floats from 0 to 1 or to 255. Values
    of no usual depth are stretched.
    """
    if not np.isfinite([lowest, highest]).all():
        raise corrupt("TIFF", "values are not all finite numbers")
    depths = ([1.0] if is_float else []) + [2.0**bits - 1 for bits in (8, 12, 16, 32)]
    if lowest >= 0:
        return 0.0, next((white for white in depths if highest <= white), highest)
    return lowest, max(highest, lowest + 1)


# EXIF orientation (CIPA DC-008) -> what undoes it.
_TO_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _upright(page: Image.Image, source: Image.Image) -> Image.Image:
    """Turn a page as the EXIF orientation of its file says (Pillow has turned TIFFs already)."""
    turn = _TO_UPRIGHT.get(source.getexif().get(ExifTags.Base.Orientation, 1))
    return page if turn is None else page.transpose(turn)
