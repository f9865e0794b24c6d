"""The exact posterior for what is reported, the sampler's for the check of it.

Where the exact engine has a model, tables and texts take its posterior; the sampler fits the same
model, and what lies between the two is set down in Monte Carlo standard errors. Where the engine
does not have it, the sampler's fit is the answer.
"""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.fitting.exact import CHAINS, Exact
from models.fitting.fit import Fit, Fitter, Wanted
from models.grid.posteriors import PooledPosterior, SubgroupPosterior

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

DRAWS: Final = 25_000
"""Independent draws in each of four chains: probabilities to 0.0016, medians of odds ratios to
0.3 %. Only means and scales are drawn so often, see `group_draws`."""
FEWER: Final = 2_000
"""The same where the effects of studies or strata are drawn too."""


class Checked:
    """Exact posteriors, each held against the sampler's.

    Parameters
    ----------
    fit
        The sampler, or saved fits of it.

    Attributes
    ----------
    rows
        One a quantity: ``fit``, ``quantity``, ``exact`` and ``sampled`` (posterior means), ``mcse``
        and ``difference`` (sampled less exact, in ``mcse``).
    """

    def __init__(self, fit: Fitter) -> None:
        self._fit = fit
        self._exact = Exact(FEWER, fit.seed)
        self.rows: list[dict[str, object]] = []

    @property
    def seed(self) -> int:
        """Seed of every fit."""
        return self._fit.seed

    def __call__(self, wanted: Wanted) -> Fit:
        """Return the exact posterior if the engine has the model, else the sampler's."""
        sampled = self._fit(wanted)
        if not wanted.model.engine:
            return sampled
        found = self._exact(wanted)
        self.compare(wanted.name, exact_means(found.exact), sampled.posterior)
        if isinstance(found.exact, SubgroupPosterior):
            found = replace(found, draws=partial(group_draws, found.exact, DRAWS, self.seed))
        return found

    def compare(self, name: str, means: dict[str, Any], posterior: "xr.Dataset") -> None:
        """Set the means of a sampled posterior against exact ones, by the name of the variable."""
        import arviz_stats as azs

        drawn = posterior[list(means)]
        error, sampled = azs.mcse(drawn, method="mean"), drawn.mean(("chain", "draw"))
        for variable, exact in means.items():
            values, errors = (np.atleast_1d(d[variable].values) for d in (sampled, error))
            labels = drawn[variable].dims[2:]
            names = drawn[labels[0]].values if labels else [""]
            for label, e, s, m in zip(names, np.atleast_1d(exact), values, errors, strict=True):
                self.rows.append(
                    {
                        "fit": name,
                        "quantity": f"{variable}[{label}]" if labels else variable,
                        "exact": float(e),
                        "sampled": float(s),
                        "mcse": float(m),
                        "difference": float((s - e) / m),
                    }
                )

    def table(self) -> "pd.DataFrame":
        """Return the comparison, one row a quantity."""
        import pandas as pd

        columns = ["fit", "quantity", "exact", "sampled", "mcse", "difference"]
        return pd.DataFrame(self.rows, columns=columns)


def exact_means(exact: Any) -> dict[str, Any]:
    """Return posterior means by quadrature, by the name of the sampler's variable."""
    if isinstance(exact, PooledPosterior):
        return {
            "typical_rate": exact.mu.rate_mean,
            "average_rate": exact.average_rate.mean,
            "tau": exact.tau.mean,
        }
    if isinstance(exact, SubgroupPosterior):
        return {
            "typical_rate": exact.groups.rate_mean,
            "average_rate": [rate.mean for rate in exact.average_rates],
            "sigma_group": exact.sigma_group.mean,
            "tau": exact.tau.mean,
        }
    return {"stratum_rate": exact.units.rate_mean, "tau": exact.sigma.mean}


def group_draws(exact: SubgroupPosterior, draws: int, seed: int) -> "xr.DataTree":
    """Return many joint draws of scales and group means, without the effects of studies.

    Returns
    -------
    xarray.DataTree
        ``posterior`` with ``tau``, ``sigma_group`` (chain, draw) and the estimands of
        `models.estimands.rates.group_estimands` but for the rates of studies.
    """
    import xarray as xr
    from scipy.special import expit

    from models.estimands.contrasts import contrast_draws
    from models.estimands.rates import average_rate
    from models.grid.drawing.sampling import draw_group_means

    rng = np.random.default_rng(seed)
    logit, sigma, tau = draw_group_means(exact.solution.state, CHAINS * draws, rng)

    def shaped(values: Any, *dims: str) -> "xr.DataArray":
        array = values.reshape(CHAINS, draws, *values.shape[1:])
        return xr.DataArray(array, dims=("chain", "draw", *dims))

    scale = shaped(tau)
    groups = [
        average_rate(shaped(logit[:, place]), scale) for place in range(len(exact.group))
    ]  # one after another: all at once would take a gigabyte
    coords = {"chain": range(CHAINS), "draw": range(draws), "group": list(exact.group)}
    found = xr.Dataset(
        {
            "tau": scale,
            "sigma_group": shaped(sigma),
            "typical_rate": shaped(expit(logit), "group"),
            "average_rate": xr.concat(groups, "group").transpose("chain", "draw", "group"),
        },
        coords,
    )
    return xr.DataTree.from_dict({"posterior": found.merge(contrast_draws(found))})
