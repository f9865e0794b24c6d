"""EXNEX by quadrature for the tables; the sampler's fit of it is the check."""

from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import expit

from models.analyses.subtypes.summary import EXNEX, SubtypeResult, summarise_subtypes
from models.common.constants import INTERVAL_PROBS
from models.estimands.contrasts import THRESHOLDS
from models.fitting.checked import Checked
from models.fitting.exact import CHAINS
from models.fitting.fit import Fit
from models.grid.exnex import ExnexGrid
from models.priors import as_exnex_priors
from models.reviews.strata import family_codes

DRAWS: Final = 5_000
"""Independent draws in each of four chains, for ranks and families."""


def exnex_by_quadrature(
    sampled: SubtypeResult, fit: Fit, strata: pd.DataFrame, checked: Checked
) -> SubtypeResult:
    """Return what is reported of EXNEX.

    Rates of strata and the probability of exchangeability are those of the quadrature, ranks and
    families come from independent draws of it, parameters from the sampler. There is no shrinkage:
    a stratum that may stand on its own moves towards no single value.

    Parameters
    ----------
    sampled, fit
        The sampler's result and fit.
    strata
        The strata fitted.
    checked
        Notes the differences between the two.
    """
    exact = ExnexGrid(as_exnex_priors(fit.priors)).posterior(strata["events"], strata["total"])
    means = {"stratum_rate": exact.rate_mean, "p_exchangeable": exact.p_exchangeable}
    checked.compare("subtypes_exnex", means, fit.posterior)
    rng, places = np.random.default_rng(checked.seed), np.arange(len(strata))
    drawn = np.stack([exact.rate_draws(places, DRAWS, rng) for _ in range(CHAINS)])
    table = strata.reset_index(drop=True)
    posterior = xr.Dataset(
        {
            "stratum_rate": (("chain", "draw", "stratum"), drawn),
            "p_exchangeable": (
                ("chain", "draw", "stratum"),
                np.broadcast_to(exact.p_exchangeable, drawn.shape),
            ),
        },
        {"stratum": table["stratum"].to_numpy()},
    )
    codes, families = family_codes(table)
    if families:
        patients = table["total"].to_numpy(float)
        share = np.where(codes[:, None] == np.arange(len(families)), patients[:, None], 0.0)
        rates = drawn @ (share / share.sum(axis=0))
        posterior = posterior.assign(family_rate=(("chain", "draw", "family"), rates))
        posterior = posterior.assign_coords(family=list(families))
    found = summarise_subtypes(
        EXNEX,
        replace(fit, draws=xr.DataTree.from_dict({"posterior": posterior})),
        strata,
        predictions={},
    )
    lower, median, upper = exact.rate_quantile([INTERVAL_PROBS[0], 0.5, INTERVAL_PROBS[1]]).T
    columns: dict[str, object] = {"mean": exact.rate_mean, "sd": exact.rate_sd}
    columns |= {"median": median, "lower": lower, "upper": upper}
    rate = expit(exact.grid.theta)
    for threshold in THRESHOLDS:
        columns[f"p_above_{100 * threshold:.0f}"] = exact.masses[:, rate > threshold].sum(axis=1)
    return replace(found, strata=found.strata.assign(**columns), parameters=sampled.parameters)
