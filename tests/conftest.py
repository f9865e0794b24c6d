"""Shared fixtures: the evidence once, and small fits once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.evidence import Evidence, load_evidence

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def evidence() -> Evidence:
    return load_evidence()


@pytest.fixture(scope="session")
def sampler() -> Iterator[object]:
    """One sampler for all tests: every kind of model is compiled once."""
    from models.sampling import Sampler, SamplerSettings

    return Sampler(SamplerSettings(draws=1000, tune=500, seed=1))


@pytest.fixture(scope="session")
def tables() -> dict[str, object]:
    """Return the committed tables, as texts and figures cite them."""
    from models.citations import read_tables

    return read_tables(PROJECT / "figures" / "tables")
