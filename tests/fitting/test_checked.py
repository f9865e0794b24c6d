"""The exact posterior is what is reported; a sampler that misses it is told by its errors."""

import numpy as np
import pandas as pd
import pytest

from models.fitting.checked import Checked, group_draws
from models.fitting.exact import Exact
from models.fitting.fit import Fit, Wanted
from models.fitting.registry import POOLED, PUBLICATION, SUBGROUP
from models.grid import fit_subgroup

REVIEW = pd.DataFrame(
    {"study": list("ABCDE"), "events": [1, 4, 2, 9, 14], "total": [20, 25, 12, 30, 31]}
).assign(group=pd.Categorical(["x", "x", "x", "y", "y"]))


class Sampled:
    """Stands for a sampler: the exact draws, with a fault if asked for."""

    seed = 3

    def __init__(self, fault: float = 0.0) -> None:
        self.fault, self.asked = fault, 0

    def __call__(self, wanted: Wanted) -> Fit:
        """Return draws."""
        self.asked += 1
        fit = Exact(500, 11)(wanted)
        tree = fit.tree
        tree["posterior"] = tree["posterior"].to_dataset() + self.fault
        return Fit(wanted, tree, fit.gate, wanted.priors, {"sampler": "none"})


@pytest.mark.parametrize("model", [POOLED, SUBGROUP])
def test_the_exact_posterior_is_returned_and_the_sampler_held_against_it(model) -> None:
    sampler = Sampled()
    checked = Checked(sampler)
    fit = checked(Wanted(model, REVIEW, name="it"))
    assert fit.exact is not None
    assert sampler.asked == 1
    table = checked.table()
    # 2000 independent draws: a difference of five errors has probability below 1e-6
    assert table["difference"].abs().max() < 5
    wrong = Checked(Sampled(0.05))
    wrong(Wanted(model, REVIEW, name="it"))
    assert wrong.table()["difference"].abs().max() > 10


def test_means_are_those_of_the_quadrature() -> None:
    checked = Checked(Sampled())
    checked(Wanted(SUBGROUP, REVIEW, name="it"))
    exact = fit_subgroup(REVIEW["events"], REVIEW["total"], list(REVIEW["group"]))
    found = checked.table().set_index("quantity")["exact"]
    assert found["typical_rate[y]"] == pytest.approx(float(exact.groups.rate_mean[1]), rel=1e-6)
    assert found["tau"] == pytest.approx(exact.tau.mean, rel=1e-6)


def test_a_model_that_the_engine_lacks_is_the_samplers() -> None:
    class Other(Sampled):
        def __call__(self, wanted: Wanted) -> Fit:
            return Fit(wanted, lambda: None, None, wanted.priors, {})

    checked = Checked(Other())
    assert checked(Wanted(PUBLICATION, REVIEW, name="p")).exact is None
    assert checked.rows == []


def test_draws_of_groups_follow_the_quadrature() -> None:
    exact = fit_subgroup(REVIEW["events"], REVIEW["total"], list(REVIEW["group"]))
    drawn = group_draws(exact, 5000, 2)["posterior"].to_dataset()
    assert drawn["typical_rate"].dims == ("chain", "draw", "group")
    for place, group in enumerate(exact.group):
        values = drawn["average_rate"].sel(group=group).values.ravel()
        error = 4 * float(np.std(values)) / values.size**0.5
        assert float(values.mean()) == pytest.approx(exact.average_rates[place].mean, abs=error)
    above = (drawn["typical_rate"].sel(group="y") > drawn["typical_rate"].sel(group="x")).mean()
    assert float(above) == pytest.approx(exact.prob_greater()[1, 0], abs=4 * 0.5 / 20_000**0.5)
