"""What gives a label away without a heartbeat being read: layout, device, border, printed rate.

A figure of a model means little until it is set beside these. They are judged under the same
protocols as the models and stand in the same table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ecgapp.benchmark.published.inputs import StudyInputs

KNOWN_LAYOUTS = ("3x4", "6x2")
# Part of the page that holds curves on sheets of any layout: left, top, right, bottom.
CURVES_AREA = (69 / 2213, 210 / 1572, 2174 / 2213, 1516 / 1572)
TREES = 300
_FASTEST_BPM = 255

Judge = Callable[
    [StudyInputs, NDArray[np.int64], NDArray[np.int64], tuple[str, ...]], NDArray[np.float32]
]


@dataclass(frozen=True)
class Confounder:
    """One entry of the study that is no model.

    Attributes
    ----------
    name, title : str
        For commands and files, and for people.
    note : str
        What it looks at.
    input_kind : str
        A key of :data:`ecgapp.benchmark.published.inputs.INPUT_KINDS`.
    n_classes : tuple of int
        Numbers of classes that it is studied with.
    library : str
        What it needs beside NumPy, if anything.
    judge : callable
        Inputs, training rows, test rows, classes -> probabilities of the test rows,
        (n_test, n_classes) float32.
    """

    name: str
    title: str
    note: str
    input_kind: str
    n_classes: tuple[int, ...]
    library: Literal["numpy", "scikit-learn"]
    judge: Judge


def by_layout(
    inputs: StudyInputs,
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    classes: tuple[str, ...],
) -> NDArray[np.float32]:
    """Say of each sheet how common the labels are among training sheets of its layout."""
    return _frequencies(inputs.layout, inputs.label, train, test, classes)


def by_device(
    inputs: StudyInputs,
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    classes: tuple[str, ...],
) -> NDArray[np.float32]:
    """Say how common the labels are among training sheets of the known machine, or of others."""
    known = np.isin(inputs.layout, KNOWN_LAYOUTS)
    return _frequencies(known, inputs.label, train, test, classes)


def by_printed_rate(
    inputs: StudyInputs,
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    classes: tuple[str, ...],
) -> NDArray[np.float32]:
    """Apply one rule: labels are as common as on this side of the best border between two rates.

    The border is the one that labels most training sheets rightly. Sheets without a readable rate
    are a side of their own.
    """
    rate = inputs.images.reshape(len(inputs)).astype(int)
    labels, weights = inputs.label[train], rate[train]
    borders = np.unique(weights[weights > 0])
    hits = [_hits(labels, weights > border, classes) for border in borders]
    border = int(borders[int(np.argmax(hits))]) if len(borders) else _FASTEST_BPM
    side = np.where(rate == 0, 0, np.where(rate > border, 2, 1))
    return _frequencies(side, inputs.label, train, test, classes)


def by_border(
    inputs: StudyInputs,
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    classes: tuple[str, ...],
) -> NDArray[np.float32]:
    """Ask a random forest that sees nothing but header, footer and margins of the small page."""
    from sklearn.ensemble import RandomForestClassifier

    seen = border_mask(inputs.images.shape[1], inputs.images.shape[2])
    forest = RandomForestClassifier(TREES, class_weight="balanced", random_state=0, n_jobs=-1)
    forest.fit(inputs.images[train][:, seen], inputs.label[train])
    found = forest.predict_proba(inputs.images[test][:, seen])
    probabilities = np.zeros((len(test), len(classes)), dtype=np.float32)
    probabilities[:, [classes.index(name) for name in forest.classes_]] = found
    return probabilities


def border_mask(height: int, width: int) -> NDArray[np.bool_]:
    """Pixels of a shrunken page that no curve reaches, (height, width)."""
    left, top, right, bottom = CURVES_AREA
    seen = np.ones((height, width), dtype=bool)
    # Pixels that lie partly in the curves' area are blanked too.
    rows = slice(int(np.floor(top * height)), int(np.ceil(bottom * height)))
    columns = slice(int(np.floor(left * width)), int(np.ceil(right * width)))
    seen[rows, columns] = False
    return seen


def _hits(labels: NDArray[np.str_], above: NDArray[np.bool_], classes: Sequence[str]) -> int:
    """Sheets that the commoner label of their side gets right."""
    return sum(
        max(int((labels[side] == name).sum()) for name in classes) for side in (above, ~above)
    )


def _frequencies(
    group: NDArray[np.generic],
    label: NDArray[np.str_],
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    classes: tuple[str, ...],
) -> NDArray[np.float32]:
    """Label frequencies in each test row's group; overall ones in a group without training."""
    _, number = np.unique(group, return_inverse=True)
    own = label[train][:, None] == np.array(classes)
    counts = np.zeros((number.max() + 1, len(classes)))
    np.add.at(counts, number[train], own)
    counts[counts.sum(axis=1) == 0] = own.sum(axis=0)
    shares = counts / counts.sum(axis=1, keepdims=True)
    return shares[number[test]].astype(np.float32)


# By name, with the numbers of classes that each is told of.
CONFOUNDERS: dict[str, Confounder] = {
    one.name: one
    for one in (
        Confounder(
            "layout_only",
            "Layout only",
            "knows nothing but whether a sheet is 3x4, 6x2 or another device's",
            "printed_rate",
            (4, 5),
            "numpy",
            by_layout,
        ),
        Confounder(
            "border_only",
            "Header, footer and margins only",
            "random forest on the page at 182x256 with the area of the curves blanked",
            "page_182x256",
            (4, 5),
            "scikit-learn",
            by_border,
        ),
        Confounder(
            "printed_rate",
            "Printed heart rate only",
            "one border, learnt in training, on the heart rate printed in the footer",
            "printed_rate",
            (4, 5),
            "numpy",
            by_printed_rate,
        ),
        Confounder(
            "device_only",
            "Device only",
            "knows nothing but whether a sheet comes from the main machine",
            "printed_rate",
            (5,),
            "numpy",
            by_device,
        ),
    )
}
