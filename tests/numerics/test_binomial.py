"""Binomial probabilities against SciPy's, at every count and at the ends."""

import numpy as np
import pytest
from scipy.stats import binom

from models.numerics.binomial import at_least, pmf


@pytest.mark.parametrize("n", [0, 1, 2, 40, 1000])
def test_probabilities_are_those_of_scipy(n):
    counts, rates = np.arange(-2, n + 3)[:, None], np.array([0.0, 1e-9, 0.1, 0.5, 0.93, 1.0])
    assert pmf(counts, n, rates) == pytest.approx(binom.pmf(counts, n, rates), abs=1e-11)
    assert at_least(counts, n, rates) == pytest.approx(binom.sf(counts - 1, n, rates), abs=1e-11)
