"""Pool one review: the published estimator, the ML GLMM and the Bayesian model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from models.interface.cli import run

if TYPE_CHECKING:
    import pandas as pd

app = App(help=__doc__, version_flags=[])


@app.default
def pool(
    review: Path | None = None,
    *,
    outcome: Literal["orr", "dcr", "trae"] | None = None,
    engine: Literal["nuts", "grid"] = "nuts",
    where: Annotated[list[str], Parameter(negative=())] | None = None,
    prior_mu_mean: float = 0.0,
    prior_mu_sd: float = 1.5,
    prior_tau_scale: float = 1.0,
    draws: int = 2000,
    seed: int = 20250107,
    json: Path | None = None,
    save: Path | None = None,
    batch: Path | None = None,
    out: Path | None = None,
    scheduler: str | None = None,
    workers: int | None = None,
) -> None:
    """Pool the proportions of one review, or of many.

    Parameters
    ----------
    review
        CSV with the columns study, events, total (further columns allowed).
    outcome
        Instead of a file: an outcome of the paper (orr: objective response, dcr: disease
        control, trae: grade 3-5 treatment-related adverse events).
    engine
        nuts: sample; grid: the same posterior by quadrature, in an instant and without Monte Carlo
        error.
    where
        Keep the rows with COLUMN=VALUE, for example --where treatment="ICI + TKI"; may be
        repeated.
    prior_mu_mean
        Mean of the normal prior of mu (logit of the typical rate).
    prior_mu_sd
        Standard deviation of the normal prior of mu.
    prior_tau_scale
        Scale of the half-normal prior of tau (SD between studies, logit scale).
    draws
        Draws kept per chain (four chains); the grid needs none.
    seed
        Seed of the sampler.
    json
        Write every number, unrounded, to this file.
    save
        Save draws and run record to this folder; scripts/discussion.py reads them (engine nuts).
    batch
        Pool many reviews by the grid: a folder of CSV files (study, events, total; one review
        each), or one Parquet file with the column review besides.
    out
        Table that --batch writes, one row a review: a name that ends in .parquet or .csv.
    scheduler
        Run --batch on the dask scheduler at this address.
    workers
        Processes of this machine that --batch uses; by default one a core.
    """
    from models.common.errors import GateError, InputError
    from models.interface.cli import check_run_options
    from models.priors import Priors
    from models.reviews.reader import read_review, select

    priors = Priors(mu_mean=prior_mu_mean, mu_sd=prior_mu_sd, tau_scale=prior_tau_scale)
    if batch is not None:
        if any(value is not None for value in (review, outcome, where, json, save)):
            raise InputError("--batch takes --out and priors, not a review, --json or --save")
        pool_batch(batch, out, priors, scheduler, workers)
        return
    for name, value in (("--out", out), ("--scheduler", scheduler), ("--workers", workers)):
        if value is not None:
            raise InputError(f"{name} belongs to --batch")
    if (review is None) == (outcome is None):
        raise InputError("give either a review file or --outcome orr|dcr|trae")
    check_run_options(draws, seed, json, save)
    if engine == "grid" and save is not None:
        raise InputError(
            "--save keeps a sampler's draws and diagnostics for scripts/discussion.py, which the "
            "grid does not have; use --json, or --engine nuts"
        )
    if review is not None:
        data, source = read_review(review), str(review)
    else:
        from models.evidence.load import load_evidence

        data, source = load_evidence().outcome(str(outcome)), f"the paper's {outcome} data"
    data = select(data, where or [], source)

    from models.analyses.pools.summary import freeman_tukey_dict, glmm_dict
    from models.frequentist.freeman_tukey import freeman_tukey_pool
    from models.frequentist.glmm import fit_glmm

    freeman_tukey = freeman_tukey_pool(data["events"], data["total"])
    glmm = fit_glmm(data["events"], data["total"])
    show_frequentist(data, source, freeman_tukey, glmm)

    if engine == "grid":
        from models.analyses.pools.exact import fit_review, summarise_exact
        from models.fitting.exact import GridGate

        exact = fit_review(data, priors)
        bayes, gate = summarise_exact(exact, data), GridGate(exact.quadrature_error)
    else:
        fit, bayes = sample(data, priors, draws, seed)
        gate = fit.gate
    show_bayes(bayes, gate.sentence())
    if json is not None:
        from models.common.files import write_json

        write_json(
            json,
            {
                "k": len(data),
                "freeman_tukey": freeman_tukey_dict(freeman_tukey),
                "glmm": glmm_dict(glmm),
                "bayes": bayes.as_dict(),
                "diagnostics": gate.as_dict(),
            },
        )
    if save is not None:
        from models.common.constants import DATA_DIR
        from models.fitting.records import save_fit
        from models.report.user import POOL

        inputs = [review] if review is not None else [DATA_DIR / "outcomes.csv"]
        save_fit(fit, save, POOL, inputs, {"source": source, "where": where or []})
    if not gate.passed:
        raise GateError(f"the fit did not pass the gate; do not use it. {gate.sentence()}")


def sample(data: "pd.DataFrame", priors: Any, draws: int, seed: int) -> tuple[Any, Any]:
    """Return the sampled fit and its summary."""
    from rich.console import Console

    with Console(stderr=True).status("compiling and sampling the Bayesian model"):
        from models.analyses.pools.summary import summarise_pooled
        from models.estimands.rates import pooled_estimands
        from models.fitting.fit import SamplerSettings
        from models.fitting.sampler import Sampler
        from models.pooled import build_pooled_model

        sampler = Sampler(SamplerSettings(draws=draws, seed=seed))
        fit = sampler.fit(build_pooled_model, data, priors, pooled_estimands)
        return fit, summarise_pooled(fit.posterior, data)


def pool_batch(
    source: Path, out: Path | None, priors: Any, scheduler: str | None, workers: int | None
) -> None:
    """Pool many reviews; faults are counted at the end, with exit code 2."""
    from models.analyses.pools.batch import run_batch
    from models.common.errors import InputError
    from models.interface.cli import check_parallel_options

    if out is None:
        raise InputError("--batch needs --out FILE.parquet or FILE.csv")
    check_parallel_options(1 if workers is None else workers, scheduler)
    report = run_batch(source, out, priors, scheduler=scheduler, workers=workers)
    print(f"{report.reviews} reviews pooled in {report.seconds:.1f} s: {out}")
    if report.failed:
        raise InputError(
            f"{report.failed} of {report.reviews} reviews have a fault, for example "
            f"{report.example}; the column 'error' of {out} names each, the others are pooled"
        )


def show_frequentist(data: "pd.DataFrame", source: str, freeman_tukey: Any, glmm: Any) -> None:
    """Print the two frequentist pools."""
    from rich.console import Console
    from rich.markup import escape

    from models.render.format import rate

    out = Console(highlight=False)
    events, total = int(data["events"].sum()), int(data["total"].sum())
    out.print(
        f"[bold]{escape(source)}[/]: {len(data)} studies, {events} events in {total} patients "
        f"(crude {events / total:.3f})"
    )
    i2 = "-" if freeman_tukey.i2 is None else f"{freeman_tukey.i2:.1f} %"
    out.print(
        f"  Freeman-Tukey pool ({freeman_tukey.method})  "
        f"{rate(freeman_tukey.estimate, freeman_tukey.lower, freeman_tukey.upper)}   I2 {i2}"
    )
    if glmm.exists:
        out.print(
            f"  ML GLMM, typical rate  {rate(glmm.estimate, glmm.lower, glmm.upper)}   "
            f"tau {glmm.tau2**0.5:.3f} (logit scale)"
        )
    else:
        out.print(f"  ML GLMM: no maximum exists ({glmm.reason})")


def show_bayes(bayes: Any, gate: str) -> None:
    """Print the Bayesian estimates and the shrunken study rates."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from models.render.format import rate

    out = Console(highlight=False)
    for name, numbers in (
        ("typical rate (median study)", bayes.typical),
        ("average rate (mean over studies)", bayes.average),
        ("rate in a new study", bayes.new_study),
    ):
        values = rate(numbers["median"], numbers["lower"], numbers["upper"])
        out.print(f"  Bayes, {name}  {values}")
    tau = rate(bayes.tau["median"], bayes.tau["lower"], bayes.tau["upper"])
    out.print(f"  Bayes, tau (SD between studies, logit scale)  {tau}")
    out.print("  Bayes: posterior median with 95 % equal-tailed interval")
    table = Table(title="Study rates", title_justify="left", box=None, pad_edge=False)
    for heading in ("study", "events/total", "observed", "posterior median (95 % interval)"):
        table.add_column(heading, justify="left" if heading == "study" else "right")
    for row in bayes.studies.itertuples():
        table.add_row(
            escape(str(row.study)),
            f"{row.events}/{row.total}",
            f"{row.events / row.total:.3f}",
            rate(row.median, row.lower, row.upper),
        )
    out.print(table)
    out.print(f"  gate: {gate}")


if __name__ == "__main__":
    run(app)
