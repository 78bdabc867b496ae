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


@pytest.fixture(autouse=True)
def no_mistake_hides_as_a_refusal(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    """Fail where the program took a mistake of its own for a file that cannot be read."""
    yield
    if "makes_mistakes" not in request.keywords:
        records = [*caplog.get_records("setup"), *caplog.get_records("call")]
        mistakes = [r.getMessage() for r in records if r.name == "ecgapp.pipeline"]
        assert not mistakes, mistakes[0]


@pytest.fixture(scope="session")
def shipped_evaluation() -> Evaluation:
    """The shipped models' figures, which take seconds to count."""
    return evaluate_shipped(MODELS_FOLDER)
