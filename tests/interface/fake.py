"""A fitter that fits nothing: draws of the right names, dims and labels, at once."""

import numpy as np
import xarray as xr

from models.fitting.exact import Exact
from models.fitting.fit import Fit, SamplerSettings, Wanted
from models.fitting.gate import Gate
from models.reviews.padding import drop_padding

CHAINS, DRAWS = 4, 100
SETTINGS = SamplerSettings(draws=DRAWS, tune=DRAWS)
NUMBERS = {
    "rhat_max": 1.001,
    "ess_bulk_min": 900.0,
    "ess_tail_min": 800.0,
    "divergences": 0,
    "saturated_trees": 0,
    "bfmi_min": 0.9,
    "parameters": 3,
}


class FakeFitter:
    """Answers at once: exact draws where the engine has the model, made-up ones elsewhere.

    Attributes
    ----------
    asked
        Names of the fits asked for, in order.
    failing
        Names of fits whose gate is to fail.
    """

    def __init__(self, failing: tuple[str, ...] = ()) -> None:
        self.asked: list[str] = []
        self.failing = failing
        self.seed = SETTINGS.seed
        self._exact = Exact(DRAWS, SETTINGS.seed)

    def __call__(self, wanted: Wanted) -> Fit:
        """Return a fit."""
        self.asked.append(wanted.name)
        known = bool(wanted.model.engine)
        failures = ("made to fail",) if wanted.name in self.failing else ()
        return Fit(
            what=wanted,
            draws=self._exact(wanted).tree if known else made_up(wanted),
            gate=Gate(failures, NUMBERS),
            priors=wanted.priors,
            sampling={
                "sampler": "none",
                **vars(SETTINGS),
                "first_attempt": vars(SETTINGS) | dict(wanted.settings),
                "escalations": 0,
                "failed_attempts": [],
            },
        )


def made_up(wanted: Wanted) -> xr.DataTree:
    """Return draws that know nothing of the data, in the shape of the model's."""
    model = wanted.model.build(wanted.frame, wanted.priors)
    rng = np.random.default_rng(1)
    labels = {dim: [str(v) for v in values] for dim, values in model.coords.items()}
    found = {}
    for variable in model.free_RVs:
        dims = model.named_vars_to_dims.get(variable.name) or ()
        shape = (CHAINS, DRAWS, *(len(labels[dim]) for dim in dims))
        kind = type(variable.owner.op).__name__
        if wanted.model.latent_table and variable.name == "responders":
            continue
        values = rng.normal(0, 0.5, shape)
        if "Half" in kind:
            values = abs(values) + 0.1
        elif "Normal" not in kind:
            values = rng.uniform(0.1, 0.9, shape)
        found[variable.name] = (("chain", "draw", *dims), values)
    used = {dim for dims, _ in found.values() for dim in dims if dim in labels}
    posterior = xr.Dataset(found, coords={dim: labels[dim] for dim in used})
    if wanted.model.latent_table:
        posterior = posterior.assign(responders=_tables(wanted, rng))
    posterior = drop_padding(posterior)
    posterior = posterior.merge(wanted.estimands()(posterior, SETTINGS.seed))
    data = {
        v.name: (model.named_vars_to_dims.get(v.name) or (), v.get_value()) for v in model.data_vars
    }
    observed = {
        v.name: (model.named_vars_to_dims.get(v.name) or (), model.rvs_to_values[v].eval())
        for v in model.observed_RVs
    }
    return xr.DataTree.from_dict(
        {
            "posterior": posterior,
            "observed_data": xr.Dataset(observed or {"none": ((), 0)}),
            "constant_data": xr.Dataset(data),
        }
    )


def _tables(wanted: Wanted, rng: np.random.Generator) -> xr.DataArray:
    """Return tables with the margins of the data, of the cells that these leave free."""
    from models.reviews.case_mix import from_ledger

    review = from_ledger(wanted.frame)
    free = review.lattice.free
    few = np.stack([review.lattice.random_table(rng)[free] for _ in range(20)])
    names = (review.cells["arm"] + ": " + review.cells["subtype"].astype(str)).to_numpy()
    draws = few[rng.integers(len(few), size=(CHAINS, DRAWS))]
    return xr.DataArray(draws, dims=("chain", "draw", "cell"), coords={"cell": names[free]})
