"""A fitter that samples nothing, for tests of what a part makes of its fits."""

import numpy as np
import pytest
import xarray as xr

from models.fitting.fit import Fit, Wanted
from models.fitting.gate import Gate
from models.reviews.case_mix import from_ledger


class Invented:
    """Makes up draws of every free variable of a model, and forms its estimands from them.

    Attributes
    ----------
    wanted
        What was asked for, in order.
    """

    seed = 7

    def __init__(self) -> None:
        self.wanted: list[Wanted] = []

    def __call__(self, wanted: Wanted) -> Fit:
        """Return made-up draws with a gate that passed."""
        self.wanted.append(wanted)
        posterior = draws_of(wanted, self.seed)
        return Fit(
            what=wanted,
            draws=xr.DataTree.from_dict(
                {"posterior": posterior.merge(wanted.estimands()(posterior, self.seed))}
            ),
            gate=Gate((), {}),
            priors=wanted.priors,
            sampling={"sampler": "none", "draws": 100, "chains": 4, "seed": self.seed},
        )


def draws_of(wanted: Wanted, seed: int) -> xr.Dataset:
    """Return made-up draws of the free variables; a latent table keeps its margins."""
    model = wanted.model.build(wanted.frame, wanted.priors)
    rng = np.random.default_rng(seed)
    arrays = {}
    for name in (variable.name for variable in model.free_RVs):
        dims = tuple(model.named_vars_to_dims.get(name) or ())
        values = rng.normal(0, 0.5, (4, 100, *(len(model.coords[dim]) for dim in dims)))
        if name.startswith(("tau", "sigma")):
            values = np.abs(values)
        elif name == "partial":
            values = rng.uniform(0.2, 0.8, values.shape)
        arrays[name] = (("chain", "draw", *dims), values)
    posterior = xr.Dataset(arrays, {dim: list(labels) for dim, labels in model.coords.items()})
    if wanted.model.latent_table:
        lattice = from_ledger(wanted.frame).lattice
        tables = np.stack([lattice.random_table(rng) for _ in range(20)])
        some = tables[rng.integers(20, size=(4, 100))]
        posterior["responders"] = (("chain", "draw", "cell"), some)
        posterior = posterior.isel(cell=lattice.free)
    return posterior


@pytest.fixture
def invented() -> Invented:
    return Invented()
