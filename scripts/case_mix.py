"""Treatment contrasts at equal histology: the case-mix model."""

from models.interface.cli import run

from pathlib import Path

from cyclopts import App

from models.interface.options import Whole

app = App(help=__doc__, version_flags=[])


@app.default
def case_mix(
    *,
    mix: Path | None = None,
    data: Path | None = None,
    subtype: str | None = None,
    treatment: str | None = None,
    approximate: bool = False,
    prior_mu_mean: float = 0.0,
    prior_mu_sd: float = 1.5,
    prior_tau_scale: float = 1.0,
    prior_sigma_scale: float = 1.0,
    draws: Whole = 1200,
    seed: Whole = 20250107,
    json: Path | None = None,
) -> None:
    """Compare treatments at equal histology, beside the unadjusted comparison.

    Patients of an arm and a subtype respond with logit mu + subtype + treatment + study effect.
    Known are the responders of every arm and of every subtype in each treatment group; the table
    between them is sampled with the rest, exactly.

    Parameters
    ----------
    mix
        Patient mix over which rates are averaged: CSV with subtype, patients. By default that of
        all patients of the review. Conditional odds ratios do not depend on it.
    data
        A review of your own: a folder with arms.csv (arm, treatment, responders), composition.csv
        (arm, subtype, patients) and, if known, subtype_treatment.csv (subtype, treatment,
        responders: totals over the arms of a treatment) and known.csv (arm, subtype, responders:
        single cells that a report states). Patients who could not be evaluated count as
        non-responders. By default the paper's review.
    subtype
        With --treatment: print the response predicted for this patient group in a new trial.
    treatment
        With --subtype.
    approximate
        Fit the fast approximation instead: arm totals binomial with the mixture rate, subtype
        totals multinomial shares of their sum. The table is then not inferred.
    prior_mu_mean
        Mean of the normal prior of mu (logit).
    prior_mu_sd
        Standard deviation of the normal prior of mu.
    prior_tau_scale
        Scale of the half-normal priors of the SD between studies and between subtypes.
    prior_sigma_scale
        Scale of the half-normal prior of the SD between treatments.
    draws
        Draws kept per chain (four chains).
    seed
        Seed of the sampler.
    json
        Write every number, unrounded, to this file.
    """
    from models.interface.console.case_mix import estimate, report

    answer = estimate(
        data,
        mix,
        priors={
            "mu_mean": prior_mu_mean,
            "mu_sd": prior_mu_sd,
            "tau_scale": prior_tau_scale,
            "sigma_scale": prior_sigma_scale,
        },
        patients=(subtype, treatment),
        approximate=approximate,
        draws=draws,
        seed=seed,
        json=json,
    )
    report(answer, json)


if __name__ == "__main__":
    run(app)
