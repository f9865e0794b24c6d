"""DerSimonian-Laird, REML and Hartung-Knapp against metafor, on two scales."""

import json
from dataclasses import fields

import numpy as np
import pytest

from models.common.constants import PROJECT_ROOT
from models.common.errors import InputError
from models.frequentist.freeman_tukey import freeman_tukey_pool
from models.frequentist.random_effects import RandomEffectsPool, random_effects_pool

REFERENCE = PROJECT_ROOT / "tests" / "reference"
INPUTS = json.loads((REFERENCE / "inputs.json").read_text())["data_sets"]
PINS = json.loads((REFERENCE / "random_effects_metafor.json").read_text())["data_sets"]
SCALES = {"PFT": "double arcsine", "PLO": "logit"}
# REML: Fisher scoring stops by the size of its last step, a maximum is flat; closed formulas
# otherwise (for 1e-8 see the test of the published estimator)
TOLERANCE = {"REML": 2e-6, "DL": 1e-8}


def test_pins_cover_every_data_set() -> None:
    assert set(PINS) == set(INPUTS)
    assert all(len(pin) == 8 for pin in PINS.values())


@pytest.mark.parametrize("name", PINS)
def test_every_pool_is_metafors(name: str) -> None:
    data = INPUTS[name]
    for key, pin in PINS[name].items():
        measure, method, test = key.split()
        pool = random_effects_pool(
            data["events"],
            data["total"],
            scale=SCALES[measure],
            method=method,
            hartung_knapp=test == "knha",
        )
        half = 2.0 if measure == "PFT" else 1.0
        factor = {"theta": half, "theta_se": half, "tau2": half**2}
        for field in fields(RandomEffectsPool):
            expected = factor.get(field.name, 1.0) * pin[field.name]
            close = pytest.approx(expected, rel=TOLERANCE[method], abs=TOLERANCE[method])
            assert getattr(pool, field.name) == close, (key, field.name)


def test_the_published_estimator_is_one_of_them() -> None:
    data = INPUTS["orr"]
    pool = random_effects_pool(data["events"], data["total"], method="DL", ci_prob=0.9)
    published = freeman_tukey_pool(data["events"], data["total"], ci_prob=0.9)
    assert pool.tau2 == pytest.approx(published.tau2, rel=1e-12)
    assert [pool.estimate, pool.lower, pool.upper] == pytest.approx(
        [published.estimate, published.lower, published.upper], rel=1e-12
    )


def test_reml_is_at_the_greatest_restricted_likelihood() -> None:
    """The likelihood is written down anew, of contrasts that hold no mean."""
    from scipy import linalg, stats

    data = INPUTS["pritz1997"]
    x, n = np.array(data["events"], float), np.array(data["total"], float)
    full = x == n
    yes, no = x + 0.5 * full, n - x + 0.5 * full
    y, v = np.log(yes / no), 1 / yes + 1 / no
    contrasts = linalg.null_space(np.ones((1, y.size))).T

    def restricted(tau2: float) -> float:
        covariance = contrasts @ np.diag(v + tau2) @ contrasts.T
        return stats.multivariate_normal.logpdf(contrasts @ y, cov=covariance)

    tau2 = random_effects_pool(x, n, scale="logit").tau2
    assert tau2 > 0
    assert restricted(tau2) > max(restricted(0.98 * tau2), restricted(1.02 * tau2))


def test_one_study_and_an_impossible_level_are_refused() -> None:
    with pytest.raises(InputError, match="two studies"):
        random_effects_pool([1], [9])
    with pytest.raises(InputError, match="ci_prob"):
        random_effects_pool([1, 2], [9, 9], ci_prob=1.0)
