"""Shrinkage estimates for subtypes: disjoint strata that learn from each other."""

from models.interface.cli import run

from pathlib import Path
from typing import Literal

from cyclopts import App

from models.interface.options import Engine, Whole

app = App(help=__doc__, version_flags=[])


@app.default
def subtypes(
    *,
    model: Literal["exchangeable", "exnex", "by-treatment"] = "exchangeable",
    engine: Engine | None = None,
    data: Path | None = None,
    prior_mu_mean: float = 0.0,
    prior_mu_sd: float = 1.5,
    prior_tau_scale: float = 1.0,
    nex_mean: float | None = None,
    nex_sd: float | None = None,
    p_exchangeable: float | None = None,
    prior_sigma_scale: float | None = None,
    prior_interaction_scale: float | None = None,
    draws: Whole | None = None,
    seed: Whole = 20250107,
    json: Path | None = None,
    full: bool = False,
) -> None:
    """Estimate the response rate of every stratum.

    Parameters
    ----------
    model
        exchangeable: strata are draws of one population, those with a parent one level deeper;
        exnex: each stratum exchangeable or on its own (parents serve for their sum only);
        by-treatment: subtype and treatment group, additive with interaction.
    engine
        exact: by quadrature, with independent draws for ranks (model exchangeable, the default
        there); nuts: sample.
    data
        CSV or Excel with the columns stratum, events, total and, if wanted, parent: the name of the
        family that the stratum belongs to, blank for none. Strata must be disjoint: a parent is a
        name, not a row. With --model by-treatment the column treatment as well, one row a
        combination. By default the paper's 24 disjoint subtypes, or their 83 cells.
    prior_mu_mean
        Mean of the normal prior of mu (logit of the typical rate).
    prior_mu_sd
        Standard deviation of the normal prior of mu.
    prior_tau_scale
        Scale of the half-normal prior of tau (SD between strata, and of a family's members).
    nex_mean
        EXNEX: mean of the logit of a stratum on its own; by default the logit of 0.14.
    nex_sd
        EXNEX: its standard deviation; by default 2.9, the information of about one patient.
    p_exchangeable
        EXNEX: prior probability that a stratum is exchangeable; by default 0.5.
    prior_sigma_scale
        By treatment: scale of the half-normal prior of the SD between treatments; default 1.
    prior_interaction_scale
        By treatment: scale of the half-normal prior of the SD of interactions; default 0.5.
    draws
        Draws kept per chain (four chains); by default 2000, and 10000 for EXNEX, whose two
        parameters are quickly drawn and mix more slowly.
    seed
        Seed of the sampler, or of the independent draws.
    json
        Write every number, unrounded, to this file.
    full
        Print shrinkage and borrowed information as well.
    """
    from models.interface.console.subtypes import estimate, report

    answer = estimate(
        model,
        data,
        priors={"mu_mean": prior_mu_mean, "mu_sd": prior_mu_sd, "tau_scale": prior_tau_scale},
        own={
            "nex_mean": nex_mean,
            "nex_sd": nex_sd,
            "p_exchangeable": p_exchangeable,
            "prior_sigma_scale": prior_sigma_scale,
            "prior_interaction_scale": prior_interaction_scale,
        },
        engine=engine,
        draws=draws,
        seed=seed,
        json=json,
    )
    report(answer, json, full=full)


if __name__ == "__main__":
    run(app)
