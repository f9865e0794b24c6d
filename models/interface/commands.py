"""What the commands do: read, fit, write, and only then print."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.common.errors import GateError, InputError
from models.interface.console.terminal import show_lines
from models.interface.options import Engine, Sampling, check_outputs, check_parallel_options
from models.interface.reading import Reading
from models.priors import Priors

if TYPE_CHECKING:
    import pandas as pd

    from models.fitting.fit import Fit, Wanted

EVENTS: Final = {
    "orr": "an objective response",
    "dcr": "disease control",
    "trae": "a grade 3-5 treatment-related adverse event",
}
"""Outcomes of the paper, as in "patients with disease control"."""


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


def check(sampling: Sampling, json: Path | None, out: Path | None, review: Path | None) -> Sampling:
    """Refuse options that cannot be met, before anything is computed.

    Returns
    -------
    Sampling
        With the engine: as asked for, else exact, or the sampler if its draws are to be saved.

    Raises
    ------
    InputError
        Naming the option and its value.
    """
    sampling.check()
    if out is not None and out.suffix in (".csv", ".parquet"):
        raise InputError(f"--out {out}: a table belongs to --batch; fits are saved to a folder")
    check_outputs(json, out, [review])
    if out is not None and sampling.engine in ("exact", "grid"):
        raise InputError(
            "--out keeps a sampler's draws and diagnostics for scripts/discussion.py, which the "
            "exact engine does not have; use --json, or --engine nuts"
        )
    engine: Engine = "exact" if sampling.exact and out is None else "nuts"
    return replace(sampling, engine=engine)


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
    from models.interface.console.terminal import working

    if sampling.exact:
        return sampling.fitter()(wanted)
    with working(f"sampling {wanted.description or wanted.name}"):
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


@dataclass(frozen=True)
class Read:
    """Studies, what they are called, how they were read, and how many there were."""

    data: "pd.DataFrame"
    source: str
    event: str
    notes: list[str] = field(default_factory=list)
    rows: int | None = None
    file: Path | None = None

    def made_by(self, fit: "Fit", reading: Reading, **options: Any) -> dict[str, Any]:
        """Return what the numbers were made of and with."""
        from models.analyses.review.run import made_by

        rows = len(self.data) if self.rows is None else self.rows
        made = made_by(self.file, rows, len(self.data), **options, **reading.options())
        sampling = {k: v for k, v in fit.sampling.items() if isinstance(v, str | int | float)}
        record = {"source": self.source, "priors": fit.priors.as_dict(), "sampling": sampling}
        return made | record


def read(review: Path | None, outcome: str | None, reading: Reading, by: str | None = None) -> Read:
    """Return the studies of a file or of the paper; with ``by`` in groups."""
    if review is not None:
        data, notes, rows = reading.read(review)
        if by is not None:
            from models.reviews.groups import group_by

            data = group_by(data, by, str(review))
        return Read(data, str(review), "an event", notes, rows, review)
    from models.evidence.load import load_evidence

    source, evidence = f"the paper's {outcome} data", load_evidence()
    if by is None:
        data = evidence.outcome(str(outcome))
    else:
        from models.evidence.groupings import grouped_outcome

        data = grouped_outcome(evidence, str(outcome), by)
    kept = reading.kept(data, source)
    if by is not None:
        kept = kept.assign(group=kept["group"].cat.remove_unused_categories())
    return Read(kept, source, EVENTS[str(outcome)], rows=len(data))


def pool(
    review: Path | None,
    outcome: str | None,
    reading: Reading,
    sampling: Sampling,
    priors: Priors,
    json: Path | None,
    out: Path | None,
) -> None:
    """Pool one review three ways; parameters as in ``scripts/pool.py``."""
    if (review is None) == (outcome is None):
        raise InputError("give either a review file or --outcome orr|dcr|trae")
    sampling = check(sampling, json, out, review)
    studies = read(review, outcome, reading)
    data = studies.data

    from models.analyses.pools.summary import freeman_tukey_dict, glmm_dict, summarise
    from models.analyses.review import cautions
    from models.common.files import write_json
    from models.fitting.fit import Wanted
    from models.fitting.records import POOL_REVIEW
    from models.fitting.registry import POOLED
    from models.frequentist.freeman_tukey import freeman_tukey_pool
    from models.frequentist.glmm import fit_glmm
    from models.interface.console.studies import pool_answer, show_head, show_pool

    events, total = int(data["events"].sum()), int(data["total"].sum())
    freeman_tukey = freeman_tukey_pool(data["events"], data["total"])
    glmm = fit_glmm(data["events"], data["total"])
    said = [*cautions.of_rows(data, None)] if review is not None else []
    said += cautions.of_estimators(freeman_tukey, glmm, events, total)
    fit = fitted(sampling, Wanted(POOLED, data, priors, POOL_REVIEW, studies.source))
    bayes = summarise(fit, data)
    answer = pool_answer(data, bayes, studies.event)
    if json is not None:
        write_json(
            json,
            {
                "k": len(data),
                "freeman_tukey": {
                    **freeman_tukey_dict(freeman_tukey),
                    "method": freeman_tukey.method,
                },
                "glmm": {**glmm_dict(glmm), "reason": glmm.reason},
                "bayes": bayes.as_dict(),
                "diagnostics": fit.gate.as_dict(),
                "events": events,
                "total": total,
                "crude": events / total,
                "observed": (data["events"] / data["total"]).tolist(),
                "notes": studies.notes,
                "cautions": said,
                "answer": answer,
                "provenance": studies.made_by(fit, reading),
            },
        )
    save(fit, out, POOL_REVIEW, review, source=studies.source, where=reading.where or [])
    show_head(data, studies.source, studies.notes, said, studies.rows)
    show_pool(data, freeman_tukey, glmm, bayes, fit.gate.sentence())
    show_lines(answer)
    require(fit)


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
    full: bool,
    reading: Reading,
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
    sampling = check(sampling, json, out, review)
    by = by or "treatment"
    name = "events" if review is not None else outcome or "orr"
    studies = read(review, name, reading, by)
    data = studies.data

    from models.analyses.groups.summary import form_analysis
    from models.analyses.review import cautions
    from models.analyses.review.words import records
    from models.common.files import write_json
    from models.fitting.fit import Wanted
    from models.fitting.records import GROUPS_REVIEW
    from models.fitting.registry import SUBGROUP
    from models.interface.console.studies import groups_answer, show_groups, show_head

    settings: dict[str, Any] = {
        "outcome": name,
        "by": by,
        "margin": margin,
        "higher_is_better": not (lower_is_better or name == "trae"),
    }
    # of a file, the rows without a group are named; they are gone from the groups
    said = [*cautions.of_rows(reading.read(review)[0], by)] if review is not None else []
    fit = fitted(sampling, Wanted(SUBGROUP, data, priors, GROUPS_REVIEW, studies.source))
    analysis = form_analysis(fit, data, **settings)
    answer = groups_answer(analysis, studies.event)
    if json is not None:
        content = analysis.as_dict() | {
            "margin": margin,
            "table": records(analysis.groups),
            "contrasts_within_margin": records(
                analysis.contrasts[analysis.contrasts["scale"] == "risk_difference"]
            )
            if len(analysis.contrasts)
            else [],
            "freeman_tukey_between_p": analysis.ft_between_p,
            "log_bayes_factor": analysis.log_bayes_factor,
            "notes": studies.notes,
            "cautions": said,
            "answer": answer,
            "provenance": studies.made_by(fit, reading, **settings),
        }
        write_json(json, content)
    save(fit, out, GROUPS_REVIEW, review, **settings)
    show_head(data, studies.source, studies.notes, said, studies.rows)
    show_groups(analysis, margin, full=full)
    show_lines(answer)
    require(fit)
