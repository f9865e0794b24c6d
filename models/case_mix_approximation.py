r"""The fast approximation of the case-mix model: no latent table.

Parameters and priors are those of `models.case_mix`. In place of the exact likelihood of both
margins, which sums over all tables, it has::

    responders of arm i            ~ Binomial(n_i, p_i),      p_i = sum_s n_is p_is / n_i
    responders of the subtypes     ~ Multinomial(X_g, q_g),   q_sg = sum_i n_is p_is / sum_is
    of treatment g, given their sum

A sum of binomial counts with unlike rates is less spread than a binomial count with their mean
rate, and given the margins the two parts are not independent: both are approximated. Cells that are
known, and those that the margins fix, have their own binomial likelihood; arms and subtypes then
count the rest. Every responder adds to the group's sum once, to its share once.
"""

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt

from models.priors import DEFAULT_PRIORS, Priors
from models.reviews.case_mix import from_ledger


def build_case_mix_approximation_model(
    ledger: pd.DataFrame, priors: Priors = DEFAULT_PRIORS
) -> pm.Model:
    """Build the approximate model.

    Parameters
    ----------
    ledger
        From `models.reviews.case_mix.CaseMixReview.ledger`.
    priors
        As for `models.case_mix.build_case_mix_model`.

    Returns
    -------
    pymc.Model
        The continuous variables of the exact model; observed ``known_responders`` (cells with one
        possible value) and ``arm_responders``, and the potential ``subtype_shares``.
    """
    review = from_ledger(ledger)
    cells = review.cells
    lattice = review.lattice
    least, _ = lattice.ranges
    fixed, free = np.flatnonzero(~lattice.free), np.flatnonzero(lattice.free)
    total = review.total
    arms, arm = np.unique(review.arm_codes[free], return_inverse=True)
    columns, column = np.unique(review.margin_codes[free], return_inverse=True)
    left = lattice.margins[:, fixed] @ least[fixed]
    arm_left = lattice.row_sum[arms] - left[arms].astype("int64")
    column_left = lattice.column_sum[columns] - left[lattice.row_sum.size + columns].astype("int64")
    group_of_column = review.margins["treatment"].cat.codes.to_numpy()[columns]
    names = (cells["arm"] + ": " + cells["subtype"].astype(str)).to_numpy()
    labels = review.arms["arm"].to_numpy()
    coords = {
        "study": labels,
        "treatment": review.treatments,
        "subtype": review.subtypes,
        "known_cell": names[fixed],
        "open_arm": labels[arms],
    }
    with pm.Model(coords=coords) as model:
        mu = pm.Normal("mu", priors.mu_mean, priors.mu_sd)
        sigma_treatment = pm.HalfNormal("sigma_treatment", priors.sigma_scale)
        tau = pm.HalfNormal("tau", priors.tau_scale)
        sigma_subtype = pm.HalfNormal("sigma_subtype", priors.tau_scale)
        treatment_effect = pm.Normal("treatment_effect", 0.0, 1.0, dims="treatment")
        subtype_effect = pm.Normal("subtype_effect", 0.0, 1.0, dims="subtype")
        z = pm.Normal("z", 0.0, 1.0, dims="study")
        logit = (
            mu
            + sigma_subtype * subtype_effect[cells["subtype"].cat.codes.to_numpy("int64")]
            + sigma_treatment * treatment_effect[cells["treatment"].cat.codes.to_numpy("int64")]
            + tau * z[review.arm_codes]
        )
        pm.Binomial(
            "known_responders",
            total[fixed],
            logit_p=logit[fixed],
            observed=least[fixed],
            dims="known_cell",
        )
        if free.size:
            expected = total[free] * pm.math.invlogit(logit[free])
            by_arm = _indicator(arm, arms.size) @ expected
            patients = np.bincount(arm, total[free], arms.size)
            pm.Binomial(
                "arm_responders",
                patients.astype("int64"),
                p=by_arm / patients,
                observed=arm_left,
                dims="open_arm",
            )
            by_column = _indicator(column, columns.size) @ expected
            groups, group = np.unique(group_of_column, return_inverse=True)
            by_group = (_indicator(group, groups.size) @ by_column)[group]
            # log of the multinomial probability; its coefficient is constant
            pm.Potential("subtype_shares", pt.sum(column_left * pt.log(by_column / by_group)))
    return model


def _indicator(code: np.ndarray, size: int) -> np.ndarray:
    """Return the matrix that sums by code, (size, len(code))."""
    return (np.arange(size)[:, None] == code[None, :]).astype("float64")
