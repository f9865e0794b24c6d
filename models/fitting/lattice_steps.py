"""The two steps of an iteration of the case-mix model, and where its chains start."""

from typing import Any, Final

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from models.fitting.lattice_step import LatticeStep
from models.reviews.case_mix import CaseMixReview

TABLE: Final = "responders"
"""Name of the latent table in the model."""


def make_steps(
    model: pm.Model, review: CaseMixReview, target_accept: float
) -> tuple[pm.NUTS, LatticeStep]:
    """Return the two steps, compiled: NUTS, then the lattice step.

    Parameters
    ----------
    model
        From `models.case_mix.build_case_mix_model`.
    review
        The review that it was built from.
    target_accept
        Target acceptance of NUTS.
    """
    table = model[TABLE]
    probability = table.owner.op.dist_params(table.owner)[1]
    with model:
        nuts = pm.NUTS(model.continuous_value_vars, target_accept=target_accept)
        lattice = LatticeStep(
            [table],
            lattice=review.lattice,
            total=review.total,
            logit=pt.log(probability) - pt.log1p(-probability),
        )
    return nuts, lattice


def starting_points(review: CaseMixReview, chains: int, seed: int) -> list[dict[str, Any]]:
    """Return one starting table a chain, each a vertex of the polytope in a random direction."""
    rng = np.random.default_rng([seed, 1])
    return [{TABLE: review.lattice.random_table(rng)} for _ in range(chains)]
