"""The subtype model on the grid: single estimands by quadrature, ranks by draws."""

from dataclasses import replace

import numpy as np
import pandas as pd

from models.analyses.pools.summary import moments
from models.analyses.subtypes.summary import SubtypeResult, borrowed_information, summarise_subtypes
from models.estimands.contrasts import THRESHOLDS
from models.fitting.exact import GridFit
from models.grid import TreePosterior, fit_tree, shrinkage
from models.grid.distributions import Array
from models.priors import Priors
from models.reviews.strata import family_codes

EXCHANGEABLE = "exchangeable"


def fit_strata(strata: pd.DataFrame, priors: Priors) -> TreePosterior:
    """Return the exact posterior of the subtype model.

    Parameters
    ----------
    strata
        ``stratum``, ``events``, ``total`` and, if there are families, ``parent``.
    priors
        ``mu_mean``, ``mu_sd`` and ``tau_scale`` (for both scales) are used.
    """
    codes, families = family_codes(strata)
    return fit_tree(
        strata["events"].to_numpy(),
        strata["total"].to_numpy(),
        [families[code] if code >= 0 else None for code in codes],
        unit=list(strata["stratum"]),
        mu_mean=priors.mu_mean,
        mu_sd=priors.mu_sd,
        sigma_scale=priors.tau_scale,
        sigma_child_scale=priors.tau_scale,
    )


def fit_exchangeable_exactly(
    strata: pd.DataFrame, priors: Priors, *, draws: int, seed: int
) -> tuple[GridFit, SubtypeResult]:
    """Form what `models.analyses.subtypes.run.fit_exchangeable` forms, without a sampler.

    Parameters
    ----------
    strata, priors
        As there.
    draws
        Independent joint draws in each of four chains: for ranks, and for what is not the mean of
        a family's rate, a sum over its strata.
    seed
        Their seed.
    """
    exact = fit_strata(strata, priors)
    fit = GridFit.of(exact, priors, draws=draws, seed=seed)
    predictions = dict(zip(exact.unit, map(float, exact.leave_one_out().rate_mean), strict=True))
    if exact.family:
        # every member of a family has the same prediction
        means = exact.leave_one_family_out().average_mean
        predictions |= dict(zip(exact.family, map(float, means), strict=True))
    result = summarise_subtypes(EXCHANGEABLE, fit.posterior, strata, predictions)
    parameters = {"mu": moments(exact.mu.summary()), "tau": moments(exact.sigma.summary())}
    if exact.sigma_child is not None:
        parameters["tau_child"] = moments(exact.sigma_child.summary())
    return fit, replace(
        result,
        strata=_exact_strata(result.strata, exact),
        families=_exact_families(result.families, exact),
        parameters=parameters,
    )


def _borrowed(mean: Array, sd: Array, total: Array) -> list[float]:
    rows = zip(mean, sd, total, strict=True)
    return [borrowed_information(float(m), float(s), int(n)) for m, s, n in rows]


def _exact_strata(table: pd.DataFrame, exact: TreePosterior) -> pd.DataFrame:
    """Replace what was summarised from draws by the quadrature's numbers."""
    rates = exact.units.rate_summary()
    columns: dict[str, object] = {
        name: getattr(rates, name) for name in ("mean", "sd", "median", "lower", "upper")
    }
    columns["shrinkage"] = exact.shrinkage()
    columns["borrowed"] = _borrowed(rates.mean, rates.sd, exact.total)
    for threshold in THRESHOLDS:
        columns[f"p_above_{100 * threshold:.0f}"] = exact.units.prob_rate_above(threshold)
    return table.assign(**columns)


def _exact_families(table: pd.DataFrame, exact: TreePosterior) -> pd.DataFrame:
    """Give each family its exact mean rate: the patient-weighted mean of its strata's."""
    if table.empty:
        return table
    codes, size = exact.family_of, len(exact.family)
    nested = codes >= 0
    patients = exact.total[nested]
    weighted = np.bincount(codes[nested], patients * exact.units.rate_mean[nested], size)
    mean = weighted / np.bincount(codes[nested], patients, size)
    raw, others = table["raw"].to_numpy(), table["prediction"].to_numpy()
    return table.assign(
        mean=mean,
        shrinkage=shrinkage(mean, raw, others),
        borrowed=_borrowed(mean, table["sd"].to_numpy(), table["total"].to_numpy()),
    )
