"""What ``scripts/review.py`` does: read, analyse, write, and only then print."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.interface.console.terminal import show_cautions, show_lines, show_table, working
from models.interface.options import check_outputs, check_run_options
from models.interface.reading import Reading

if TYPE_CHECKING:
    from models.analyses.review.summary import ReviewResult

DRAWS = 2000
"""Draws of a sampler in each of four chains."""


def analyse(
    review: Path,
    by: str | None,
    covariates: str | None,
    cluster: str | None,
    reading: Reading,
    threshold: list[float] | None,
    prior: list[str] | None,
    order: str | None,
    engine: str,
    full: bool,
    json: Path | None,
    out: Path | None,
    **settings: Any,
) -> None:
    """Analyse one review; parameters as in ``scripts/review.py``.

    Raises
    ------
    models.common.errors.InputError
        If the file or an option has a fault.
    models.common.errors.GateError
        If a fit did not pass the gate; everything is written before.
    """
    check_run_options(DRAWS, settings["seed"])
    check_outputs(json, out, [review])
    from models.analyses.review.settings import Settings, parse_priors

    chosen = Settings(
        thresholds=tuple(threshold or ()),
        **parse_priors(prior or ()),  # type: ignore[arg-type]
        **settings,
    )
    sampled = engine == "nuts"
    if sampled or covariates:
        chosen.plain_priors()
    frame, notes, rows = reading.read(review)

    from models.analyses.review.posterior import require
    from models.analyses.review.run import analyse_review, made_by

    names = [name.strip() for name in (covariates or "").split(",") if name.strip()]
    asked = {"by": by, "covariates": names, "cluster": cluster, "order": order}
    with working(f"analysing {review}") as progress:
        result = analyse_review(
            frame,
            chosen,
            source=review.name,
            by=by,
            covariates=names,
            cluster=cluster,
            order=order,
            sampled=sampled,
            fitter=_fitter(settings["seed"]) if names else None,
            notes=notes,
            provenance=made_by(review, rows, len(frame), **asked, **reading.options()),
            progress=progress,
        )
        _write(result, json, out)
    _show(result, full=full)
    if out is not None:
        show_lines(f"written: {out}/ (report.html, review.md, forest.pdf, tables, review.json)")
    show_lines(result.answer())
    require(result.pool.gate)
    if result.groups is not None:
        require(result.groups.gate)
    if result.regression is not None:
        require(result.regression.fit.gate)


def _fitter(seed: int) -> Any:
    from models.interface.commands import Shown
    from models.interface.options import Sampling

    return Shown(Sampling(engine="nuts", draws=DRAWS, seed=seed))


def _write(result: "ReviewResult", json: Path | None, out: Path | None) -> None:
    from models.common.files import write_json

    content = result.as_dict()
    if json is not None:
        write_json(json, content)
    if out is not None:
        from models.analyses.review.pages import output
        from models.render.output import write_output
        from models.report.html import write_review_report
        from models.report.user import review_page

        made = output(result)
        write_output(made, out)
        write_review_report(review_page(result, made.figures["forest"]), out)
        write_json(out / "review.json", content)


def _show(result: "ReviewResult", *, full: bool) -> None:
    from models.analyses.review.frames import frames, prediction_words

    k, events, total = result.sizes
    rows = result.provenance["rows_read"]
    kept = "" if rows == k else f" of {rows}"
    show_lines(
        f"{result.source}: {k}{kept} {'study' if k == 1 else 'studies'}, {events} events in "
        f"{total} patients ({100 * events / total:.1f} %)"
    )
    for note in result.notes:
        show_lines(note, "  ", "  ")
    show_cautions(result.cautions)
    for title, frame in frames(result, full=full):
        if full or title != "Studies" or k <= 60:
            show_table(title, frame)
    print()
    row = result.bayes
    i2 = result.tables["pools"]["i2"].iloc[0]
    words = "" if i2 != i2 or i2 is None else f"; I2 {i2:.0f} %"
    level = 100 * result.settings.level
    show_lines(
        f"tau, the SD between studies on the logit scale: {row['tau_median']:.2f} "
        f"({row['tau_lower']:.2f}-{row['tau_upper']:.2f}){words}. Intervals: {level:g} %. Typical: "
        "median study; average: mean over studies; new study: a prediction."
    )
    show_lines(f"computation {result.pool.gate.sentence()}")
    if sentence := prediction_words(result):
        show_lines(sentence)
    if not full:
        show_lines("--full adds leave-one-out, cumulative and other priors; --out writes all")
