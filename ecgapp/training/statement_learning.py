"""How PTB-XL's statements are learnt from records that are presented as sheets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from ecgapp.datasets.ptbxl import SUPERCLASSES
from ecgapp.training.sheet_presentation import Changes


@dataclass(frozen=True, kw_only=True)
class StatementLearning:
    """What one training is.

    Attributes
    ----------
    epochs, batch_size : int
    learning_rate : float
        At its highest; it falls to zero along a cosine.
    superclass_weight : float
        Weight of a superclass in the loss beside that of another statement.
    filtered : float
        Part of the records that are shown as the known machine filters them.
    seed : int
    changes : Changes
    """

    epochs: int
    batch_size: int
    learning_rate: float
    superclass_weight: float = 4.0
    filtered: float = 0.5
    seed: int = 0
    changes: Changes = field(default_factory=Changes)

    def shown(
        self, raw: NDArray[Any], filtered: NDArray[Any], rng: np.random.Generator
    ) -> NDArray[Any]:
        """Take a part of the records at random as the machine filters them; the first axis."""
        is_filtered = rng.random((len(raw), 1, 1)) < self.filtered
        return np.where(is_filtered, filtered, raw)


def statement_loss(n_statements: int, superclass_weight: float) -> Callable[..., Any]:
    """Make the binary cross-entropy over the statements that are known, superclasses weighted."""
    weights = np.ones(n_statements, np.float32)
    weights[: len(SUPERCLASSES)] = superclass_weight
    weights /= weights.sum()

    def loss(wanted: Any, probabilities: Any) -> Any:
        known = ops.cast(wanted >= 0, "float32") * weights
        crossentropy = ops.binary_crossentropy(ops.maximum(wanted, 0.0), probabilities)
        return ops.sum(crossentropy * known, axis=-1)

    return loss
