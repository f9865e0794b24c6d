"""True response rates for the simulation of subtypes, over the paper's own design.

A *unit* is a subtype of the 24 disjoint ones, or the row LPS, which holds four of them. A *cell* is
the patients of one subtype in one trial arm: their numbers are those of the paper, and only the
responders are simulated. Each scenario fixes the true rate of every unit; an estimate is then
judged against that rate, with the responders as the only thing that varies.

The model holds in none of the scenarios exactly, since true rates are fixed and not drawn; it is
nearest in ``posterior draws``, whose rates are joint draws from its posterior.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit

from models.evidence.load import Evidence
from models.evidence.vocabulary import TREATMENTS
from models.grid.fits import fit_subgroup, fit_tree
from models.priors import DEFAULT_PRIORS

type FloatArray = NDArray[np.float64]

HIGH: Final = ("ASPS", "DSRCT")
"""The two subtypes at 60 % in ``two high``: one of the largest and one of the small ones."""
HIGH_RATE: Final = 0.60
LOW_RATE: Final = 0.05
HOMOGENEOUS: Final = (0.05, 0.10, 0.20, 0.30)
POSTERIOR_DRAWS: Final = 20
FAMILY: Final = "LPS"
_NODES: Final = 41


@dataclass(frozen=True, eq=False)
class Design:
    """The paper's design, subtype by arm.

    Attributes
    ----------
    unit
        Labels of the 24 disjoint subtypes.
    parent
        Family of each, ``None`` for none.
    size
        Patients of each cell, shape (c,).
    subtype, arm, treatment
        Positions of each cell's subtype, arm and treatment group, shape (c,).
    family
        Positions of the members of LPS.
    """

    unit: tuple[str, ...]
    parent: tuple[str | None, ...]
    size: NDArray[np.int64]
    subtype: NDArray[np.intp]
    arm: NDArray[np.intp]
    treatment: NDArray[np.intp]
    family: NDArray[np.intp]

    @property
    def units(self) -> tuple[str, ...]:
        """All units judged: the subtypes and LPS."""
        return (*self.unit, FAMILY)

    def total(self) -> FloatArray:
        """Return the patients of every unit, LPS last, shape (25,)."""
        return self.with_family(np.bincount(self.subtype, self.size, len(self.unit)))

    def with_family(self, values: FloatArray) -> FloatArray:
        """Append the sum over the members of LPS to values of the subtypes."""
        return np.append(values, values[self.family].sum())

    def mean_over_cells(self, cell_rates: FloatArray) -> FloatArray:
        """Return the patient-weighted mean rate of every unit, LPS last, shape (25,)."""
        sums = np.bincount(self.subtype, self.size * cell_rates, len(self.unit))
        return self.with_family(sums) / self.total()


@dataclass(frozen=True, eq=False)
class Scenario:
    """True rates.

    Attributes
    ----------
    name
        As in the tables.
    words
        What it is, for readers.
    cell_logit
        Logit of each cell's rate before any effect of the arm, shape (number of truths, c);
        replicate ``r`` uses row ``r`` modulo their number. Infinite where a raw rate is 0 or 1.
    arm_sd
        Standard deviation of the arms' effects, drawn anew in every replicate, logit scale.
    true_rate
        True rate of every unit, shape (number of truths, 25): the patient-weighted mean over its
        cells and, with ``arm_sd``, over the distribution of the arms' effects.
    """

    name: str
    words: str
    cell_logit: FloatArray
    arm_sd: float
    true_rate: FloatArray

    def responders(self, design: Design, replicate: int, rng: np.random.Generator) -> FloatArray:
        """Draw the responders of every cell, shape (c,)."""
        effects = self.arm_sd * rng.standard_normal(int(design.arm.max()) + 1)
        logits = self.cell_logit[replicate % len(self.cell_logit)] + effects[design.arm]
        return rng.binomial(design.size, expit(logits)).astype(np.float64)


def paper_design(evidence: Evidence) -> Design:
    """Return the sizes of the paper's cells of subtype by arm.

    Patients without one of the 24 subtypes (GIST, other, unknown) are left out, as in Fig. 4.
    """
    strata = evidence.strata()
    unit = tuple(str(label) for label in strata["stratum"])
    parent = tuple(None if pd.isna(label) else str(label) for label in strata["parent"])
    rows = evidence.composition[evidence.composition["subtype"].isin(unit)]
    treatments = evidence.arms.set_index("arm_id")["treatment"].astype(str)
    return Design(
        unit=unit,
        parent=parent,
        size=rows["patients"].to_numpy(np.int64),
        subtype=np.array([unit.index(label) for label in rows["subtype"]], dtype=np.intp),
        arm=pd.factorize(rows["arm_id"])[0].astype(np.intp),
        treatment=np.array(
            [TREATMENTS.index(treatments[arm]) for arm in rows["arm_id"]], dtype=np.intp
        ),
        family=np.array([i for i, label in enumerate(parent) if label == FAMILY], dtype=np.intp),
    )


def scenarios(evidence: Evidence, design: Design, seed: int) -> list[Scenario]:
    """Return all scenarios.

    Parameters
    ----------
    evidence
        The paper's data: posterior and raw rates, and differences between treatment groups.
    design
        The paper's design.
    seed
        For the posterior draws.
    """
    strata = evidence.strata()
    events, total = strata["events"].to_numpy(), strata["total"].to_numpy()
    fit = fit_tree(
        events,
        total,
        design.parent,
        mu_mean=DEFAULT_PRIORS.mu_mean,
        mu_sd=DEFAULT_PRIORS.mu_sd,
        sigma_scale=DEFAULT_PRIORS.tau_scale,
        sigma_child_scale=DEFAULT_PRIORS.tau_scale,
    )
    draws = fit.draws(POSTERIOR_DRAWS, seed).unit_rate
    two_high = np.where(np.isin(design.unit, HIGH), HIGH_RATE, LOW_RATE)
    effects, arm_sd = _treatment_effects(evidence)
    means = logit(fit.units.rate_mean)
    found = [
        _of_subtypes(
            design, "posterior draws", "20 joint draws of the exchangeable posterior", draws
        ),
        _of_subtypes(
            design,
            "posterior means",
            "posterior mean rates of the exchangeable model",
            fit.units.rate_mean[None, :],
        ),
    ]
    for rate in HOMOGENEOUS:
        same = np.full((1, len(design.unit)), rate)
        found.append(
            _of_subtypes(
                design, f"all {100 * rate:.0f} %", f"every subtype at {100 * rate:.0f} %", same
            )
        )
    percent = f"{100 * HIGH_RATE:.0f} %, all others at {100 * LOW_RATE:.0f} %"
    return [
        *found,
        _of_subtypes(
            design, "raw rates", "observed rates as truth, 0 % included", (events / total)[None, :]
        ),
        _of_subtypes(design, "two high", f"{' and '.join(HIGH)} at {percent}", two_high[None, :]),
        _with_effects(
            design,
            "by treatment",
            "posterior means, times odds that differ between treatment groups as the paper's",
            means,
            effects,
            0.0,
        ),
        _with_effects(
            design,
            "by treatment and arm",
            f"the same, and an effect of each arm with standard deviation {arm_sd:.2f}",
            means,
            effects,
            arm_sd,
        ),
    ]


def _of_subtypes(design: Design, name: str, words: str, rates: FloatArray) -> Scenario:
    """Return a scenario in which all patients of a subtype have the same rate."""
    cell_rates = rates[:, design.subtype]
    with np.errstate(divide="ignore"):
        cell_logit = logit(cell_rates)
    true_rate = np.array([design.mean_over_cells(row) for row in cell_rates])
    return Scenario(name, words, cell_logit, 0.0, true_rate)


def _with_effects(
    design: Design,
    name: str,
    words: str,
    subtype_logit: FloatArray,
    treatment_effect: FloatArray,
    arm_sd: float,
) -> Scenario:
    cell_logit = subtype_logit[design.subtype] + treatment_effect[design.treatment]
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    cell_rates = expit(cell_logit[:, None] + arm_sd * nodes) @ (weights / weights.sum())
    true_rate = design.mean_over_cells(cell_rates)
    return Scenario(name, words, cell_logit[None, :], arm_sd, true_rate[None, :])


def _treatment_effects(evidence: Evidence) -> tuple[FloatArray, float]:
    """Return effects of the treatment groups and the standard deviation between arms.

    Effects are the differences between the logits of the groups' published response rates and
    their mean over patients; the standard deviation is the posterior mean of tau within groups.
    """
    outcome = evidence.outcome("orr")
    values = evidence.published_values
    pools = values[(values["outcome"] == "orr") & (values["kind"] == "pooled rate")]
    rates = pools.set_index("subgroup")["printed_estimate"].loc[list(TREATMENTS)].astype(float)
    logits = logit(rates.to_numpy())
    fit = fit_subgroup(
        outcome["events"].to_numpy(), outcome["total"].to_numpy(), list(outcome["treatment"])
    )
    patients = outcome.groupby("treatment", observed=True)["total"].sum()
    weights = patients.loc[list(TREATMENTS)].to_numpy(np.float64)
    return logits - float(np.average(logits, weights=weights)), fit.tau.mean
