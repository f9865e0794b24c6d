"""What the exact engine refuses, in one line, and what the machine must not change."""

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from models.common.errors import InputError
from models.grid import fit_pooled, fit_subgroup, fit_tree

type Array = NDArray[np.float64]


def refused(fit: object, *arguments: object, **settings: object) -> str:
    assert callable(fit)
    with pytest.raises(InputError) as caught:
        fit(*arguments, **settings)
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) <= 300
    return line


def test_what_does_not_fit_is_refused_in_one_line() -> None:
    events, total = [3 * 10**8, 4 * 10**8, 2 * 10**8], [10**9] * 3
    assert "GiB" in refused(fit_subgroup, events, total, ["a", "b", "b"])
    assert "GiB" in refused(fit_tree, events, total, ["a", "a", None])
    counts = np.full(2_000_000, 3.0)
    assert "GiB" in refused(fit_pooled, counts, counts + 5.0)


@pytest.mark.parametrize(
    "settings",
    [
        {"tau_scale": 1e-308},
        {"tau_scale": 1e-7},
        {"tau_scale": 1e308},
        {"mu_sd": 1e-308},
        {"mu_sd": 1e308},
        {"mu_mean": 1000.0},
        {"mu_mean": -1e308},
    ],
    ids=str,
)
def test_priors_out_of_reach_are_refused_in_one_line(settings: dict[str, float]) -> None:
    assert "exact engine" in refused(fit_pooled, [3, 5], [20, 30], **settings)


def test_the_number_of_threads_changes_nothing() -> None:
    rng = np.random.default_rng(4)
    total = rng.integers(20, 200, 300)
    events = rng.binomial(total, 0.3)
    parent = [None if i % 4 == 0 else f"family {i % 4}" for i in range(300)]

    def results() -> list[Array]:
        pooled, tree = fit_pooled(events, total), fit_tree(events, total, parent)
        pooled_draws, tree_draws = pooled.draws(500, 1), tree.draws(500, 1)
        return [
            pooled.solution.state.joint,
            pooled.studies.quantile(0.025),
            pooled_draws.study_rate,
            tree.solution.state.joint,
            tree.solution.state.unit_masses,
            tree_draws.family_logit,
        ]

    with threadpool_limits(1, user_api="blas"):
        one = results()
    with threadpool_limits(2, user_api="blas"):
        two = results()
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)
