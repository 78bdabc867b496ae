"""Three classical learners on the pixels of the page: no convolution, no notion of a lead.

Source
------
The step-by-step guide to ECG images (blog): pages of 128x128, flattened, split first, then scaled
to [0, 1] by each pixel's least and largest value in the training part; support vector machine,
random forest and decision tree, each as scikit-learn sets them.

Shapes
------
(16384,) values 0..255 -> scaled -> class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

# What the study fixes, so that it can be repeated.
_SEED = 0


def build_svm(n_classes: int) -> Pipeline:
    """Make a support vector machine with a radial kernel.

    The kernel is worked out beforehand, as one matrix product: scikit-learn's own radial kernel
    gives the same machine, and on so many pixels takes twenty times as long.

    Parameters
    ----------
    n_classes : int
        Not needed: the estimator finds the classes in what it is fitted to.

    Returns
    -------
    Pipeline
        Not fitted. Its ``decision_function`` gives one score a class; it knows no probabilities.
    """
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler
    from sklearn.svm import SVC

    return make_pipeline(MinMaxScaler(), RadialKernel(), SVC(kernel="precomputed"))


class RadialKernel:
    """Pipeline step: pixels -> similarity to every training sheet, exp(-gamma distance^2).

    Gamma is one by the number of pixels and by their variance, scikit-learn's ``scale``.
    """

    def fit(self, images: NDArray[np.floating], labels: Any = None) -> RadialKernel:
        """Keep the training images, (n_train, n_pixels)."""
        self._seen = np.asarray(images)
        self._gamma = 1 / (self._seen.shape[1] * self._seen.var())
        return self

    def transform(self, images: NDArray[np.floating]) -> NDArray[np.floating]:
        """Similarity of images (n, n_pixels) to the training images, (n, n_train)."""
        from sklearn.metrics.pairwise import rbf_kernel

        return np.asarray(rbf_kernel(images, self._seen, self._gamma))

    def fit_transform(
        self, images: NDArray[np.floating], labels: Any = None
    ) -> NDArray[np.floating]:
        """Fit, and transform the training images."""
        return self.fit(images).transform(images)


def build_random_forest(n_classes: int) -> Pipeline:
    """Make a random forest of 100 trees; see :func:`build_svm`."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler

    return make_pipeline(MinMaxScaler(), RandomForestClassifier(random_state=_SEED))


def build_decision_tree(n_classes: int) -> Pipeline:
    """Make a decision tree; see :func:`build_svm`."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler
    from sklearn.tree import DecisionTreeClassifier

    return make_pipeline(MinMaxScaler(), DecisionTreeClassifier(random_state=_SEED))
