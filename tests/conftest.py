"""Shared fixtures: the evidence once, and small fits once."""

from collections.abc import Iterator

import pytest

from models.common.constants import PROJECT_ROOT
from models.evidence.load import Evidence, load_evidence


@pytest.fixture(scope="session")
def evidence() -> Evidence:
    return load_evidence()


@pytest.fixture(scope="session")
def sampler() -> Iterator[object]:
    """One sampler for all tests: every kind of model is compiled once."""
    from models.fitting.fit import SamplerSettings
    from models.fitting.sampler import Sampler

    return Sampler(SamplerSettings(draws=1000, tune=500, seed=1))


@pytest.fixture(scope="session")
def tables() -> dict[str, object]:
    """Return the committed tables, as texts and figures cite them."""
    from models.render.citations import read_tables

    return read_tables(PROJECT_ROOT / "figures")
