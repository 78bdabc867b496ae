"""Every architecture of the study by name: what it is, who reported what, how it is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ecgapp.io.installed import models_folder
from ecgapp.training.networks import (
    attention_lstm,
    attention_vgg,
    bagging,
    classical,
    cnn,
    cnn2d,
    cnn3d,
    cnn_128_page,
    crnn,
    hybrid,
    lead_cnn_128,
    time_distributed_cnn,
    twelve_lead,
    vit,
)
from ecgapp.training.networks.recipe import Recipe


@dataclass(frozen=True)
class PublishedFigure:
    """One figure as its authors report it.

    Attributes
    ----------
    metric : str
        ``accuracy``, ``precision``, ``recall``, ``f1`` or ``specificity``.
    value : float
        0 to 1.
    protocol : str
        How it was measured, in words.
    n_classes : int
        How many classes it is for.
    """

    metric: str
    value: float
    protocol: str
    n_classes: int


@dataclass(frozen=True)
class Architecture:
    """One entry of the study.

    Attributes
    ----------
    name, title : str
        For commands and files, and for people.
    source : str
        Who described it.
    input_kind : str
        A key of :data:`ecgapp.benchmark.published.inputs.INPUT_KINDS`.
    n_classes : tuple of int
        Numbers of classes that it is studied with.
    published : tuple of PublishedFigure
        Empty where the source gives no figure.
    build : callable
        Number of classes -> ``keras.Model``, not compiled, or scikit-learn estimator.
    recipe : Recipe
        As the source says; of an estimator only the seed counts.
    shortened : Recipe or None
        The schedule where there is no GPU, if the full one would take too long there.
    pretrained : Path or None
        Weights to begin with (see :mod:`ecgapp.training.pretrained_weights`); None to begin at
        random.
    library : str
        Whether `build` gives a Keras model or a scikit-learn estimator.
    """

    name: str
    title: str
    source: str
    input_kind: str
    n_classes: tuple[int, ...]
    published: tuple[PublishedFigure, ...]
    build: Callable[[int], Any]
    recipe: Recipe
    shortened: Recipe | None = None
    pretrained: Path | None = None
    library: Literal["keras", "scikit-learn"] = "keras"


def _figures(protocol: str, n_classes: int, **values: float) -> tuple[PublishedFigure, ...]:
    return tuple(
        PublishedFigure(metric, value, protocol, n_classes) for metric, value in values.items()
    )


_STREAMLIT_APP = "naseer30/ECG-CLASSIFICATION-USING-DEEP-LEARNING (2024)"
_STREAMLIT_SPLIT = "validation part of a random 70/15/15 split of version 2, leads, four classes"
_LEAD_WISE = "Saqlain Ahmed, final-year project (2025)"
_GUIDE = "step-by-step guide to ECG images (blog; version 1, five classes)"
_SIX = "prantik-paul-99/Heart-Condition-Classifier-from-ECG-images (2023)"
_SIX_SPLIT = "test part of a random 80/10/10 split of versions 1 and 2 together, five classes"
_VIT = "MahsaBakhtiari/ECG_image_classification (2023)"
_VIT_SPLIT = "validation part of a random 90/10 split of version 2, four classes"

# Numbers of classes that a source's net is compared with.
_FOUR = (4,)
_FOUR_AND_FIVE = (4, 5)

# The app's own two nets: not their source's schedule, but the one that their shipped weights had.
_OWN = Recipe()

# What the other sources share: every file alike, plain labels, no early stopping.
_PLAIN = Recipe(
    label_smoothing=0.0,
    class_balance=0.0,
    patience=None,
    augmentation="none",
    schedule="constant",
)
# The lead-wise project and the guide name Adam and nothing more: Keras' own rate, and enough
# epochs for early stopping to end them.
_ADAM = replace(_PLAIN, epochs=20, batch_size=32, patience=5)
_ADAMAX = replace(
    _PLAIN,
    epochs=20,
    batch_size=16,
    optimizer="adamax",
    schedule="halved",
    halve_after=(10, 15),
    gradient_norm=10.0,
    standardized=True,
)
# Of the largest net that convolves: 4.4 instead of 7.6 s a step on two cores (measured).
_ADAMAX_BFLOAT16 = replace(_ADAMAX, bfloat16=True)
_ADAMW = replace(
    _PLAIN,
    epochs=35,
    batch_size=32,
    learning_rate=1e-4,
    optimizer="adamw",
    beta_2=0.99,
    weight_decay=1.0,
)

# From pretrained weights, on sheets that are changed as they are drawn; every epoch counts, since
# what could be held out to choose one is too little to choose by.
_TWELVE_LEAD = Recipe(
    epochs=14,
    batch_size=32,
    learning_rate=1e-3,
    class_balance=0.5,
    patience=None,
    augmentation="none",
    optimizer="adamw",
    weight_decay=0.02,
    gradient_norm=1.0,
)

# Figures are those that each source states.
_ALL = (
    Architecture(
        "cnn",
        "CNN, lead by lead",
        f"{_STREAMLIT_APP}, made lighter",
        "lead_windows",
        _FOUR,
        _figures(_STREAMLIT_SPLIT, 4, accuracy=0.9340, precision=0.9345, recall=0.9338, f1=0.9331),
        cnn.build,
        _OWN,
    ),
    Architecture(
        "crnn",
        "CRNN, lead by lead",
        f"{_STREAMLIT_APP}, as described",
        "lead_windows",
        _FOUR,
        _figures(_STREAMLIT_SPLIT, 4, accuracy=0.9372, precision=0.9374, recall=0.9372, f1=0.9370),
        crnn.build,
        _OWN,
    ),
    Architecture(
        "lead_cnn_128",
        "CNN on 128x128 leads",
        _LEAD_WISE,
        "leads_128",
        _FOUR,
        (),
        lead_cnn_128.build,
        _ADAM,
    ),
    Architecture(
        "svm",
        "Support vector machine",
        _GUIDE,
        "page_128",
        _FOUR_AND_FIVE,
        (),
        classical.build_svm,
        _PLAIN,
        library="scikit-learn",
    ),
    Architecture(
        "random_forest",
        "Random forest",
        _GUIDE,
        "page_128",
        _FOUR_AND_FIVE,
        (),
        classical.build_random_forest,
        _PLAIN,
        library="scikit-learn",
    ),
    Architecture(
        "decision_tree",
        "Decision tree",
        _GUIDE,
        "page_128",
        _FOUR_AND_FIVE,
        (),
        classical.build_decision_tree,
        _PLAIN,
        library="scikit-learn",
    ),
    Architecture(
        "cnn_128_page",
        "CNN on the 128x128 page",
        _GUIDE,
        "page_128",
        _FOUR_AND_FIVE,
        (),
        cnn_128_page.build,
        replace(_ADAM, augmentation="page"),
    ),
    Architecture(
        "cnn2d",
        "2-D CNN on thirteen leads",
        _SIX,
        "leads_13x64",
        _FOUR_AND_FIVE,
        _figures(
            _SIX_SPLIT,
            5,
            accuracy=0.98182,
            precision=0.98191,
            recall=0.98182,
            f1=0.98159,
            specificity=0.99545,
        ),
        cnn2d.build,
        _ADAMAX,
    ),
    Architecture(
        "cnn3d",
        "3-D CNN on thirteen leads",
        _SIX,
        "leads_13x64",
        _FOUR_AND_FIVE,
        _figures(
            _SIX_SPLIT,
            5,
            accuracy=0.98909,
            precision=0.98908,
            recall=0.98909,
            f1=0.98907,
            specificity=0.99727,
        ),
        cnn3d.build,
        _ADAMAX,
    ),
    Architecture(
        "attention_lstm",
        "Attention LSTM on thirteen leads",
        _SIX,
        "leads_13x64",
        _FOUR_AND_FIVE,
        _figures(
            _SIX_SPLIT,
            5,
            accuracy=0.88727,
            precision=0.90474,
            recall=0.88727,
            f1=0.88482,
            specificity=0.97182,
        ),
        attention_lstm.build,
        _ADAMAX,
    ),
    Architecture(
        "hybrid",
        "CNN and attention LSTM on thirteen leads",
        _SIX,
        "leads_13x64",
        _FOUR_AND_FIVE,
        _figures(
            _SIX_SPLIT,
            5,
            accuracy=0.95273,
            precision=0.95213,
            recall=0.95273,
            f1=0.95210,
            specificity=0.98818,
        ),
        hybrid.build,
        _ADAMAX,
    ),
    Architecture(
        "time_distributed_cnn",
        "Time-distributed CNN on thirteen leads",
        _SIX,
        "leads_13x64",
        _FOUR_AND_FIVE,
        _figures(
            _SIX_SPLIT,
            5,
            accuracy=0.98000,
            precision=0.97996,
            recall=0.98000,
            f1=0.97992,
            specificity=0.99500,
        ),
        time_distributed_cnn.build,
        _ADAMAX,
    ),
    Architecture(
        "attention_vgg",
        "Attention VGG on thirteen leads",
        f"{_SIX}, after Jetley et al. (2018)",
        "leads_13x64",
        _FOUR_AND_FIVE,
        _figures(
            _SIX_SPLIT,
            5,
            accuracy=0.99455,
            precision=0.99456,
            recall=0.99455,
            f1=0.99454,
            specificity=0.99864,
        ),
        attention_vgg.build,
        _ADAMAX_BFLOAT16,
        replace(_ADAMAX, epochs=5, halve_after=(3, 4)),
    ),
    Architecture(
        "vit",
        "Vision transformer on the page",
        _VIT,
        "page_182x256",
        _FOUR,
        _figures(_VIT_SPLIT, 4, accuracy=0.86),
        vit.build,
        _ADAMW,
        replace(_ADAMW, epochs=1, batch_size=4),
    ),
    Architecture(
        "twelve_lead",
        "Twelve leads and their rhythm",
        "our own",
        "twelve_leads",
        _FOUR,
        (),
        twelve_lead.build_ensemble,
        _TWELVE_LEAD,
        pretrained=models_folder() / "twelve_lead" / "pretrained.npz",
    ),
    Architecture(
        "bagging",
        "Five 2-D CNNs on subsets, averaged",
        f"{_SIX}, as future work",
        "leads_13x64",
        _FOUR_AND_FIVE,
        (),
        bagging.build,
        replace(_ADAMAX, subset=0.8),
    ),
)

ARCHITECTURES: dict[str, Architecture] = {one.name: one for one in _ALL}
# What the study compares: all but our own network, which reads signals.
STUDIED = {name: one for name, one in ARCHITECTURES.items() if one.name != "twelve_lead"}
