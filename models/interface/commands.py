"""What the commands do: read, fit, write, and only then print."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.common.errors import GateError, InputError
from models.interface.options import Sampling, check_outputs, check_parallel_options
from models.priors import Priors

if TYPE_CHECKING:
    import pandas as pd

    from models.fitting.fit import Fit, Wanted


def refuse_with(option: str, **others: object) -> None:
    """Refuse options that say nothing beside another.

    Raises
    ------
    InputError
        Naming the first of them that was given.
    """
    for name, value in others.items():
        if value is not None:
            label = name if name.isupper() else f"--{name}"
            raise InputError(f"{option} takes --out and priors, not {label}")


def refuse_without(option: str, **others: object) -> None:
    """Refuse options that belong to another that was not given.

    Raises
    ------
    InputError
        Naming the first of them.
    """
    for name, value in others.items():
        if value is not None:
            raise InputError(f"--{name} belongs to {option}")


def check(sampling: Sampling, json: Path | None, out: Path | None, review: Path | None) -> None:
    """Refuse options that cannot be met, before anything is computed.

    Raises
    ------
    InputError
        Naming the option and its value.
    """
    sampling.check()
    if out is not None and out.suffix in (".csv", ".parquet"):
        raise InputError(f"--out {out}: a table belongs to --batch; fits are saved to a folder")
    check_outputs(json, out, [review])
    if out is not None and sampling.engine == "grid":
        raise InputError(
            "--out keeps a sampler's draws and diagnostics for scripts/discussion.py, which the "
            "grid does not have; use --json, or --engine nuts"
        )


class Shown:
    """A fitter for one command, with a sign of life while it samples.

    Parameters
    ----------
    sampling
        How fits are made.
    """

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling

    @property
    def seed(self) -> int:
        """Seed of the fit."""
        return self._sampling.seed

    def __call__(self, wanted: "Wanted") -> "Fit":
        """Return the fit."""
        return fitted(self._sampling, wanted)


def fitted(sampling: Sampling, wanted: "Wanted") -> "Fit":
    """Return the fit, with a sign of life while it is sampled."""
    from rich.console import Console

    if sampling.engine == "grid":
        return sampling.fitter()(wanted)
    with Console(stderr=True).status("compiling and sampling the Bayesian model"):
        return sampling.fitter()(wanted)


def save(fit: "Fit", out: Path | None, name: str, file: Path | None, **context: Any) -> None:
    """Save a fit of a user's file, or of the paper's data, if a folder was named."""
    if out is None:
        return
    from models.common.constants import DATA_DIR
    from models.fitting.records import save_fit

    inputs = [file] if file is not None else [DATA_DIR / "outcomes.csv"]
    save_fit(replace(fit, context=context), out, name, inputs)


def require(fit: "Fit") -> None:
    """End with exit code 1 if a fit failed its gate.

    Raises
    ------
    GateError
        With the verdict.
    """
    if not fit.gate.passed:
        raise GateError(f"the fit did not pass the gate; do not use it. {fit.gate.sentence()}")


def pool(
    review: Path | None,
    outcome: str | None,
    where: list[str],
    sampling: Sampling,
    priors: Priors,
    json: Path | None,
    out: Path | None,
) -> None:
    """Pool one review three ways; parameters as in ``scripts/pool.py``."""
    if (review is None) == (outcome is None):
        raise InputError("give either a review file or --outcome orr|dcr|trae")
    check(sampling, json, out, review)
    data, source = _studies(review, outcome, where)

    from models.analyses.pools.summary import freeman_tukey_dict, glmm_dict, summarise
    from models.common.files import write_json
    from models.fitting.fit import Wanted
    from models.fitting.records import POOL_REVIEW
    from models.fitting.registry import POOLED
    from models.frequentist.freeman_tukey import freeman_tukey_pool
    from models.frequentist.glmm import fit_glmm
    from models.interface.console.studies import show_bayes, show_frequentist

    freeman_tukey = freeman_tukey_pool(data["events"], data["total"])
    glmm = fit_glmm(data["events"], data["total"])
    fit = fitted(sampling, Wanted(POOLED, data, priors, POOL_REVIEW))
    bayes = summarise(fit, data)
    if json is not None:
        write_json(
            json,
            {
                "k": len(data),
                "freeman_tukey": freeman_tukey_dict(freeman_tukey),
                "glmm": glmm_dict(glmm),
                "bayes": bayes.as_dict(),
                "diagnostics": fit.gate.as_dict(),
            },
        )
    save(fit, out, POOL_REVIEW, review, source=source, where=where)
    show_frequentist(data, source, freeman_tukey, glmm)
    show_bayes(bayes, fit.gate.sentence())
    require(fit)


def _studies(
    review: Path | None, outcome: str | None, where: list[str]
) -> tuple["pd.DataFrame", str]:
    """Return the studies of a file or of the paper, and what they are called."""
    from models.reviews.conditions import select
    from models.reviews.reader import read_review

    if review is not None:
        return select(read_review(review), where, str(review)), str(review)
    from models.evidence.load import load_evidence

    source = f"the paper's {outcome} data"
    return select(load_evidence().outcome(str(outcome)), where, source), source


def pool_batch(
    source: Path, out: Path | None, priors: Priors, scheduler: str | None, workers: int | None
) -> None:
    """Pool many reviews; faults are counted at the end, with exit code 2."""
    from models.analyses.pools.batch import run_batch
    from models.render.escape import say

    if out is None:
        raise InputError("--batch needs --out FILE.parquet or FILE.csv")
    check_parallel_options(1 if workers is None else workers, scheduler)
    report = run_batch(source, out, priors, scheduler=scheduler, workers=workers)
    say(f"{report.reviews} reviews pooled in {report.seconds:.1f} s: {out}")
    if report.failed:
        raise InputError(
            f"{report.failed} of {report.reviews} reviews have a fault, for example "
            f"{report.example}; the column 'error' of {out} names each, the others are pooled"
        )


def subgroups(
    review: Path | None,
    outcome: str | None,
    by: str | None,
    *,
    margin: float,
    lower_is_better: bool,
    sampling: Sampling,
    priors: Priors,
    json: Path | None,
    out: Path | None,
) -> None:
    """Compare groups of studies; parameters as in ``scripts/subgroups.py``."""
    if review is not None and outcome is not None:
        raise InputError("give either a review file or --outcome")
    if not 0 < margin < 1:
        raise InputError(f"--margin must lie between 0 and 1, got {margin}")
    if review is not None and by is None:
        raise InputError("a review needs --by COLUMN, the column that holds the groups")
    check(sampling, json, out, review)
    by = by or "treatment"
    name = "events" if review is not None else outcome or "orr"
    data = _grouped(review, name, by)

    from models.analyses.groups.summary import form_analysis
    from models.common.files import write_json
    from models.fitting.fit import Wanted
    from models.fitting.records import GROUPS_REVIEW
    from models.fitting.registry import SUBGROUP
    from models.interface.console.studies import print_analysis

    settings: dict[str, Any] = {
        "outcome": name,
        "by": by,
        "margin": margin,
        "higher_is_better": not (lower_is_better or name == "trae"),
    }
    fit = fitted(sampling, Wanted(SUBGROUP, data, priors, GROUPS_REVIEW))
    analysis = form_analysis(fit, data, **settings)
    if json is not None:
        write_json(json, analysis.as_dict())
    save(fit, out, GROUPS_REVIEW, review, **settings)
    print_analysis(analysis, margin)
    require(fit)


def _grouped(review: Path | None, outcome: str, by: str) -> "pd.DataFrame":
    if review is not None:
        from models.reviews.groups import group_by
        from models.reviews.reader import read_review

        return group_by(read_review(review), by, str(review))
    from models.evidence.groupings import grouped_outcome
    from models.evidence.load import load_evidence

    return grouped_outcome(load_evidence(), outcome, by)
