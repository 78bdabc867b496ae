"""A small page that looks different however it is turned, and how to save and compare it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ecgapp.errors import Refusal
from ecgapp.io import pages
from ecgapp.io.pages import read_page

WIDTH, HEIGHT = 360, 240


def drawn_page() -> Image.Image:
    """A page that looks different however it is turned or mirrored: black L and curve, red grid."""
    page = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(page)
    for x in range(0, WIDTH, 40):
        draw.line((x, 0, x, HEIGHT), fill=(255, 190, 190))
    draw.rectangle((20, 20, 50, 200), fill="black")
    draw.rectangle((20, 170, 120, 200), fill="black")
    draw.rectangle((200, 20, 260, 80), fill=(200, 40, 40))
    return page


def gray_page() -> NDArray[np.uint8]:
    return np.asarray(drawn_page().convert("L"))


def saved(image: Image.Image, file_format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


def refusal_of(data: bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read_page(data)
    refusal = caught.value
    assert refusal.code in (pages.__doc__ or ""), "every code is documented"
    assert refusal.message.startswith(refusal.step + ": ")
    assert refusal.message.endswith(".")
    assert "\n" not in refusal.message
    return refusal


def assert_is_the_page(data: bytes, tolerance: int = 2) -> None:
    page = read_page(data)
    assert page.rgb.dtype == page.gray.dtype == np.uint8
    assert page.rgb.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(page.gray.astype(int) - gray_page()).max() <= tolerance
