"""Reads a scanned 12-lead ECG sheet lead by lead: :func:`diagnose` is the one call.

For research and teaching; not a medical device.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ecgapp.pipeline import Diagnosis, diagnose

__all__ = ["Diagnosis", "diagnose"]
# The one version number: the wheel, the JSON, the reports and the pages take it from here.
__version__ = "0.2.0"


def __getattr__(name: str) -> Any:
    """Load the pipeline when it is asked for: commands that need one room stay quick."""
    if name in __all__:
        from ecgapp import pipeline

        return getattr(pipeline, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
