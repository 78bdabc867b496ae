"""The twelve-lead network: all leads of a sheet and its rhythm, read together.

Source
------
Our own. A residual network in one dimension, as most that read PTB-XL well (Strodthoff et al.
2021), shaped after the sheet: a stem that all leads share, then one encoder for each column of a
3x4 sheet, whose three leads are simultaneous, then one head over the four columns and the rhythm.
Columns are not simultaneous, so no convolution runs across them. Every part ends in a maximum
beside the mean over time: what happens once, such as a premature beat, is not averaged away. A
second head may read the same features and tell what PTB-XL would state.

Shapes
------
Leads (250, 12) mV at 100 Hz -> stem, a lead: 125x24 -> 63x48; a column: 63x144 -> 32x128 ->
16x160 -> maximum and mean, 320. Activity (1000,) -> 500x24 -> 250x32 -> 125x48 -> 63x64 ->
maximum, mean and deviation, 192. All, and which leads are shown: 1484 -> 192 -> n.
For four classes: 1,656,468 weights. What ships for the labels is the average of three such nets.
"""

from __future__ import annotations

import keras
from keras import layers, ops

from ecgapp.datasets.statements import LEARNT
from ecgapp.inference.twelve_lead_inputs import (
    COLUMN_SAMPLES,
    LEADS_PER_COLUMN,
    N_LEADS,
    SHEET_SAMPLES,
)
from ecgapp.training.networks.ensemble import average

# Channels and units, set by hand; the card says what else was tried (models/twelve_lead/README.md).
STEM_FILTERS = 24
LEAD_FILTERS = 48
COLUMN_FILTERS = (128, 160)
RHYTHM_FILTERS = (32, 48, 64)
HIDDEN = 192
DROPOUT = 0.3
# Nets whose probabilities are averaged. One alone is as often right, but the average knows better
# when it is (the card).
MEMBERS = 3
HEAD = "probabilities"
STATEMENTS = "statements"
FEATURES = "features"


def build(n_classes: int) -> keras.Model:
    """Build the network that tells classes apart, not compiled.

    Parameters
    ----------
    n_classes : int
        Length of the softmax.

    Returns
    -------
    keras.Model
        What `TwelveLeadInputs` holds, named ``leads``, ``shown`` and ``activity`` ->
        (batch, n_classes) probabilities, float32.
    """
    inputs, features = _body()
    return keras.Model(inputs, _labels_head(n_classes)(features), name="twelve_lead")


def build_ensemble(n_classes: int) -> keras.Model:
    """Build several such networks, averaged; they are to be trained one by one.

    Parameters
    ----------
    n_classes : int
        Length of the softmax.

    Returns
    -------
    keras.Model
        As :func:`build`.
    """
    return average([build(n_classes) for _ in range(MEMBERS)], "twelve_lead", HEAD)


def build_with_statements(n_classes: int, n_statements: int = len(LEARNT)) -> keras.Model:
    """Build the network with a second head for statements, of which several may be true.

    Parameters
    ----------
    n_classes : int
        Length of the softmax.
    n_statements : int

    Returns
    -------
    keras.Model
        As :func:`build`, but gives a dict of ``probabilities``, (batch, n_classes), and
        ``statements``, (batch, n_statements), each of which stands for itself.
    """
    inputs, features = _body()
    statements = layers.Dense(n_statements, activation="sigmoid", name=STATEMENTS)
    outputs = {HEAD: _labels_head(n_classes)(features), STATEMENTS: statements(features)}
    return keras.Model(inputs, outputs, name=STATEMENTS)


def build_for_statements(n_statements: int) -> keras.Model:
    """Build the network with a head for statements alone, to pretrain its body.

    Parameters
    ----------
    n_statements : int

    Returns
    -------
    keras.Model
        As :func:`build`; each of the (batch, n_statements) probabilities stands for itself.
    """
    inputs, features = _body()
    head = layers.Dense(n_statements, activation="sigmoid", name=STATEMENTS)
    return keras.Model(inputs, head(features), name="twelve_lead")


def _labels_head(n_classes: int) -> layers.Layer:
    return layers.Dense(n_classes, activation="softmax", name=HEAD)


def _body() -> tuple[list[keras.KerasTensor], keras.KerasTensor]:
    """Make the inputs, and the features that the heads read, with dropout."""
    leads = keras.Input((COLUMN_SAMPLES, N_LEADS), name="leads")
    shown = keras.Input((N_LEADS,), name="shown")
    activity = keras.Input((SHEET_SAMPLES,), name="activity")
    x = layers.Concatenate(name="sheet")(
        [*_columns(_each_lead(leads, shown)), _rhythm(activity), shown]
    )
    x = layers.Dropout(DROPOUT)(x)
    x = layers.Dense(HIDDEN, use_bias=False, name="hidden")(x)
    x = layers.BatchNormalization(name="hidden_norm")(x)
    x = layers.Activation("relu", name=FEATURES)(x)
    return [leads, shown, activity], layers.Dropout(DROPOUT)(x)


def _each_lead(leads: keras.KerasTensor, shown: keras.KerasTensor) -> keras.KerasTensor:
    """Encode each lead by itself, all by the same weights but for a bias of its own.

    Returns
    -------
    KerasTensor
        (batch, 12, 63, 48); 0 for leads that are not shown.
    """
    mask = layers.Reshape((N_LEADS, 1, 1), name="mask")(shown)
    x = layers.Permute((2, 1), name="by_lead")(leads)
    x = layers.Reshape((N_LEADS, COLUMN_SAMPLES, 1), name="as_image")(x)
    x = layers.Conv2D(
        STEM_FILTERS, (1, 9), strides=(1, 2), padding="same", use_bias=False, name="stem"
    )(x)
    x = LeadBias(name="lead_bias")(x)
    x = layers.BatchNormalization(name="stem_norm")(x)
    x = layers.Activation("relu", name="stem_relu")(x)
    x = _residual(x, LEAD_FILTERS, kernel=5, name="lead", of_leads=True)
    return layers.Multiply(name="masked")([x, mask])


def _columns(x: keras.KerasTensor) -> list[keras.KerasTensor]:
    """Encode each column's simultaneous leads together, (batch, 320) each."""
    pooled = []
    n_steps = x.shape[2]
    for number in range(N_LEADS // LEADS_PER_COLUMN):
        first = number * LEADS_PER_COLUMN
        name = f"column{number}"
        y = x[:, first : first + LEADS_PER_COLUMN]
        y = layers.Permute((2, 1, 3), name=f"{name}_time_first")(y)
        y = layers.Reshape((n_steps, LEADS_PER_COLUMN * LEAD_FILTERS), name=f"{name}_joined")(y)
        for depth, (filters, kernel) in enumerate(zip(COLUMN_FILTERS, (5, 3), strict=True)):
            y = _residual(y, filters, kernel=kernel, name=f"{name}_{depth}")
        pooled += [
            layers.GlobalMaxPooling1D(name=f"{name}_max")(y),
            layers.GlobalAveragePooling1D(name=f"{name}_mean")(y),
        ]
    return pooled


def _rhythm(x: keras.KerasTensor) -> keras.KerasTensor:
    """Encode the ten seconds' rhythm, (batch, 192)."""
    x = layers.Reshape((SHEET_SAMPLES, 1), name="rhythm_as_image")(x)
    x = layers.Conv1D(
        STEM_FILTERS, 9, strides=2, padding="same", use_bias=False, name="rhythm_stem"
    )(x)
    x = layers.BatchNormalization(name="rhythm_stem_norm")(x)
    x = layers.Activation("relu", name="rhythm_stem_relu")(x)
    for depth, filters in enumerate(RHYTHM_FILTERS):
        x = _residual(x, filters, kernel=7, name=f"rhythm_{depth}")
    mean = layers.GlobalAveragePooling1D(name="rhythm_mean")(x)
    square = layers.GlobalAveragePooling1D(name="rhythm_square")(ops.square(x))
    deviation = ops.sqrt(ops.relu(square - ops.square(mean)) + 1e-4)
    return layers.Concatenate(name="rhythm_pooled")(
        [layers.GlobalMaxPooling1D(name="rhythm_max")(x), mean, deviation]
    )


def _residual(
    x: keras.KerasTensor, filters: int, kernel: int, name: str, of_leads: bool = False
) -> keras.KerasTensor:
    """Two convolutions beside a shortcut; halves the time."""

    def convolve(y: keras.KerasTensor, size: int, stride: int, part: str) -> keras.KerasTensor:
        options = {"padding": "same", "use_bias": False, "name": f"{name}_{part}"}
        if of_leads:
            convolution = layers.Conv2D(filters, (1, size), strides=(1, stride), **options)
        else:
            convolution = layers.Conv1D(filters, size, strides=stride, **options)
        return layers.BatchNormalization(name=f"{name}_{part}_norm")(convolution(y))

    y = layers.Activation("relu", name=f"{name}_relu")(convolve(x, kernel, 2, "first"))
    y = convolve(y, 3, 1, "second")
    halve = (
        layers.AveragePooling2D((1, 2), padding="same", name=f"{name}_halve")
        if of_leads
        else layers.AveragePooling1D(2, padding="same", name=f"{name}_halve")
    )
    shortcut = convolve(halve(x), 1, 1, "shortcut")
    return layers.Activation("relu", name=f"{name}_out")(
        layers.Add(name=f"{name}_sum")([y, shortcut])
    )


@keras.saving.register_keras_serializable("ecgapp")
class LeadBias(layers.Layer):
    """Adds to each lead's channels what is learnt for that lead: (batch, 12, time, channels)."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights, one a lead and channel."""
        self.bias = self.add_weight(
            shape=(input_shape[1], 1, input_shape[3]), initializer="zeros", name="bias"
        )

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Add them."""
        return inputs + self.bias
