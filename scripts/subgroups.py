"""Compare groups of studies: contrasts on three scales, ranks, league table."""

from pathlib import Path
from typing import Any, Literal

from cyclopts import App

from models.interface.cli import run

app = App(help=__doc__, version_flags=[])


@app.default
def subgroups(
    *,
    outcome: Literal["orr", "dcr", "trae"] | None = None,
    by: str | None = None,
    engine: Literal["nuts", "grid"] = "nuts",
    data: Path | None = None,
    margin: float = 0.10,
    lower_is_better: bool = False,
    prior_mu_mean: float = 0.0,
    prior_mu_sd: float = 1.5,
    prior_tau_scale: float = 1.0,
    prior_sigma_scale: float = 1.0,
    draws: int = 2000,
    seed: int = 20250107,
    json: Path | None = None,
    save: Path | None = None,
) -> None:
    """Fit partially pooled groups and print every contrast.

    Parameters
    ----------
    outcome
        Outcome of the paper's data (orr by default); not together with --data.
    by
        Grouping: treatment (default), line, line_with_unknown, line_in_chemotherapy, target,
        doxorubicin, pd1_chemotherapy, or a column of the data.
    engine
        nuts: sample; grid: the same posterior by quadrature, with independent draws for contrasts
        and ranks.
    data
        A review of your own: CSV with study, events, total and the column named by --by.
    margin
        Margin of the risk difference, as a proportion (0.10 = 10 percentage points).
    lower_is_better
        Rank the lowest rate best; always so for trae.
    prior_mu_mean
        Mean of the normal prior of mu (logit of the overall typical rate).
    prior_mu_sd
        Standard deviation of the normal prior of mu.
    prior_tau_scale
        Scale of the half-normal prior of tau.
    prior_sigma_scale
        Scale of the half-normal prior of sigma_group (SD between groups, logit scale).
    draws
        Draws kept per chain (four chains).
    seed
        Seed of the sampler, or of the grid's independent draws.
    json
        Write every number, unrounded, to this file.
    save
        Save draws and run record to this folder; scripts/discussion.py reads them (engine nuts).
    """
    from rich.console import Console

    from models.common.errors import GateError, InputError
    from models.interface.cli import check_run_options
    from models.priors import Priors
    from models.reviews.groups import group_by
    from models.reviews.reader import read_review

    if data is not None and outcome is not None:
        raise InputError("give either --data or --outcome")
    if not 0 < margin < 1:
        raise InputError(f"--margin must lie between 0 and 1, got {margin}")
    if data is not None and by is None:
        raise InputError("--data needs --by COLUMN, the column that holds the groups")
    by = by or "treatment"
    check_run_options(draws, seed, json, save)
    if engine == "grid" and save is not None:
        raise InputError(
            "--save keeps a sampler's draws and diagnostics for scripts/discussion.py, which the "
            "grid does not have; use --json, or --engine nuts"
        )
    priors = Priors(
        mu_mean=prior_mu_mean,
        mu_sd=prior_mu_sd,
        tau_scale=prior_tau_scale,
        sigma_scale=prior_sigma_scale,
    )
    if data is not None:
        review = group_by(read_review(data), by, str(data))
        name, lower = "events", lower_is_better
    else:
        from models.evidence.groupings import grouped_outcome
        from models.evidence.load import load_evidence

        name = outcome or "orr"
        review = grouped_outcome(load_evidence(), name, by)
        lower = lower_is_better or name == "trae"

    settings: dict[str, Any] = {
        "outcome": name,
        "by": by,
        "margin": margin,
        "higher_is_better": not lower,
    }
    analysis: Any
    if engine == "grid":
        from models.analyses.groups.exact import analyse_groups_exactly

        analysis = analyse_groups_exactly(review, priors, draws=draws, seed=seed, **settings)
    else:
        with Console(stderr=True).status("compiling and sampling the Bayesian model"):
            from models.analyses.groups.summary import analyse_groups
            from models.fitting.fit import SamplerSettings
            from models.fitting.sampler import Sampler

            sampler = Sampler(SamplerSettings(draws=draws, seed=seed))
            analysis = analyse_groups(review, sampler, priors, **settings)
    from models.analyses.groups.tables import print_analysis

    print_analysis(analysis, margin)
    if json is not None:
        from models.common.files import write_json

        write_json(json, analysis.as_dict())
    if save is not None:
        from models.common.constants import DATA_DIR
        from models.fitting.records import save_fit
        from models.report.user import GROUPS

        inputs = [data] if data is not None else [DATA_DIR / "outcomes.csv"]
        save_fit(analysis.fit, save, GROUPS, inputs, settings)
    if not analysis.fit.gate.passed:
        raise GateError(
            f"the fit did not pass the gate; do not use it. {analysis.fit.gate.sentence()}"
        )


if __name__ == "__main__":
    run(app)
