"""Bagging: five 2-D CNNs, each trained on sheets of its own drawing, averaged.

Source
------
Proposed as future work by prantik-paul-99/Heart-Condition-Classifier-from-ECG-images (2023):
bagging over subsets with different seeds. The base is that work's 2-D CNN, the one that is quick
enough to train five times. Each member learns from 80% of the training sheets, drawn by a seed
of its own; how many and how large, the source leaves open.

Shapes
------
(13, 64, 64) values 0..255 -> five times :mod:`.cnn2d` -> mean of five n-vectors.
For four classes: 10,894,435 weights and 541 M multiply-adds.

Cost
----
On two CPU cores 0.09 s a step of 16 sheets: 8 minutes for the whole recipe on 940 sheets.
"""

from __future__ import annotations

import keras

from ecgapp.training.networks import cnn2d
from ecgapp.training.networks.ensemble import average

MEMBERS = 5  # our choice; the source names no number


def build(n_classes: int) -> keras.Model:
    """Build the ensemble, not compiled; its members are to be trained one by one.

    Parameters
    ----------
    n_classes : int
        Length of the softmax.

    Returns
    -------
    keras.Model
        (batch, 13, 64, 64) uint8 -> (batch, n_classes) probabilities, float32.
    """
    nets = [cnn2d.build(n_classes) for _ in range(MEMBERS)]
    return average(nets, "bagging", "probabilities")
