"""Fit and ask the classical learners of `ecgapp.training.networks.classical`: no epochs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def fit(
    estimator: Any,
    inputs: list[NDArray[Any]],
    labels: NDArray[np.str_],
    classes: tuple[str, ...],
) -> Any:
    """Fit an estimator to flattened images.

    Parameters
    ----------
    estimator : scikit-learn estimator
    inputs : list of one ndarray of uint8, (n, ...)
    labels : ndarray of str, (n,)
    classes : tuple of str
        Every one of them must occur among the labels.

    Returns
    -------
    scikit-learn estimator
        The same, fitted to the numbers of the classes.

    Raises
    ------
    ValueError
        If a label is no class, or a class has no image.
    """
    if set(labels.tolist()) != set(classes):
        raise ValueError(f"images of {sorted(set(labels.tolist()))} for classes {classes}")
    numbers = np.array([classes.index(str(label)) for label in labels])
    return estimator.fit(_flatten(inputs), numbers)


def predict(estimator: Any, inputs: list[NDArray[Any]]) -> NDArray[np.float32]:
    """Ask a fitted estimator.

    Parameters
    ----------
    estimator : scikit-learn estimator
        From :func:`fit`.
    inputs : list of one ndarray of uint8, (n, ...)

    Returns
    -------
    ndarray of float32, (n, n_classes)
        Probabilities; of an estimator that only knows scores, their softmax, which orders the
        classes alike but is not calibrated.
    """
    images = _flatten(inputs)
    if hasattr(estimator, "predict_proba"):
        return np.asarray(estimator.predict_proba(images), dtype=np.float32)
    scores = estimator.decision_function(images)
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


def _flatten(inputs: list[NDArray[Any]]) -> NDArray[np.float32]:
    (images,) = inputs
    return images.reshape(len(images), -1).astype(np.float32)
