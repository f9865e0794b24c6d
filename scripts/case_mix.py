"""Treatment contrasts at equal histology: the case-mix model."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cyclopts import App

from models.interface.cli import check_run_options, run

if TYPE_CHECKING:
    import pandas as pd

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
    draws: int = 1200,
    seed: int = 20250107,
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
    from models.common.errors import GateError, InputError

    check_run_options(draws, seed, json)
    if (subtype is None) != (treatment is None):
        raise InputError("--subtype and --treatment go together")
    from models.priors import Priors

    priors = Priors(
        mu_mean=prior_mu_mean,
        mu_sd=prior_mu_sd,
        tau_scale=prior_tau_scale,
        sigma_scale=prior_sigma_scale,
    )
    review, shares, source = _read(data, mix)
    for option, label, known in (
        ("--subtype", subtype, review.subtypes),
        ("--treatment", treatment, review.treatments),
    ):
        if label is not None and label not in known:
            raise InputError(f"{option} {label!r}: the review has {', '.join(known)}")
    if len(review.treatments) < 2:
        raise InputError(f"{source}: a single treatment; there is nothing to compare")
    if approximate and len(review.subtypes) < 2:
        raise InputError("--approximate: the review has a single subtype; fit it without")

    from rich.console import Console

    from models.analyses.case_mix.summary import summarise_case_mix, unadjusted

    with Console(stderr=True).status("compiling and sampling (about a minute)"):
        fit = _fit(review, shares, priors, approximate, draws, seed)
        result = summarise_case_mix(fit, review, unadjusted(review, priors, seed), seed)
    show(result, source, fit.gate.sentence(), exact=not approximate)
    if subtype is not None:
        show_prediction(result.predictions, subtype, str(treatment))
    if json is not None:
        from models.common.files import write_json

        content = result.as_dict()
        content["diagnostics"] = fit.gate.as_dict()
        if approximate:
            content["cells"] = None
        write_json(json, content)
    if not fit.gate.passed:
        raise GateError(f"the fit did not pass the gate; do not use it. {fit.gate.sentence()}")


def _read(data: Path | None, mix: Path | None) -> tuple[Any, "pd.Series", str]:
    """Return the review, the patient mix and what the review is called."""
    from models.reviews.case_mix_files import read_case_mix, read_mix

    if data is not None:
        review, source = read_case_mix(data), str(data)
    else:
        from models.evidence.case_mix import paper_review
        from models.evidence.load import load_evidence

        review, source = paper_review(load_evidence()), "the paper's review"
    if mix is not None:
        return review, read_mix(mix, review.subtypes), source
    from models.estimands.case_mix import patient_mix

    return review, patient_mix(review), source


def _fit(
    review: Any, shares: "pd.Series", priors: Any, approximate: bool, draws: int, seed: int
) -> Any:
    """Fit the exact model or its approximation."""
    from models.analyses.case_mix.run import fit_approximation, fit_case_mix
    from models.fitting.fit import SamplerSettings
    from models.fitting.sampler import Sampler

    sampler = Sampler(SamplerSettings(draws=draws, seed=seed))
    if approximate:
        return fit_approximation(review, sampler, priors, mix=shares)
    return fit_case_mix(review, sampler, priors, mix=shares, draws=draws)


def show(result: Any, source: str, gate: str, *, exact: bool) -> None:
    """Print contrasts, standard deviations, subtypes and the gate."""
    from rich.console import Console
    from rich.table import Table

    from models.analyses.case_mix.tables import (
        NOTE,
        contrasts_frame,
        parameters_frame,
        subtypes_frame,
        treatments_frame,
    )

    out = Console(highlight=False)
    review, cells = result.review, result.cells
    out.print(
        f"[bold]{source}[/]: {len(review.arms)} arms, {review.total.sum()} patients, "
        f"{int(review.arms['events'].sum())} responders, {len(review.subtypes)} subtypes"
    )
    if exact:
        out.print(
            f"arm by subtype table: {cells.cells} cells, {cells.fixed} with one possible value, "
            f"{cells.moving} inferred, {cells.resting} free but hardly moving"
        )
    for row in review.set_aside.itertuples():
        out.print(f"  set aside: {row.arm}: {row.reason}")
    for title, frame in (
        ("Contrasts", contrasts_frame(result.contrasts)),
        ("Standard deviations (logit scale)", parameters_frame(result.parameters)),
        ("Rates of a typical study", treatments_frame(result.treatments)),
        ("Subtypes", subtypes_frame(result.subtypes)),
    ):
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        for heading in frame.columns:
            side: Literal["left", "right"] = "right" if heading[0] in "Pe" else "left"
            table.add_column(str(heading), justify=side)
        for cellsrow in frame.astype(str).to_numpy().tolist():
            table.add_row(*cellsrow)
        out.print(table)
    out.print(NOTE)
    out.print(f"gate: {gate}")


def show_prediction(predictions: "pd.DataFrame", subtype: str, treatment: str) -> None:
    """Print the response predicted for one patient group."""
    from rich.console import Console

    from models.render.format import rate

    chosen = predictions["subtype"].eq(subtype) & predictions["treatment"].eq(treatment)
    row = predictions[chosen].iloc[0]
    typical, new = (
        rate(row[f"{p}_median"], row[f"{p}_lower"], row[f"{p}_upper"]) for p in ("typical", "new")
    )
    Console(highlight=False).print(
        f"{subtype} with {treatment} ({row['total']} such patients in the review): rate in a "
        f"typical study {typical}; in a new trial {new}, mean {row['new_mean']:.3f}"
    )


if __name__ == "__main__":
    run(app)
