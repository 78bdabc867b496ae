"""A HEIC photograph to pixels. Runs in a reading process only."""

from __future__ import annotations

from typing import Any

import pi_heif

from ecgapp.errors import check_size, corrupt, truncated


def read_page(data: bytes, index: int) -> tuple[dict[str, Any], bytes]:
    """Decode the primary picture of a HEIF file, upright.

    Parameters
    ----------
    data : bytes
        The file.
    index : int
        Always 0: phones keep bursts, depth maps and thumbnails beside the one photograph.

    Returns
    -------
    facts : dict
        ``mode`` (a mode of Pillow with 8 bits a channel), ``size`` (width and height, pixels) and
        ``n_pages``.
    pixels : bytes
        Rows from the top.

    Raises
    ------
    Refusal
        With one of the codes of the table in `ecgapp.io.pages`.
    """
    pi_heif.options.THUMBNAILS = False
    pi_heif.options.DEPTH_IMAGES = False
    pi_heif.options.AUX_IMAGES = False
    # libheif turns and mirrors as the file says; the EXIF orientation beside it is a copy.
    try:
        heif = pi_heif.open_heif(data)
        check_size(*heif.size)
        image = heif.to_pillow()
    except (ValueError, EOFError, SyntaxError, RuntimeError, OSError, IndexError) as error:
        if _ends_early(data):
            raise truncated("HEIC", len(data)) from error
        raise corrupt("HEIC", "data cannot be decoded") from error
    facts = {"mode": image.mode, "size": list(image.size), "n_pages": 1}
    return facts, image.tobytes()


def _ends_early(data: bytes) -> bool:
    """Whether the last of the boxes that the file consists of goes on past its end."""
    start = 0
    while 0 <= start < len(data):
        size = int.from_bytes(data[start : start + 4], "big")
        if size == 1:
            size = int.from_bytes(data[start + 8 : start + 16], "big")
        if size < 8:  # 0 says: up to the end
            return False
        start += size
    return start > len(data)
