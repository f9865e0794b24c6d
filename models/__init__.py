"""Bayesian re-analysis of response rates in soft tissue sarcoma, and the published estimator.

Each statistical model is one file with one builder that returns a ``pymc.Model``; importing this
package alone imports nothing heavy. ``from models import review`` is the way to a review of one's
own in Python (`models.interface.review`).
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """Return what is offered under a short name, imported when it is asked for."""
    if name == "review":
        from importlib import import_module

        return import_module("models.interface.review")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
