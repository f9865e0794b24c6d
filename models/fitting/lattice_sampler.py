"""Sampling of models with a latent table, the case mix and its variants, and their gate.

The general sampler (`models.fitting.sampler`) hands continuous models to nutpie. Here a table of
integers is sampled jointly with the continuous variables: by compiled chains
(`models.fitting.lattice_chain`) where the model is additive, else in PyMC, whose own NUTS takes
turns with `models.fitting.lattice_step.LatticeStep`.

The gate is that of every other fit, over the continuous variables, the estimands and every cell of
the table that takes another value than its most frequent one in at least ``MOVING`` of the draws.
For cells that the margins leave free but that move less than that, R-hat and effective sample sizes
say little; their means must agree between chains within ``CHAIN_MEANS`` patients.
"""

import os
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from models.estimands.rates import EstimandFunction
from models.fitting.escalation import fit_until_passed
from models.fitting.fit import Fit, SamplerSettings, Wanted
from models.fitting.gate import Gate, check_fit
from models.fitting.lattice_chain import TABLE, run_chains
from models.numerics.additive import Additive
from models.numerics.margins import IntArray, Lattice
from models.reviews.case_mix import CaseMixReview, from_ledger

MOVING: Final = 0.01
"""Least share of draws off the most frequent value for a cell to be judged like a parameter."""
CHAIN_MEANS: Final = 0.05
"""Greatest difference of chains' means, in patients, of the other free cells."""

type BoolArray = NDArray[np.bool_]


def starting_tables(lattice: Lattice, chains: int, seed: int) -> list[IntArray]:
    """Return one starting table a chain, each a vertex of the polytope in a random direction."""
    rng = np.random.default_rng([seed, 1])
    return [lattice.random_table(rng) for _ in range(chains)]


@dataclass(frozen=True)
class CellCounts:
    """How many cells of the table are what.

    Attributes
    ----------
    cells, fixed
        All cells; those to which margins and known cells leave one value.
    moving, resting
        Free cells that take another value than the most frequent in at least ``MOVING`` of the
        draws, and the others.
    resting_difference
        Largest difference between chains' means over the resting cells, patients.
    """

    cells: int
    fixed: int
    moving: int
    resting: int
    resting_difference: float


def full_table(posterior: xr.Dataset, review: CaseMixReview) -> NDArray[np.int64]:
    """Return the draws of the whole table, ``(cells, chain * draw)``.

    Fits keep the cells that the margins leave free; the others have one possible value.
    """
    size = posterior.sizes["chain"] * posterior.sizes["draw"]
    least, _ = review.lattice.ranges
    table = np.repeat(least[:, None], size, axis=1)
    if TABLE in posterior:
        free = posterior[TABLE].transpose("cell", "chain", "draw").values
        table[review.lattice.free] = free.reshape(-1, size)
    return table


def cell_counts(posterior: xr.Dataset, review: CaseMixReview) -> tuple[CellCounts, BoolArray]:
    """Sort the cells of sampled tables; return the counts and which free cells move.

    Parameters
    ----------
    posterior
        Draws of the free cells (chain, draw, cell), if there are any.
    review
        The review.
    """
    free = review.lattice.free
    moving = np.zeros(int(free.sum()), dtype=bool)
    spread = np.zeros(moving.size)
    if TABLE in posterior:
        values = posterior[TABLE].transpose("cell", "chain", "draw").values
        moving = np.array([1 - np.bincount(v.ravel()).max() / v.size >= MOVING for v in values])
        spread = np.ptp(values.mean(axis=2), axis=1)
    return (
        CellCounts(
            cells=free.size,
            fixed=int((~free).sum()),
            moving=int(moving.sum()),
            resting=int((~moving).sum()),
            resting_difference=float(spread[~moving].max(initial=0.0)),
        ),
        moving,
    )


def judge(tree: xr.DataTree, review: CaseMixReview) -> Gate:
    """Return the verdict on a fit with a latent table."""
    posterior = tree["posterior"].to_dataset()
    counts, moving = cell_counts(posterior, review)
    judged = posterior
    if TABLE in posterior:
        judged = posterior.isel(cell=moving)
        judged = judged if moving.any() else judged.drop_dims("cell")
    stats = tree["sample_stats"].to_dataset()
    gate = check_fit(xr.DataTree.from_dict({"posterior": judged, "sample_stats": stats}))
    if counts.resting_difference > CHAIN_MEANS:
        failure = (
            f"chains' means of a seldom moving cell differ by {counts.resting_difference:.3f} "
            f"patients (at most {CHAIN_MEANS})"
        )
        gate = replace(gate, failures=(*gate.failures, failure))
    return gate


def sample_with_table(wanted: Wanted, first: SamplerSettings, cores: int | None = None) -> Fit:
    """Fit a model with a latent table and judge it, escalating if the gate does not pass.

    Parameters
    ----------
    wanted
        The frame is `models.reviews.case_mix.CaseMixReview.ledger`.
    first
        Settings of the first attempt.
    cores
        Chains at a time; by default two, or one where there is one processor.
    """
    review = from_ledger(wanted.frame)
    estimands = wanted.estimands()
    processes = cores or min(2, os.cpu_count() or 1)
    if wanted.model.additive:
        name, model = (
            "compiled NUTS with lattice moves",
            wanted.model.as_additive(wanted.frame, wanted.priors),
        )
        sample = partial(_compiled, model, review)
    else:
        from models.fitting.lattice_step import sample_in_pymc

        name, model = "pymc NUTS with lattice step", wanted.model.build(wanted.frame, wanted.priors)
        sample = partial(sample_in_pymc, model, review)

    def attempt(settings: SamplerSettings) -> xr.DataTree:
        starts = starting_tables(review.lattice, settings.chains, settings.seed)
        posterior, stats, constant = sample(starts, settings, processes)
        return _tree(posterior, stats, constant, review, estimands, settings.seed)

    return fit_until_passed(
        wanted, first, name, attempt=attempt, judge=lambda tree: judge(tree, review)
    )


def _compiled(
    model: Additive,
    review: CaseMixReview,
    starts: list[IntArray],
    settings: SamplerSettings,
    threads: int,
) -> tuple[xr.Dataset, xr.Dataset, xr.Dataset]:
    """Run the compiled chains; return draws, sampler statistics and constant data, labelled."""
    chains = run_chains(model, review.lattice, starts, settings, threads)
    names = (review.cells["arm"] + ": " + review.cells["subtype"].astype(str)).to_numpy()
    with_levels = [term for term in model.terms if term.dim]
    posterior = xr.Dataset(
        {**model.named(chains.vectors), TABLE: (("chain", "draw", "cell"), chains.tables)},
        coords={**{term.dim: list(term.labels) for term in with_levels}, "cell": names},
    )
    levels = {f"{t.dim}_of": ("cell", t.level) for t in with_levels if t.level.ndim == 1}
    constant = xr.Dataset({"total": ("cell", model.total), **levels}, coords={"cell": names})
    stats = {name: (("chain", "draw"), values) for name, values in chains.stats.items()}
    coords = {name: np.arange(posterior.sizes[name]) for name in ("chain", "draw")}
    return posterior.assign_coords(coords), xr.Dataset(stats, coords=coords), constant


def _tree(
    posterior: xr.Dataset,
    stats: xr.Dataset,
    constant: xr.Dataset,
    review: CaseMixReview,
    estimands: EstimandFunction,
    seed: int,
) -> xr.DataTree:
    """Return the draws of one attempt with everything that is saved beside them."""
    small = "int16" if review.total.max() < 2**15 else "int64"
    posterior[TABLE] = posterior[TABLE].astype(small)
    free = review.lattice.free
    posterior = posterior.isel(cell=free) if free.any() else posterior.drop_dims("cell")
    posterior = posterior.merge(estimands(posterior, seed))
    kept = ("diverging", "energy", "reached_max_treedepth", "tree_depth", "step_size", "moved")
    return xr.DataTree.from_dict(
        {
            "posterior": posterior,
            "sample_stats": stats[[name for name in kept if name in stats]],
            "observed_data": observed(review),
            "constant_data": constant,
        }
    )


def observed(review: CaseMixReview) -> xr.Dataset:
    """Return the margins: responders of the arms and of the subtypes of each treatment."""
    margins = review.margins
    names = margins["subtype"] + ", " + margins["treatment"].astype(str)
    return xr.Dataset(
        {
            "arm_responders": ("study", review.arms["events"].to_numpy()),
            "subtype_responders": ("margin", margins["events"].to_numpy()),
        },
        coords={"study": review.arms["arm"].to_numpy(), "margin": names.to_numpy()},
    )
