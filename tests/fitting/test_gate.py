"""The gate: each of its rules can fail a fit on its own."""

import numpy as np
import pytest
import xarray as xr

from models.fitting.gate import check_fit


def tree(change=None, *, divergences=0, saturated=0, energy=None) -> xr.DataTree:
    rng = np.random.default_rng(5)
    values = rng.normal(size=(4, 1000, 2))
    if change is not None:
        change(values)
    if energy is None:
        energy = rng.normal(size=(4, 1000))
    diverging = np.zeros((4, 1000), bool)
    diverging.flat[:divergences] = True
    depth = np.zeros((4, 1000), bool)
    depth.flat[:saturated] = True
    dims = ("chain", "draw")
    return xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset(
                {"theta": ((*dims, "study"), values), "mu": (dims, values[..., 0] * 2)},
                coords={"study": ["A", "B"]},
            ),
            "sample_stats": xr.Dataset(
                {
                    "diverging": (dims, diverging),
                    "maxdepth_reached": (dims, depth),
                    "energy": (dims, energy),
                }
            ),
        }
    )


def test_independent_draws_pass():
    report = check_fit(tree())
    assert report.passed, report.failures
    assert set(report.table["parameter"]) == {"mu", "theta[A]", "theta[B]"}
    assert report.sentence().startswith("passed")


def test_one_shifted_chain_of_one_study_fails_r_hat():
    def shift(values):
        values[0, :, 1] += 1.0

    report = check_fit(tree(shift))
    assert not report.passed
    assert "R-hat" in report.failures[0]
    assert "theta[B]" in report.failures[0]


def test_slow_mixing_fails_effective_sample_size():
    def smooth(values):
        for t in range(1, values.shape[1]):
            values[:, t, 0] = 0.9 * values[:, t - 1, 0] + np.sqrt(1 - 0.81) * values[:, t, 0]

    report = check_fit(tree(smooth))
    assert any("bulk ESS" in failure for failure in report.failures)


def test_nan_fails():
    def spoil(values):
        values[0, 0, 0] = np.nan

    assert not check_fit(tree(spoil)).passed


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_a_single_draw_that_is_not_finite_fails(value):
    def spoil(values):
        values[2, 500, 1] = value

    report = check_fit(tree(spoil))
    assert not report.passed
    assert report.failures[0] == "1 draws that are not finite (theta)"


def test_a_single_divergence_and_a_single_saturated_tree_fail():
    assert check_fit(tree(divergences=1)).failures == ("1 divergences",)
    assert check_fit(tree(saturated=1)).failures == ("1 saturated trees",)


def test_low_bfmi_fails():
    energy = np.random.default_rng(2).normal(size=(4, 1000)).cumsum(axis=1)
    report = check_fit(tree(energy=energy))
    assert any("BFMI" in failure for failure in report.failures)


@pytest.mark.parametrize("passed", [True, False])
def test_the_summary_for_json_has_the_keys_that_users_read(passed):
    report = check_fit(tree(divergences=0 if passed else 3))
    summary = report.as_dict()
    assert list(summary) == [
        "passed",
        "rhat_max",
        "ess_bulk_min",
        "ess_tail_min",
        "divergences",
    ]
    assert summary["passed"] is passed
