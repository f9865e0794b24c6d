"""The checks written out: one page, the tables, the figures."""

from pathlib import Path

import pandas as pd

from models.analyses.checks.loo_plot import influence_figure
from models.analyses.checks.predictive_plot import (
    pit_figure,
    prior_figure,
    rootogram_figure,
    statistics_figure,
)
from models.analyses.checks.run import CheckResults
from models.analyses.checks.sensitivity import DRAWS
from models.analyses.checks.sensitivity_plot import sensitivity_figure
from models.analyses.checks.verdicts import FAIL, NOTED
from models.common.files import write_csv, write_text
from models.estimands.contrasts import NOT_RANDOMISED
from models.evidence.vocabulary import OUTCOMES
from models.render.format import frame_markdown, probability, rate
from models.render.style import save_png


def checks_markdown(results: CheckResults) -> str:
    """Return the page of checks."""
    frame = results.frame()
    failed, noted = (int((frame["verdict"] == v).sum()) for v in (FAIL, NOTED))
    return "\n".join(
        [
            "# Checks",
            "",
            f"{len(frame)} checks: {failed} failed, {noted} noted. *Noted* is what the data or a "
            "choice show and a reader should know; it is no error of the computation.",
            "",
            frame_markdown(frame),
            "",
        ]
    )


def sensitivity_markdown(table: pd.DataFrame) -> str:
    """Return the page of the sensitivity analyses."""
    pools = table[table["quantity"] == "orr"].set_index("scenario")
    claims = table[table["quantity"].str.startswith("C")]
    rows = []
    for scenario, pool in pools.iterrows():
        own = claims[claims["scenario"] == scenario]
        rows.append(
            {
                "scenario": pool["change"],
                "k": f"{pool['k']:.0f}",
                "typical ORR": rate(
                    pool["typical_median"], pool["typical_lower"], pool["typical_upper"]
                ),
                "Freeman-Tukey": rate(pool["ft_estimate"], pool["ft_lower"], pool["ft_upper"]),
                "average ORR": rate(
                    pool["average_median"], pool["average_lower"], pool["average_upper"]
                ),
                **{
                    str(r.quantity): "-"
                    if pd.isna(r.probability)
                    else probability(r.probability) + (" *" if r.conclusion_changed else "")
                    for r in own.itertuples()
                },
                "the paper says": pool["published"] or "-",
                "how it was read": pool["reason"],
            }
        )
    names = claims.drop_duplicates("quantity")
    legend = "; ".join(f"{r.quantity} {r.label}" for r in names.itertuples())
    return "\n".join(
        [
            "# Does any conclusion change?",
            "",
            NOT_RANDOMISED,
            "",
            f"Posterior probabilities of the claims ({legend}), with partially pooled groups. An "
            "asterisk marks another wording than in the main analysis with a shift of 5 points "
            "or more. Scenarios (1) to (6) are the paper's own analyses of the response rate and "
            "leave the other outcomes as they are. Exact posteriors (grid engine); probabilities "
            f"have a Monte Carlo error of at most {0.5 / DRAWS**0.5:.4f}.",
            "",
            frame_markdown(pd.DataFrame(rows)),
            "",
        ]
    )


def write_checks(results: CheckResults, out: Path) -> list[Path]:
    """Write page, tables and figures of the checks; return the files."""
    tables = out / "tables"
    written = [write_csv(frame, tables / f"{name}.csv") for name, frame in results.tables.items()]
    pages = {
        out / "checks.md": checks_markdown(results),
        tables / "sensitivity.md": sensitivity_markdown(results.tables["sensitivity"]),
    }
    for path, text in pages.items():
        write_text(path, text)
    influence = results.tables["loo_influence"]
    posterior = results.tables["predictive_posterior"]
    figures = {
        "sensitivity": sensitivity_figure(results.tables["sensitivity"]),
        "predictive_prior": prior_figure(results.prior),
        "predictive_pit": pit_figure(results.replicates),
        "predictive_rootogram": rootogram_figure(results.replicates),
        **{
            f"predictive_{model.replace(' ', '_')}": statistics_figure(posterior, model)
            for model in dict.fromkeys(posterior["model"])
        },
        **{
            f"loo_influence_{outcome}": influence_figure(influence, outcome, name.capitalize())
            for outcome, name in OUTCOMES.items()
        },
    }
    written += [save_png(figure, out / name, 200) for name, figure in figures.items()]
    return [*written, *pages]
