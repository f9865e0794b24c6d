"""A review in words: the page, the notebook's view, and all outputs of a folder."""

from typing import Any

import pandas as pd

from models.analyses.review.frames import contrasts_frame, frames, prediction_words
from models.analyses.review.settings import describe
from models.analyses.review.summary import ReviewResult
from models.analyses.review.words import interval, percent, sentence_interval
from models.render.format import rate
from models.render.output import Output
from models.render.templates import page, render


def text(result: ReviewResult) -> str:
    """Return methods and results of a review as Markdown, with its tables."""
    k, events, total = result.sizes
    row, settings = result.bayes, result.settings
    pools = result.tables["pools"].set_index("estimator")
    cluster = result.provenance.get("options", {}).get("cluster")
    return page(
        "analyses/review/review.md",
        source=result.source,
        answer=result.answer(),
        cautions=result.cautions,
        k=k,
        events=events,
        total=total,
        event=settings.event,
        mu=describe(settings.mu),
        tau=describe(settings.tau),
        sigma=describe(settings.sigma),
        cluster=cluster,
        sampled=result.provenance.get("engine") == "nuts",
        level=f"{100 * settings.level:g} %",
        by=result.groups.by if result.groups is not None else "",
        typical=sentence_interval(row, "typical", settings.interval),
        average=sentence_interval(row, "average", settings.interval),
        new_lower=percent(row["new_study_lower"]),
        new_upper=percent(row["new_study_upper"]),
        published=_pool(pools.iloc[0]),
        glmm=_pool(pools.loc["GLMM, maximum likelihood"]),
        tau_interval=rate(row["tau_median"], row["tau_lower"], row["tau_upper"], 2),
        prediction=prediction_words(result),
        left_out=_range(result, "leave_one_out"),
        priors=_range(result, "priors"),
        contrasts=_contrasts(result),
        frames=frames(result),
    )


def prose(result: ReviewResult) -> str:
    """Return the page without its tables."""
    return text(result).split("\n## Pools\n")[0]


def _pool(row: "pd.Series") -> str:
    text = interval(row.to_dict(), "typical")
    return "no estimate" if text == "-" else text.replace(" (", " % (", 1)


def _range(result: ReviewResult, name: str) -> list[Any]:
    """Return least and largest typical rate of a table, and how many other rows it has."""
    if name not in result.tables:
        return []
    column = result.tables[name]["typical_median"]
    return [percent(column.min()), percent(column.max()), len(column) - 1]


def _contrasts(result: ReviewResult) -> list[str]:
    if "contrasts" not in result.tables:
        return []
    return [
        f"{row['contrast']}: {row['points (interval)']} percentage points, "
        f"odds ratio {row['odds ratio (interval)']}; probability that the rate is higher "
        f"{row['P']}, with group means that share nothing {row['P, unpooled']}."
        for row in contrasts_frame(result).to_dict("records")
    ]


def html(result: ReviewResult) -> str:
    """Return the answer, the cautions and the first tables as HTML, for a notebook."""
    shown = [(title, frame.to_dict("split")) for title, frame in frames(result, full=False)]
    return render("analyses/review", "notebook.html.j2", result=result, frames=shown)


def output(result: ReviewResult) -> Output:
    """Return tables, forest plot and page, to be written to a folder."""
    from models.analyses.review.forest import review_forest
    from models.render.escape import spreadsheet_frame
    from models.render.format import latex_text

    return Output(
        tables={name: spreadsheet_frame(table) for name, table in result.tables.items()},
        figures={"forest": review_forest(result)},
        pages={"review.md": text(result), "review.tex": latex_text(prose(result))},
    )
