"""Response, disease control and toxicity together: rates, correlations, trade-off."""

from models.interface.cli import run

from pathlib import Path

from cyclopts import App

app = App(help=__doc__, version_flags=[])


@app.default
def outcomes(
    review: Path | None = None,
    *,
    prior_mu_mean: float = 0.0,
    prior_mu_sd: float = 1.5,
    prior_tau_scale: float = 1.0,
    prior_sigma_scale: float = 1.0,
    prior_complete_scale: float = 0.5,
    prior_correlation_shape: float = 2.0,
    draws: int = 2000,
    seed: int = 20250107,
    json: Path | None = None,
) -> None:
    """Fit the joint model and print what each treatment does and what it costs.

    Parameters
    ----------
    review
        CSV with the columns study, total, cr, responders, controlled, toxicity, toxicity_total
        and, to compare treatments, treatment. Complete responders are among the responders, these
        among the controlled; a blank cell is not reported, and the arm stays in. By default the
        paper's arms.
    prior_mu_mean
        Mean of the normal prior of each conditional rate (logit).
    prior_mu_sd
        Standard deviation of the normal prior of each conditional rate.
    prior_tau_scale
        Scale of the half-normal prior of the SDs between arms.
    prior_sigma_scale
        Scale of the half-normal prior of the SDs between treatments.
    prior_complete_scale
        The same two scales for complete response given response.
    prior_correlation_shape
        Shape of the LKJ prior of the correlations between arms.
    draws
        Draws kept per chain (four chains).
    seed
        Seed of the sampler.
    json
        Write every number, unrounded, to this file.
    """
    from models.interface.cli import check_run_options

    from models.common.errors import GateError
    from models.priors import JointPriors

    check_run_options(draws, seed, json)
    priors = JointPriors(
        mu_mean=prior_mu_mean,
        mu_sd=prior_mu_sd,
        tau_scale=prior_tau_scale,
        sigma_scale=prior_sigma_scale,
        complete_scale=prior_complete_scale,
        correlation_shape=prior_correlation_shape,
    )
    if review is not None:
        from models.reviews.joint import read_joint

        frame = read_joint(review)
    else:
        from models.evidence.joint import paper_joint
        from models.evidence.load import load_evidence

        frame = paper_joint(load_evidence())

    from rich.console import Console

    with Console(stderr=True).status("compiling and sampling the joint model (about a minute)"):
        from models.analyses.outcomes.summary import analyse_outcomes
        from models.fitting.fit import SamplerSettings
        from models.fitting.sampler import Sampler

        sampler = Sampler(SamplerSettings(draws=draws, seed=seed))
        analysis = analyse_outcomes(frame, sampler, priors)
    from models.analyses.outcomes.tables import print_analysis

    print_analysis(analysis, str(review) if review is not None else "the paper's arms")
    if json is not None:
        from models.common.files import write_json

        write_json(json, analysis.as_dict())
    if not analysis.fit.gate.passed:
        raise GateError(
            f"the fit did not pass the gate; do not use it. {analysis.fit.gate.sentence()}"
        )


if __name__ == "__main__":
    run(app)
