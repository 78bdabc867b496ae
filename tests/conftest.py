import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def main_module() -> Iterator[None]:
    """Put ``__main__`` back: a page that a test runs takes its place, and workers import it."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before
