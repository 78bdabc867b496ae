import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecgapp.evaluation.summary import Evaluation, evaluate_shipped
from ecgapp.io.weights import MODELS_FOLDER
from ecgapp.service.pool import WORKERS_VARIABLE

TESTS = Path(__file__).parent
# Pages that tests run read files themselves, where fakes can be put in.
os.environ[WORKERS_VARIABLE] = "0"


# Where the tests of a kind lie; `make test-fast` leaves these out, `make test` runs all.
MARKS = {
    "training": ("training", "benchmark"),
    "browser": (
        "app/test_browser.py",
        "app/test_every_page.py",
        "app/test_many_users.py",
        "app/test_nginx.py",
        "app/test_stop.py",
    ),
    "model_quality": ("evaluation/test_summary.py",),
    "package": ("package",),
    # Together as long as all that `make test-fast` runs.
    "slow": (
        "app/test_pages.py",
        "app/test_study_pages.py",
        "app/test_teach.py",
        "app/test_two_sheets.py",
        "datasets/test_audit.py",
        "explain/test_evidence.py",
        "inference/test_statements_of_drawn_hearts.py",
        "service",
        "sheet/layout/test_search.py",
        "sheet/rectify/test_align.py",
        "sheet/test_locate.py",
        "synthesis/test_edan.py",
        "test_bad_files.py",
    ),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for mark, places in MARKS.items():
            if any(item.path.is_relative_to(TESTS / place) for place in places):
                item.add_marker(mark)
        if "shipped_evaluation" in getattr(item, "fixturenames", ()):
            item.add_marker("model_quality")


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
