"""Methods and results paragraphs for a user's own review, from its saved fits."""

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from models.analyses.groups.summary import SubgroupAnalysis, form_analysis
from models.analyses.pools.summary import summarise_pooled
from models.analyses.review.frames import frames as shown
from models.analyses.review.pages import prose
from models.analyses.review.summary import ReviewResult
from models.common.errors import InputError
from models.fitting.fit import Fit, Wanted
from models.fitting.gate_table import gate_row
from models.fitting.records import GROUPS_REVIEW, POOL_REVIEW, load_fit
from models.fitting.registry import MODELS
from models.render.citations import Citations
from models.render.escape import markdown, spreadsheet_frame
from models.render.format import latex_text
from models.render.output import Output, write_output
from models.render.templates import page
from models.report.facts import fact_frames
from models.report.html import review_report
from models.report.paper import cited, gate_passed, methods


def user_tables(folder: Path) -> tuple[dict[str, pd.DataFrame], SubgroupAnalysis | None]:
    """Form the tables that the text cites from the saved fits of a review.

    Parameters
    ----------
    folder
        Where ``--save`` wrote.

    Raises
    ------
    InputError
        If neither a pooled nor a grouped fit is there, or one is stale.
    """
    saved = {
        name: load_fit(folder, name)
        for name in (POOL_REVIEW, GROUPS_REVIEW)
        if (folder / f"{name}.nc").exists()
    }
    if not saved:
        raise InputError(
            f"{folder}: no saved fit of a review; run scripts/pool.py REVIEW.csv --save {folder}"
        )
    inputs = [record["inputs"] for _, record in saved.values()]
    fits = {name: fit for name, (fit, _) in saved.items()}
    first = next(iter(fits.values()))
    for item, same in (
        ("inputs", all(files == inputs[0] for files in inputs)),
        ("priors", all(fit.priors.as_dict() == first.priors.as_dict() for fit in fits.values())),
    ):
        if not same:
            raise InputError(
                f"{folder}: the pooled and the grouped fit have different {item}; run both "
                "again on the same file with the same priors"
            )
    tables = fact_frames(first.sampling["first_attempt"], first.priors)
    tables["diagnostics"] = pd.DataFrame([_gate_row(name, fit) for name, fit in fits.items()])
    if POOL_REVIEW in fits:
        tables["pools"] = _pool_frame(fits[POOL_REVIEW])
    analysis = None
    if GROUPS_REVIEW in fits:
        context = fits[GROUPS_REVIEW].context
        analysis = form_analysis(
            fits[GROUPS_REVIEW],
            fits[GROUPS_REVIEW].review(),
            outcome=context["outcome"],
            by=context["by"],
            margin=context["margin"],
            higher_is_better=context["higher_is_better"],
        )
        tables["groups"] = analysis.groups
        tables["contrasts"] = analysis.contrasts
        settings = tables["settings"]
        settings.loc[settings["name"] == "margin", "value"] = context["margin"]
    return tables, analysis


def _gate_row(name: str, fit: Fit) -> dict[str, object]:
    model = MODELS[fit.identity["model"]]
    return gate_row(Wanted(model, fit.review(), fit.priors, name), fit)


def _pool_frame(fit: Fit) -> pd.DataFrame:
    review = fit.review()
    bayes = summarise_pooled(fit.posterior, review)
    row: dict[str, object] = {
        "id": POOL_REVIEW,
        "k": len(review),
        "events": int(review["events"].sum()),
        "total": int(review["total"].sum()),
    }
    for name in ("typical", "average", "new_study", "tau"):
        numbers = getattr(bayes, name)
        row |= {f"{name}_{part}": numbers[part] for part in ("median", "lower", "upper")}
    return pd.DataFrame([row])


def user_markdown(cite: Citations, analysis: SubgroupAnalysis | None) -> str:
    """Return the page for a user's review."""
    grouped: dict[str, Any] = {"grouping": None}
    if analysis is not None:
        contrasts = analysis.contrasts
        shown = contrasts[
            (contrasts["scale"] == "risk_difference") & (contrasts["estimand"] == "typical")
        ]
        grouped = {
            "grouping": analysis.by,
            "best": "highest" if analysis.higher_is_better else "lowest",
            "groups": list(analysis.groups["group"]),
            "pairs": list(zip(shown["a"], shown["b"], strict=True)),
        }
    text = cited(cite, "methods", **methods(cite, paper=False))
    return page(
        "report/user.md",
        methods=text,
        passed=gate_passed(cite),
        pooled="pools" in cite.tables,
        **grouped,
        **cite.functions(),
    )


def review_page(result: ReviewResult, forest: Figure) -> str:
    """Return the report of a review, one HTML file with everything in it.

    Parameters
    ----------
    result
        The review, analysed.
    forest
        Its forest plot.
    """
    settings, made = result.settings, result.provenance
    words = prose(result)
    names = dict(shown(result))
    tables = {"-".join(title.casefold().split()): (frame, title) for title, frame in names.items()}
    legend = (
        f"Squares: observed, area by patients, with exact intervals; dots: estimated; diamonds: "
        f"typical rates with the prediction for a new study as a line. Intervals: "
        f"{100 * settings.level:g} %."
    )
    read = "; ".join(result.notes)
    return review_report(
        f"{Path(result.source).name}: patients with {settings.event}",
        markdown(result.answer()),
        warnings="\n".join(f"- {markdown(caution)}" for caution in result.cautions),
        figures={"forest": (forest, "Studies and pools.", legend)},
        tables=tables,
        text=f"## Methods\n{words.partition('## Methods')[2]}",
        checks=f"The computation {markdown(result.pool.gate.sentence())}. What happens under other "
        "priors, without each study and with studies added one by one stands among the tables.",
        facts={
            "Input": f"{made.get('input')} (sha256 {str(made.get('sha256'))[:16]}), "
            f"{made.get('rows_kept')} of {made.get('rows_read')} rows"
            + (f"; {read}" if read else ""),
            "Options": str({k: v for k, v in made.get("options", {}).items() if v}),
            "Priors": ", ".join(f"{k} {v}" for k, v in settings.as_dict()["priors"].items()),
            "Seed": str(settings.seed),
            "Versions": ", ".join(f"{k} {v}" for k, v in made.get("versions", {}).items()),
            "Date": str(made.get("date")),
        },
    )


def write_user_texts(fits: Path, out: Path) -> list[Path]:
    """Write page and tables for a user's review."""
    tables, analysis = user_tables(fits)
    cite = Citations(tables)
    page = user_markdown(cite, analysis)
    tables = tables | {"discussion_numbers": cite.frame()}
    texts = {"discussion.md": page, "discussion.tex": latex_text(page)}
    safe = {name: spreadsheet_frame(frame) for name, frame in tables.items()}
    write_output(Output(tables=safe), out / "tables")
    return write_output(Output(pages=texts), out)
