import sys
from collections.abc import Iterator

import pytest

from ecgapp.evaluation.summary import Evaluation, evaluate_shipped
from ecgapp.io.weights import MODELS_FOLDER


@pytest.fixture(autouse=True)
def main_module() -> Iterator[None]:
    """Put ``__main__`` back: a page that a test runs takes its place, and workers import it."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


@pytest.fixture(scope="session")
def shipped_evaluation() -> Evaluation:
    """The shipped models' figures, which take seconds to count."""
    return evaluate_shipped(MODELS_FOLDER)
