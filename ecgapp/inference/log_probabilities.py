"""Softmax, temperature and stacking: the one place for each, for one sheet as for thousands."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

# No model is surer than this: a logarithm of nothing would outweigh all others. Set by hand.
LEAST_PROBABILITY = 1e-4

Floats = NDArray[np.float64]


def log_probabilities(probabilities: ArrayLike) -> Floats:
    """Take logarithms of probabilities of any shape, none below `LEAST_PROBABILITY`'s."""
    return np.asarray(np.log(np.maximum(np.asarray(probabilities, np.float64), LEAST_PROBABILITY)))


def softmax(logits: Floats) -> Floats:
    """Take logits, (..., n_classes), to distributions over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def temper(probabilities: ArrayLike, temperature: float | Floats) -> Floats:
    """Raise distributions to the power of 1 / temperature and scale them to one.

    Guo et al., On calibration of modern neural networks, ICML 2017.

    Parameters
    ----------
    probabilities : array_like, (..., n_classes)
    temperature : float, or ndarray of float64, (..., 1)

    Returns
    -------
    ndarray of float64, (..., n_classes)
    """
    return softmax(log_probabilities(probabilities) / temperature)


def stack(logs: Floats, weights: ArrayLike, bias: ArrayLike) -> Floats:
    """Add up models' weighted log probabilities and scale the sum to one (Wolpert 1992).

    Parameters
    ----------
    logs : ndarray of float64, (..., n_models, n_classes)
        From :func:`log_probabilities`.
    weights : array_like, (n_models,)
    bias : array_like, (n_classes,)

    Returns
    -------
    ndarray of float64, (..., n_classes)
    """
    weighed = np.einsum("...mc,m->...c", logs, np.asarray(weights, np.float64))
    return softmax(weighed + np.asarray(bias, np.float64))
