"""The labelled sheets of a data folder -> what the twelve-lead network reads, one row a sheet."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from ecgapp.datasets.khan import LabelledSheet
from ecgapp.digitize.leads import PREPROCESSING_VERSION
from ecgapp.ecg import LEADS
from ecgapp.inference.twelve_lead_inputs import TWELVE_LEAD_INPUTS_VERSION, TwelveLeadInputs
from ecgapp.training.networks.recipe import Recipe
from ecgapp.training.sheet_presentation import Changes, change
from ecgapp.training.traced_sheets import trace_sheets

# Traced sheets have errors of tracing already. Set by hand.
CHANGES = Changes(wander_mv=0.01, noise_mv=0.006, lost_peak=0.02)


@dataclass(frozen=True)
class SheetSet:
    """Traced sheets and where each comes from; every array has one entry a sheet.

    Attributes
    ----------
    traced : TwelveLeadInputs
    sheet : ndarray of str, (n,)
        SHA-256 of the original sheet file, as in the manifest.
    label, layout : ndarray of str, (n,)
    session, fold : ndarray of int64, (n,)
        As in :class:`ecgapp.datasets.window_set.WindowSet`.
    """

    traced: TwelveLeadInputs
    sheet: NDArray[np.str_]
    label: NDArray[np.str_]
    layout: NDArray[np.str_]
    session: NDArray[np.int64]
    fold: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.sheet)

    @property
    def lead(self) -> NDArray[np.str_]:
        """Empty texts: a row is a whole sheet."""
        return np.full(len(self), "")

    @property
    def window(self) -> NDArray[np.int64]:
        """Zeros: a row is a whole sheet."""
        return np.zeros(len(self), np.int64)

    @property
    def preprocessing_version(self) -> NDArray[np.int64]:
        """Version of the preprocessing that cut the leads."""
        return np.array(PREPROCESSING_VERSION)

    def inputs(self, rows: NDArray[np.int64]) -> list[NDArray[Any]]:
        """Take what the network reads of some sheets."""
        return [array[rows] for array in self.traced.arrays()]

    def batches(
        self,
        rows: NDArray[np.int64],
        wanted: NDArray[np.float32],
        weights: NDArray[np.float32],
        recipe: Recipe,
        epoch: int,
    ) -> keras.utils.PyDataset:
        """Take batches of some sheets, changed anew in every epoch, from an epoch on.

        Parameters
        ----------
        rows : ndarray of int64, (n,)
        wanted : ndarray of float32, (n, n_classes)
        weights : ndarray of float32, (n,)
        recipe : Recipe
        epoch : int
            Epochs that are done.
        """
        return _Batches(self, rows, wanted, weights, recipe, epoch)

    def describe(self) -> dict[str, Any]:
        """Say what a model that was trained on this set reads, for its ``metadata.json``."""
        names = ("leads", "shown", "activity")
        shapes = {
            name: list(array.shape[1:])
            for name, array in zip(names, self.traced.arrays(), strict=True)
        }
        return {
            "leads": list(LEADS),
            "input": {"shapes": shapes, "dtype": "float32", "version": TWELVE_LEAD_INPUTS_VERSION},
        }

    def digest(self) -> str:
        """SHA-256 over all sheets: equal for equal training data."""
        sha256 = hashlib.sha256()
        for text in (self.sheet, self.label, self.layout):
            sha256.update("\n".join(text).encode())
        numbers: list[NDArray[Any]] = [self.session, self.fold, *self.traced.arrays()]
        for array in numbers:
            sha256.update(array.tobytes())
        return sha256.hexdigest()


class _Batches(keras.utils.PyDataset):
    """Batches of changed sheets."""

    def __init__(
        self,
        sheets: SheetSet,
        rows: NDArray[np.int64],
        wanted: NDArray[np.float32],
        weights: NDArray[np.float32],
        recipe: Recipe,
        epoch: int,
    ) -> None:
        super().__init__()
        self._sheets = sheets
        self._rows, self._wanted, self._weights = rows, wanted, weights
        self._size, self._seed, self._epoch = recipe.batch_size, recipe.seed, epoch
        self._order = self._shuffled()

    def __len__(self) -> int:
        return max(1, len(self._rows) // self._size)

    def __getitem__(self, number: int) -> tuple[tuple[NDArray[Any], ...], NDArray[Any], Any]:
        chosen = self._order[number * self._size : (number + 1) * self._size]
        rng = np.random.default_rng((self._seed, self._epoch, number))
        traced = TwelveLeadInputs(*self._sheets.inputs(self._rows[chosen]))
        changed = change(traced, rng, CHANGES)
        return tuple(changed.arrays()), self._wanted[chosen], self._weights[chosen]

    def on_epoch_end(self) -> None:
        self._epoch += 1
        self._order = self._shuffled()

    def _shuffled(self) -> NDArray[np.int64]:
        return np.random.default_rng((self._seed, self._epoch)).permutation(len(self._rows))


def build_sheets(manifest: list[LabelledSheet], cache: Path) -> tuple[SheetSet, dict[Path, str]]:
    """Trace every sheet in the manifest, in parallel and from the cache where it can.

    Parameters
    ----------
    manifest : list of LabelledSheet
    cache : Path
        Folder of cached arrays; made if it is missing.

    Returns
    -------
    sheets : SheetSet
        In the manifest's order.
    refusals : dict of Path to str
        The sheets that were refused, and why.
    """
    found = trace_sheets([row.path for row in manifest], cache)
    refusals = {
        row.path: reason for row, (_, reason) in zip(manifest, found, strict=True) if reason
    }
    kept = [
        (row, arrays) for row, (arrays, reason) in zip(manifest, found, strict=True) if not reason
    ]

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([arrays[name] for _, arrays in kept])

    return SheetSet(
        traced=TwelveLeadInputs(joined("leads"), joined("shown"), joined("activity")),
        sheet=np.array([row.sheet for row, _ in kept]),
        label=np.array([row.label for row, _ in kept]),
        layout=np.array([str(arrays["layout"]) for _, arrays in kept]),
        session=np.array([row.session for row, _ in kept]),
        fold=np.array([row.fold for row, _ in kept]),
    ), refusals
