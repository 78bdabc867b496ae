"""Bytes of an upload to the picture of a page, or a refusal that says why not.

The kind of file is found from its content, never from its name; nothing is written to disk; the
size of the picture is checked from its header, before any of it is decoded.

Codes of the refusals that `read_page` raises:

=====================  =====================================================================
``empty_file``         the file holds no bytes
``file_too_large``     more than `MAX_UPLOAD_BYTES` bytes
``unknown_format``     not a JPEG, PNG, TIFF, BMP or WebP file, whatever its name says
``multiple_pages``     an animation, or a file of several pages
``page_too_small``     a side shorter than `MIN_SIDE_PX`
``page_too_large``     a side longer than `MAX_SIDE_PX`
``too_many_pixels``    more than `MAX_PIXELS` pixels (a decompression bomb among others)
``truncated_file``     the file ends before its picture does
``corrupt_file``       the file's header or data are damaged, or of a kind that cannot be read
=====================  =====================================================================
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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

MAX_UPLOAD_BYTES = 20_000_000
# An A4 sheet at 600 dpi has 35 million pixels.
MAX_PIXELS = 40_000_000
MIN_SIDE_PX = 200
MAX_SIDE_PX = 16_000

# The scanned sheets of the public data set, and how far off the published predecessor lets a page
# be before it calls the dimensions unsuitable.
KNOWN_WIDTH_PX = 2213
KNOWN_HEIGHT_PX = 1572
KNOWN_SIZE_TOLERANCE_PX = 20

_READERS = (
    JpegImagePlugin.JpegImageFile,
    PngImagePlugin.PngImageFile,
    TiffImagePlugin.TiffImageFile,
    BmpImageFile,
    WebPImagePlugin.WebPImageFile,
)
FORMATS = tuple(reader.format for reader in _READERS)

# Pillow calls an image far above our own limit a bomb; one that it only warns of is refused too.
warnings.simplefilter("error", Image.DecompressionBombWarning)


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not an error
    """The input cannot be read: bad input, never a programming error.

    Parameters
    ----------
    code : str
        Short name of the reason in snake case, for programs.
    step : str
        Name of the step that refused, such as ``Decoding``.
    message : str
        One sentence for people: the step, the value found, the limit and what would help.
    """

    def __init__(self, code: str, step: str, message: str):
        super().__init__(code, step, message)
        self.code = code
        self.step = step
        self.message = message

    def __str__(self) -> str:
        return self.message


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
        Kind of the file by its content: one of `FORMATS`.
    """

    rgb: NDArray[np.uint8]
    gray: NDArray[np.uint8]
    file_format: str


def read_page(data: bytes) -> PageImage:
    """Read the bytes of a picture file.

    Parameters
    ----------
    data : bytes
        The whole file.

    Returns
    -------
    PageImage
        The picture, upright, 8 bits a channel.

    Raises
    ------
    Refusal
        With one of the codes of the table at the top of this module.
    """
    _check_bytes(data)
    file_format = _known_format(data)
    with (
        _damage_refused(data, file_format),
        Image.open(io.BytesIO(data), formats=FORMATS) as image,
    ):
        _check_size(*image.size)
        # MPO is what many phones write: a JPEG with a second, smaller picture behind it.
        if image.format != "MPO":
            _check_single_picture(image)
        _check_tile_size(image)
        image.load()
        page = _upright(_eight_bits(image), image)
    # One copy out of Pillow is enough: it takes as long as half the decoding.
    pixels = np.asarray(page)
    if page.mode == "L":
        return PageImage(_uint8(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)), pixels, file_format)
    return PageImage(pixels, _uint8(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)), file_format)


def _uint8(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    return np.asarray(pixels, dtype=np.uint8)


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
        expected=f"{KNOWN_WIDTH_PX} x {KNOWN_HEIGHT_PX} px, each within "
        f"{KNOWN_SIZE_TOLERANCE_PX} px",
    )


def _check_bytes(data: bytes) -> None:
    if not data:
        raise Refusal(
            "empty_file",
            "Upload",
            "Upload: the file holds 0 bytes where at least one picture is needed; please check "
            "that it was copied completely and send it again.",
        )
    if len(data) > MAX_UPLOAD_BYTES:
        raise Refusal(
            "file_too_large",
            "Upload",
            f"Upload: the file has {len(data) / 1e6:.1f} MB and the limit is "
            f"{MAX_UPLOAD_BYTES / 1e6:.0f} MB; please save the page as JPEG or PNG at 200 dpi.",
        )


_SIGNATURES = (
    ("JPEG", re.compile(rb"\xff\xd8\xff")),
    ("PNG", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("TIFF", re.compile(rb"(II|MM)(\x2a\x00|\x00\x2a|\x2b\x00|\x00\x2b)")),
    ("BMP", re.compile(rb"BM")),
    ("WEBP", re.compile(rb"RIFF....WEBP", re.DOTALL)),
)
_OTHER_KINDS = (
    ("a PDF document", re.compile(rb"%PDF")),
    ("a GIF picture", re.compile(rb"GIF8")),
    ("a HEIC or AVIF picture", re.compile(rb"....ftyp(heic|heix|mif1|msf1|avif)", re.DOTALL)),
    ("a DICOM file", re.compile(rb".{128}DICM", re.DOTALL)),
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
        "says, and only JPEG, PNG, TIFF, BMP and WebP pictures can be read; please export the "
        "page as PNG or JPEG.",
    )


def _check_size(width: int, height: int) -> None:
    size = f"the picture has {width} x {height} px"
    if min(width, height) < MIN_SIDE_PX:
        raise Refusal(
            "page_too_small",
            "Picture size",
            f"Picture size: {size} and each side needs at least {MIN_SIDE_PX} px; please scan "
            "the whole sheet at 200 dpi.",
        )
    if max(width, height) > MAX_SIDE_PX:
        raise Refusal(
            "page_too_large",
            "Picture size",
            f"Picture size: {size} and each side may have at most {MAX_SIDE_PX} px; please scan "
            "the sheet at 200 dpi.",
        )
    if width * height > MAX_PIXELS:
        raise _too_many_pixels(width * height)


def _too_many_pixels(n_pixels: int) -> Refusal:
    return Refusal(
        "too_many_pixels",
        "Picture size",
        f"Picture size: the picture has {n_pixels / 1e6:,.0f} million pixels and the limit is "
        f"{MAX_PIXELS / 1e6:.0f} million; please scan the sheet at 200 dpi.",
    )


def _check_single_picture(image: Image.Image) -> None:
    # Not n_frames: it walks the whole chain of a TIFF's pages, which may be made very long.
    try:
        image.seek(1)
    except EOFError:
        return
    raise Refusal(
        "multiple_pages",
        "Pages",
        f"Pages: the {image.format} file holds more than one page or frame and the limit is one; "
        "please save the page with the ECG as a file of its own.",
    )


def _check_tile_size(image: Image.Image) -> None:
    """Refuse a TIFF whose tiles are bombs though its picture is small: each is decoded whole."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        tags = image.tag_v2
        n_pixels = tags.get(TiffImagePlugin.TILEWIDTH, 0) * tags.get(TiffImagePlugin.TILELENGTH, 0)
        if n_pixels > MAX_PIXELS:
            raise _too_many_pixels(n_pixels)


@contextmanager
def _damage_refused(data: bytes, file_format: str) -> Iterator[None]:
    """Turn whatever the decoder raises on damaged data into a refusal."""
    try:
        yield
    except Refusal:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        found = re.search(r"\((\d+) pixels\)", str(error))
        raise _too_many_pixels(int(found[1]) if found else Image.MAX_IMAGE_PIXELS or 0) from error
    # Pillow lets any exception through that its parsers meet in damaged data, struct.error,
    # KeyError and zlib.error among them; the lines in question call it alone.
    except Exception as error:
        if "truncated" in str(error) or _ends_early(data, file_format):
            raise Refusal(
                "truncated_file",
                "Decoding",
                f"Decoding: the {file_format} file ends after {len(data):,} bytes, before its "
                "picture is complete, and all of it is needed; please copy or export it again.",
            ) from error
        part = "header" if isinstance(error, UnidentifiedImageError) else "data"
        raise _corrupt(file_format, f"{part} cannot be decoded") from error


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


def _corrupt(file_format: str, found: str) -> Refusal:
    return Refusal(
        "corrupt_file",
        "Decoding",
        f"Decoding: the {file_format} file's {found} and only undamaged pictures of a common kind "
        "can be read; please export the page again as PNG or JPEG.",
    )


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
        raise _corrupt("TIFF", "values are not all finite numbers")
    depths = ([1.0] if is_float else []) + [2.0**bits - 1 for bits in (8, 12, 16, 32)]
    if lowest >= 0:
        return 0.0, next((white for white in depths if highest <= white), highest)
    return lowest, max(highest, lowest + 1)


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
