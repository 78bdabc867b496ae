"""The preprocessing of one lead step by step, with the numbers that it uses in reach.

With `Settings` as they are, the last step is exactly what the models read; see
`ecgapp.digitize.leads`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ecgapp.digitize.leads import (
    GAUSSIAN_SIGMA_PX,
    PAPER,
    NamedLead,
    keep_own_curve,
    lead_runs,
    model_windows,
)
from ecgapp.ecg import PX_PER_MV
from ecgapp.inference import shipped_models
from ecgapp.pipeline import judge
from ecgapp.sheet.locate import HALF_HEIGHT_MV, LocatedSheet

if TYPE_CHECKING:
    from ecgapp.pipeline import Diagnosis


@dataclass(frozen=True)
class Settings:
    """Numbers that preprocessing uses.

    Attributes
    ----------
    sigma_px : float
        Of the Gaussian, 0 for none.
    threshold : int or None
        Grey level up to which a pixel is ink; None for Otsu's choice.
    half_height_mv : float
        How far a window reaches above and below the baseline, at most ``HALF_HEIGHT_MV``.
    """

    sigma_px: float = GAUSSIAN_SIGMA_PX
    threshold: int | None = None
    half_height_mv: float = HALF_HEIGHT_MV


@dataclass(frozen=True)
class Steps:
    """One lead after each step.

    Attributes
    ----------
    crop, smooth, binary, curve : ndarray of uint8, (height, width)
        Cut out in grayscale; smoothed; ink 0 on paper 255; the lead's own curve alone.
    windows : ndarray of uint8, (n_windows, 150, 150)
        What a model would read: ink 255 on 0.
    otsu_threshold : int
        Otsu's choice for ``smooth``, whether it was used or not.
    """

    crop: NDArray[np.uint8]
    smooth: NDArray[np.uint8]
    binary: NDArray[np.uint8]
    curve: NDArray[np.uint8]
    windows: NDArray[np.uint8]
    otsu_threshold: int


def preprocess(sheet: LocatedSheet, lead: str, settings: Settings) -> Steps:
    """Preprocess one lead of a sheet.

    Parameters
    ----------
    sheet : LocatedSheet
    lead : str
        One of ``sheet.boxes``.
    settings : Settings

    Returns
    -------
    Steps
    """
    steps, image = _steps_and_image(sheet, lead, settings)
    windows = model_windows(NamedLead(lead, Image.fromarray(image), image))
    return replace(steps, windows=windows)


def _steps_and_image(
    sheet: LocatedSheet, lead: str, settings: Settings
) -> tuple[Steps, NDArray[np.uint8]]:
    """Preprocess one lead as far as the image that its windows are made of."""
    box = sheet.boxes[lead]
    crop = sheet.gray[box.top : box.bottom, box.left : box.right]
    smooth = crop
    if settings.sigma_px > 0:
        smooth = np.asarray(cv2.GaussianBlur(crop, (0, 0), settings.sigma_px), dtype=np.uint8)
    otsu, by_otsu = cv2.threshold(smooth, 0, PAPER, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    binary = np.asarray(by_otsu, dtype=np.uint8)
    if settings.threshold is not None:
        binary = np.where(smooth > settings.threshold, PAPER, 0).astype(np.uint8)
    curve = keep_own_curve(binary, lead_runs(sheet)[lead], box.top)
    baseline_px = round(sheet.baselines_px[lead]) - box.top
    image = _centre(curve, baseline_px, round(settings.half_height_mv * PX_PER_MV))
    no_windows = np.zeros((0, *crop.shape), np.uint8)
    return Steps(crop, smooth, binary, curve, no_windows, int(otsu)), image


def with_settings(diagnosis: Diagnosis, settings: Settings) -> Diagnosis:
    """Read a sheet again with all its leads preprocessed in another way.

    Parameters
    ----------
    diagnosis : Diagnosis
        With a verdict.
    settings : Settings

    Returns
    -------
    Diagnosis
        What the networks read from the curves' voltages stays as it was.

    Raises
    ------
    ValueError
        If there is no verdict.
    """
    sheet = diagnosis.sheet
    if sheet is None or diagnosis.verdict is None:
        raise ValueError("there is no verdict that settings could change")
    leads = {
        name: replace(lead, image=Image.fromarray(_steps_and_image(sheet, name, settings)[1]))
        for name, lead in diagnosis.leads.items()
    }
    return judge(replace(diagnosis, leads=leads))


def read_windows(lead: str, windows: NDArray[np.uint8]) -> dict[str, dict[str, float]]:
    """Let the shipped models read one lead's windows, which count alike.

    Parameters
    ----------
    lead : str
    windows : ndarray of uint8, (n_windows, 150, 150)

    Returns
    -------
    dict of str to dict
        Model -> class -> probability.

    Raises
    ------
    ModelError
        If the models are not installed as released.
    """
    readings = {}
    for name, model in shipped_models.load_models().items():
        means = model.predict(windows, [lead] * len(windows)).mean(axis=0).tolist()
        readings[name] = dict(zip(model.metadata["classes"], means, strict=True))
    return readings


def _centre(image: NDArray[np.uint8], baseline_px: int, half_height_px: int) -> NDArray[np.uint8]:
    """Cut or pad with paper, so that the baseline is half-way up and the height as asked for."""
    padded = np.pad(image, ((half_height_px, half_height_px), (0, 0)), constant_values=PAPER)
    return padded[baseline_px : baseline_px + 2 * half_height_px]
