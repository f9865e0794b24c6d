"""Simulation-based calibration of the case-mix model over the review's own design.

Every simulation draws the parameters from the prior, the table of responders from the parameters,
and hands the model what a review would hold of that table: the arms' responders, the subtypes'
responders in each treatment group, and the cells that are known. If model, sampler and code
are right, the rank of a true value among posterior draws is uniform (Talts et al. 2018,
arXiv:1804.06788). The table itself is ranked, too, in its loosest cells.
"""

import hashlib
from functools import cache
from typing import Any, Final

import arviz_stats as azs
import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import expit

from models.case_mix import case_mix_additive
from models.common.sources import code_hash
from models.common.study import Study
from models.evidence.case_mix import paper_review
from models.evidence.load import load_evidence
from models.fitting.fit import SamplerSettings
from models.fitting.lattice_chain import TABLE, run_chains
from models.fitting.lattice_sampler import starting_tables
from models.numerics.additive import Additive
from models.priors import DEFAULT_PRIORS, Priors
from models.reviews.case_mix import CaseMixReview
from models.validation.calibration.plan import CASE_MIX
from models.validation.calibration.plan import SIMULATIONS as PLANNED
from models.validation.calibration.quantities import pit_values, ranks

SIMULATIONS: Final = PLANNED["lattice"]
CHAINS: Final = 2
TUNE: Final = 400
DRAWS: Final = 500
THIN: Final = 10
"""Every tenth draw is ranked: effective sample sizes are above a tenth of the draws."""
TARGET_ACCEPT: Final = 0.95
CELLS: Final = (
    "Gordon 2023: LMS",
    "Tian 2022: UPS",
    "Liu 2022: ASPS",
    "Somaiah 2022: ASPS",
    "Blay 2023: other",
)
"""Cells of the table that are ranked: large ones, of each treatment group with many free cells."""
SUBTYPES: Final = ("ASPS", "LMS", "Myofibrosarcoma")
"""Subtypes whose logits are ranked: the most responsive, the largest, the smallest."""


def sources() -> str:
    """Return the hash of the code that the results belong to."""
    return code_hash(
        "models.validation.calibration.case_mix:run_simulation", stop=("load_evidence",)
    )


def draw_parameters(
    review: CaseMixReview, priors: Priors, rng: np.random.Generator
) -> dict[str, Any]:
    """Draw the parameters from the prior, named as in the model."""
    return {
        "mu": rng.normal(priors.mu_mean, priors.mu_sd),
        "sigma_subtype": abs(rng.normal(0, priors.tau_scale)),
        "sigma_treatment": abs(rng.normal(0, priors.sigma_scale)),
        "tau": abs(rng.normal(0, priors.tau_scale)),
        "subtype_effect": rng.standard_normal(len(review.subtypes)),
        "treatment_effect": rng.standard_normal(len(review.treatments)),
        "z": rng.standard_normal(len(review.arms)),
    }


def simulate(
    review: CaseMixReview, parameters: dict[str, Any], rng: np.random.Generator
) -> tuple[CaseMixReview, np.ndarray]:
    """Draw a table and return what a review would hold of it, and the table.

    Parameters
    ----------
    review
        Gives the design: patients, margins, and which cells are known.
    parameters
        As `draw_parameters` returns.
    rng
        Source of random numbers.
    """
    cells = review.cells
    logit = (
        parameters["mu"]
        + parameters["sigma_subtype"]
        * parameters["subtype_effect"][cells["subtype"].cat.codes.to_numpy()]
        + parameters["sigma_treatment"]
        * parameters["treatment_effect"][cells["treatment"].cat.codes.to_numpy()]
        + parameters["tau"] * parameters["z"][review.arm_codes]
    )
    table = rng.binomial(review.total, expit(logit))
    known = pd.array(np.where(review.known, table, 0), dtype="Int64")
    known[~review.known] = pd.NA
    arms = np.bincount(review.arm_codes, table, len(review.arms)).astype("int64")
    margins = np.bincount(review.margin_codes, table, len(review.margins)).astype("int64")
    simulated = CaseMixReview(
        cells=cells.assign(events=known),
        arms=review.arms.assign(events=arms),
        margins=review.margins.assign(events=margins),
        set_aside=review.set_aside,
    )
    return simulated, table


def quantities(values: dict[str, Any], review: CaseMixReview) -> dict[str, np.ndarray]:
    """Return what is ranked, from draws or from one true value.

    Parameters
    ----------
    values
        Parameters by name and the table; the last axis is the dimension of the effects.
    review
        Gives the positions of labels.
    """
    found = {name: np.asarray(values[name]) for name in ("mu", "tau")}
    found |= {n: np.asarray(values[n]) for n in ("sigma_subtype", "sigma_treatment")}
    effect = np.asarray(values["treatment_effect"])
    reference = review.treatments[0]
    treatment = np.asarray(values["sigma_treatment"])[..., None] * effect
    for i, label in enumerate(review.treatments[1:], start=1):
        found[f"{label} v. {reference}"] = treatment[..., i] - treatment[..., 0]
    subtype = np.asarray(values["sigma_subtype"])[..., None] * np.asarray(values["subtype_effect"])
    for label in SUBTYPES:
        found[f"logit {label}"] = found["mu"] + subtype[..., review.subtypes.index(label)]
    names = (review.cells["arm"] + ": " + review.cells["subtype"].astype(str)).tolist()
    for label in CELLS:
        found[label] = np.asarray(values[TABLE])[..., names.index(label)]
    return found


@cache
def _design() -> tuple[CaseMixReview, Additive]:
    """Return the paper's review and the model, once a process: margins enter by the table alone."""
    review = paper_review(load_evidence())
    return review, case_mix_additive(review.ledger(), DEFAULT_PRIORS)


def sample_table_model(simulated: CaseMixReview, seed: int) -> tuple[dict[str, Any], int]:
    """Sample once; return draws (chain, draw, ...) by name and divergences."""
    model = _design()[1]
    lattice = simulated.lattice
    settings = SamplerSettings(DRAWS, TUNE, CHAINS, TARGET_ACCEPT, seed)
    found = run_chains(model, lattice, starting_tables(lattice, CHAINS, seed), settings, threads=1)
    draws = {name: values for name, (_, values) in model.named(found.vectors).items()}
    return draws | {TABLE: found.tables}, int(found.stats["diverging"].sum())


def run_simulation(index: int, seed: int) -> pd.DataFrame:
    """Run one simulation; return the PIT value of every quantity.

    Returns
    -------
    pandas.DataFrame
        ``simulation``, ``quantity``, ``pit`` = (rank + 1/2) / (draws ranked + 1), ties broken at
        random, ``rhat``, ``ess_bulk`` (of all draws) and the simulation's ``divergences``.
    """
    review = _design()[0]
    rng = np.random.default_rng([seed, index])
    parameters = draw_parameters(review, DEFAULT_PRIORS, rng)
    simulated, table = simulate(review, parameters, rng)
    truth = quantities({**parameters, TABLE: table}, review)
    draws, divergences = sample_table_model(simulated, seed + index)
    found = quantities(draws, review)
    rows = []
    for name, values in found.items():
        kept = values[:, THIN - 1 :: THIN].ravel()
        chains = xr.Dataset({"q": (("chain", "draw"), values.astype(float))})
        moved = float(values.std()) > 0
        rows.append(
            {
                "simulation": index,
                "quantity": name,
                "pit": float(pit_values(ranks(kept, truth[name], rng), kept.size)),
                "rhat": float(azs.rhat(chains)["q"]) if moved else 1.0,
                "ess_bulk": float(azs.ess(chains, method="bulk")["q"]) if moved else np.nan,
                "divergences": divergences,
            }
        )
    return pd.DataFrame(rows)


def run_simulations(first: int, stop: int, seed: int) -> pd.DataFrame:
    """Run simulations ``first`` to ``stop - 1``."""
    runs = [run_simulation(index, seed) for index in range(first, stop)]
    return pd.concat(runs, ignore_index=True)


def case_mix_study(simulations: int, seed: int) -> Study:
    """Return the study, of one simulation a part."""
    design = paper_review(load_evidence()).ledger().to_csv(index=False, lineterminator="\n")
    return Study(
        name=CASE_MIX,
        function=run_simulations,
        cells={"": ()},
        simulations=simulations,
        chunk=1,
        seed=seed,
        settings={
            "seed": seed,
            "chains": CHAINS,
            "tune": TUNE,
            "draws": DRAWS,
            "thin": THIN,
            "target_accept": TARGET_ACCEPT,
            "priors": DEFAULT_PRIORS.as_dict(),
            "design_sha256": hashlib.sha256(design.encode()).hexdigest(),
            "sources": sources(),
        },
        part="simulation_{first:05}",
    )
