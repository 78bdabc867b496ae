"""How a network is trained, as a value: what its source says, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Recipe:
    """How a model is trained; always with categorical cross-entropy.

    Attributes
    ----------
    epochs : int
        Upper limit with validation rows and patience, exact number without.
    batch_size : int
    learning_rate : float
        In the first epoch.
    label_smoothing : float
        Part of a label's weight that is shared among all classes.
    class_balance : float
        0 weights every sheet alike, 1 every class alike; between them, a compromise.
    patience : int or None
        Epochs without a lower validation loss after which training stops; None never stops
        early. Either way the weights of the epoch with the lowest validation loss are kept.
    augmentation : str
        How training images are changed at random (see :mod:`ecgapp.training.augment`): ``none``,
        ``lead`` or ``page``.
    seed : int
        Of the first weights, the order of the rows, dropout and augmentation.
    optimizer : str
        ``adam``, ``adamax`` or ``adamw``.
    schedule : str
        Of the learning rate: ``cosine`` falls to zero along half a cosine, ``constant`` stays,
        ``halved`` halves after each epoch in `halve_after`.
    halve_after : tuple of int
        Epochs, counted from 1, after which ``halved`` halves.
    beta_2 : float
        The optimizer's decay rate of the second moment.
    weight_decay : float
        Of ``adamw``.
    gradient_norm : float or None
        Longer gradients are shortened to this global norm.
    standardized : bool
        Whether the net's Normalization layer learns mean and deviation of the training rows.
    subset : float
        Part of the training sheets that each member of an ensemble learns from.
    bfloat16 : bool
        Whether layers compute in bfloat16, and only weights and probabilities are float32.
    """

    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = 1e-3
    label_smoothing: float = 0.05
    class_balance: float = 0.75
    patience: int | None = 5
    augmentation: Literal["none", "lead", "page"] = "lead"
    seed: int = 0
    optimizer: Literal["adam", "adamax", "adamw"] = "adam"
    schedule: Literal["cosine", "constant", "halved"] = "cosine"
    halve_after: tuple[int, ...] = ()
    beta_2: float = 0.999
    weight_decay: float = 0.0
    gradient_norm: float | None = None
    standardized: bool = False
    subset: float = 1.0
    bfloat16: bool = False
