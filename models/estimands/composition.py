"""How much of the variance between arms their composition accounts for, within one posterior.

composition's share
    ``V / (V + tau**2)``, where ``V`` is the variance over the arms of
    ``logit(sum_s w_is expit(m + subtype_s))``: the logit of the rate that an arm with shares
    ``w_is`` of the subtypes has at the mean treatment effect and in a typical study. ``V`` and
    ``tau`` are of the same draw, so the share has one posterior; it is never negative, and is to be
    read beside its prior.
"""

from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit, logit

from models.estimands.case_mix import effects
from models.priors import Priors
from models.reviews.case_mix import CaseMixReview

type FloatArray = NDArray[np.float64]

PRIOR_DRAWS: Final = 40_000


def composition(review: CaseMixReview) -> FloatArray:
    """Return the share of every subtype among an arm's patients, ``(arms, subtypes)``."""
    counts = np.zeros((len(review.arms), len(review.subtypes)))
    np.add.at(counts, (review.arm_codes, review.cells["subtype"].cat.codes), review.total)
    return counts / counts.sum(axis=1, keepdims=True)


def composition_share(posterior: xr.Dataset, review: CaseMixReview) -> FloatArray:
    """Return composition's share of the variance between arms, ``(chain * draw,)``.

    Parameters
    ----------
    posterior
        Draws of a case-mix model of several subtypes; of unpooled treatments, those of
        `models.estimands.case_mix_unpooled.as_pooled`.
    review
        The review that was fitted.
    """
    subtype, treatment = effects(posterior)
    logits = (subtype + treatment.mean("treatment")).transpose("subtype", "chain", "draw").values
    return _share(logits.reshape(len(logits), -1), posterior["tau"].values.ravel(), review)


def prior_composition_share(review: CaseMixReview, priors: Priors, seed: int) -> FloatArray:
    """Return draws of the share from the prior alone, ``(PRIOR_DRAWS,)``."""
    rng = np.random.default_rng([seed, 4])
    treatments = len(review.treatments)
    mean = rng.normal(priors.mu_mean, priors.mu_sd, PRIOR_DRAWS)
    mean += abs(rng.normal(0.0, priors.sigma_scale, PRIOR_DRAWS)) * rng.normal(
        0.0, treatments**-0.5, PRIOR_DRAWS
    )
    sigma, tau = abs(rng.normal(0.0, priors.tau_scale, (2, PRIOR_DRAWS)))
    effect = rng.standard_normal((len(review.subtypes), PRIOR_DRAWS))
    return _share(mean + sigma * effect, tau, review)


def _share(logits: FloatArray, tau: FloatArray, review: CaseMixReview) -> FloatArray:
    """Return the share for logits of the subtypes, ``(subtypes, n)``, and ``tau``, ``(n,)``."""
    variance = logit(composition(review) @ expit(logits)).var(axis=0)
    return np.asarray(variance / (variance + tau**2))
