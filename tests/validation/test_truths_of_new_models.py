"""Generators of the regression and the joint model: their moments, and few calibrations."""

import numpy as np
import pytest
import xarray as xr

from models.estimands.joint import mean_product
from models.evidence.covariates import paper_covariates, with_covariates
from models.evidence.groupings import grouped_outcome
from models.evidence.joint import paper_joint
from models.fitting.fit import Wanted
from models.fitting.registry import JOINT, MODELS, REGRESSION
from models.priors import DEFAULT_JOINT_PRIORS, DEFAULT_REGRESSION_PRIORS, JointPriors
from models.reviews.covariates import make_design
from models.reviews.joint import make_joint, reports
from models.validation.calibration.arms import _TRUTHS, arm_quantities, design_of
from models.validation.calibration.quantities import random_units, rank_row
from models.validation.calibration.truth_joint import (
    joint_truth,
    lkj_by_rejection,
    mean_of_product,
)
from models.validation.calibration.truth_regression import regression_truth
from tests.analyses.conftest import draws_of

FEW = 6
"""Simulations; a fault of scale or place in a prior or an effect is far outside 4 SE of these."""


def pit(posterior: xr.Dataset, scalars: dict[str, float]) -> list[float]:
    """Return the share of draws below each true value, labels read as ``name[label]``."""
    found = []
    for label, true in scalars.items():
        name, _, inner = label.partition("[")
        draws = posterior[name].transpose("chain", "draw", ...)
        if inner:
            dim = draws.dims[-1]
            draws = draws.sel({dim: inner.removesuffix("]")})
        found.append(float((draws < true).mean()))
    return found


def assert_uniform(pits: np.ndarray) -> None:
    """Mean and spread of the PIT values of each quantity, at four standard errors."""
    n = len(pits)
    assert np.abs(pits.mean(axis=0) - 0.5).max() < 4 * np.sqrt(1 / 12 / n)
    # the mean of (PIT - 1/2) squared over everything; its SD for one uniform value is 1 / sqrt(180)
    square = ((pits - 0.5) ** 2).mean(axis=1)
    assert abs(square.mean() - 1 / 12) < 4 / np.sqrt(180 * n)


@pytest.mark.slow
def test_regression_recovers_what_it_was_simulated_from(sampler, evidence) -> None:
    arms = with_covariates(grouped_outcome(evidence, "orr", "treatment"), evidence)
    design = make_design(arms, paper_covariates(["asps_share", "age_median"]), "the paper")
    rng, pits = np.random.default_rng(11), []
    for _ in range(FEW):
        truth = regression_truth(design.frame, DEFAULT_REGRESSION_PRIORS, rng)
        frame = design.frame.assign(events=truth.events)
        fit = sampler(
            Wanted(REGRESSION, frame, DEFAULT_REGRESSION_PRIORS, given={"design": design})
        )
        pits.append(pit(fit.posterior, truth.scalars))
    assert_uniform(np.array(pits))


@pytest.mark.slow
def test_joint_model_recovers_what_it_was_simulated_from(sampler, evidence) -> None:
    design = paper_joint(evidence)
    rng, pits = np.random.default_rng(12), []
    for _ in range(FEW):
        truth = joint_truth(design, DEFAULT_JOINT_PRIORS, rng)
        fit = sampler(Wanted(JOINT, truth.frame, DEFAULT_JOINT_PRIORS))
        pits.append(pit(fit.posterior, truth.scalars))
    assert_uniform(np.array(pits))


def test_correlations_by_rejection_have_the_lkj_moments() -> None:
    """With shape s an entry of a 3 x 3 matrix is 2 Beta(s + 1/2, s + 1/2) - 1."""
    rng = np.random.default_rng(1)
    for shape in (1.0, 2.0):
        entries = np.array(
            [lkj_by_rejection(shape, rng)[[0, 0, 1], [1, 2, 2]] for _ in range(4000)]
        )
        variance = 1 / (2 * shape + 2)
        assert np.abs(entries.mean(axis=0)).max() < 5 * np.sqrt(variance / 4000)
        np.testing.assert_allclose(entries.var(axis=0), variance, rtol=0.1)


def test_joint_counts_are_nested_and_missing_where_the_design_is(evidence) -> None:
    design = paper_joint(evidence)
    frame = joint_truth(design, JointPriors(), np.random.default_rng(3)).frame
    again = make_joint(frame, "simulated")
    assert (again.isna() == design.isna()).all().all()


@pytest.mark.parametrize("first", [-2.0, 0.7])
def test_means_of_products_by_two_rules(first: float) -> None:
    """The truth's trapezoid rule and the estimand's Gauss-Hermite rule, written apart."""
    found = mean_of_product(first, -1.0, 0.9, 1.3, -0.4)
    arrays = (np.full((1, 1), value) for value in (first, -1.0, 0.9, 1.3, -0.4))
    assert found == pytest.approx(float(mean_product(*arrays).squeeze()), abs=1e-7)


@pytest.mark.parametrize("model", ["regression", "joint"])
def test_whatever_the_truth_has_is_ranked(model: str) -> None:
    """Made-up draws: the same labels on both sides, and true rates among the ranked ones."""
    of = design_of(model)
    frame, truth = _TRUTHS[model](of, np.random.default_rng(5))
    wanted = Wanted(MODELS[model], frame, of.priors, given=of.given)
    posterior = draws_of(wanted, 3)
    posterior = posterior.merge(wanted.estimands()(posterior, 3))
    quantities = arm_quantities(posterior, truth, frame, dict(of.given))
    rng = np.random.default_rng(6)
    row = rank_row(truth, quantities, random_units(truth, rng), 10, rng)
    assert {*truth.scalars, "log_likelihood", "units_95"} <= row.keys()
    (name,) = truth.units
    assert quantities.units[name].shape == (4, 100, len(truth.units[name]))
    rates = quantities.units[name]
    assert ((rates > 0) & (rates < 1)).all()
    if model == "joint":
        # complete responses out of patients of known control: one rate times another
        table = reports(frame)
        first = table[table["report"].str.endswith("controlled")].index[0]
        logit = posterior["mu"].sel(outcome="control") + (
            posterior["sigma_treatment"].sel(outcome="control")
            * posterior["treatment_effect"].sel(
                outcome="control", treatment=str(frame["treatment"].iloc[0])
            )
            + posterior["tau"].sel(outcome="control")
            * posterior["z"].sel(outcome="control").isel(study=0)
        )
        np.testing.assert_allclose(rates[..., first], 1 / (1 + np.exp(-logit)), rtol=1e-12)
