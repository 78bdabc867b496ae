"""Small study inputs of any kind, each class with its ink in a place of its own, and a tiny net."""

import keras
import numpy as np

from ecgapp.benchmark.published.inputs import FIVE_CLASSES, INPUT_KINDS, StudyInputs
from ecgapp.ecg import LEADS, NAMED_LEADS
from ecgapp.training.networks.blocks import with_lead

_LEADS_OF_KIND = {"lead_windows": NAMED_LEADS[:2], "leads_128": LEADS[:2]}


def make_inputs(kind: str, n_sheets: int, n_classes: int = 4) -> StudyInputs:
    """Make sheets, two to a session, of which every second class is on 6x2 sheets too."""
    rng = np.random.default_rng(0)
    leads = _LEADS_OF_KIND.get(kind, ("",))
    number = np.repeat(np.arange(n_sheets), len(leads))
    label_number = number % n_classes
    images = np.zeros((len(number), *INPUT_KINDS[kind]), np.uint8)
    for image, k in zip(images, label_number, strict=True):
        if kind == "printed_rate":
            image[:] = 60 + 30 * (k == 1) + rng.integers(0, 20)
            continue
        height = image.shape[-2]
        top = k * height // n_classes + rng.integers(0, 4)
        image[..., top : top + height // 10, :] = 255
    classes = np.array(FIVE_CLASSES)
    sheet = np.array([f"{n:064x}" for n in number])
    session = number // 2
    return StudyInputs(
        kind=kind,
        images=images,
        sheet=sheet,
        label=classes[label_number],
        layout=np.where((number % 7 == 0) & (label_number > 0), "6x2", "3x4"),
        session=session,
        fold=session % 3,
        lead=np.tile(np.array(leads), n_sheets),
        copies_in_v2=np.array([1, 1, 4, 2, 0])[label_number],
    )


def build_tiny_net(n_classes: int) -> keras.Model:
    """Build what stands for a net on thirteen leads where only the training around it counts."""
    images = keras.Input((13, 64, 64), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(keras.layers.Flatten()(images[:, 0, ::8]))
    return keras.Model(images, keras.layers.Dense(n_classes, activation="softmax")(x))


def build_tiny_window_net(n_classes: int) -> keras.Model:
    """Build what stands for a net on single leads' windows."""
    windows = keras.Input((150, 150, 1), dtype="uint8")
    x = keras.layers.AveragePooling2D(10)(keras.layers.Rescaling(1 / 255)(windows))
    leads, x = with_lead(keras.layers.Flatten()(x))
    return keras.Model([windows, leads], keras.layers.Dense(n_classes, activation="softmax")(x))
