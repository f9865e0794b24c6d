"""Writing results: tables, figures and diagnostics, each file in one step."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from models.fitting.records import replacing, write_text
from models.render.format import frame_markdown, rate

if TYPE_CHECKING:
    from models.fitting.records import SavedFit
    from models.fitting.sampler import Fit
    from models.render.citations import Citations


def write_csv(frame: pd.DataFrame, path: Path) -> Path:
    """Write a frame without its index, Unix line ends, unrounded."""
    with replacing(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")
    return path


def write_comparison(comparison: pd.DataFrame, out: Path) -> list[Path]:
    """Write the comparison with the paper as CSV and Markdown."""
    from models.analyses.paper.page import comparison_markdown

    table = write_csv(comparison, out / "tables" / "published_comparison.csv")
    page = out / "tables" / "published_comparison.md"
    write_text(page, comparison_markdown(comparison))
    return [table, page]


def pools_frame(table: pd.DataFrame) -> pd.DataFrame:
    """Return the validation table as a frame of texts: proportions, three digits."""

    def cell(row: object, name: str) -> str:
        values = [getattr(row, f"{name}_{part}") for part in ("median", "lower", "upper")]
        return rate(*values)

    rows = []
    for r in table.itertuples():
        glmm = r.glmm_note or "none"
        if not pd.isna(r.glmm_estimate):
            glmm = rate(r.glmm_estimate, r.glmm_lower, r.glmm_upper)
        rows.append(
            {
                "id": r.id,
                "outcome": r.outcome.upper(),
                "pool": r.label,
                "k": str(r.k),
                "events/total": f"{r.events}/{r.total}",
                "crude": f"{r.crude:.3f}",
                "Freeman-Tukey (95 % CI)": rate(r.ft_estimate, r.ft_lower, r.ft_upper),
                "GLMM (95 % CI)": glmm,
                "Bayes, typical": cell(r, "typical"),
                "Bayes, average": cell(r, "average"),
                "tau": cell(r, "tau"),
                "difference": f"{r.difference:+.3f}",
                "overlap": f"{r.overlap:.2f}",
                "verdict": r.verdict if r.verdict == "passes" else f"{r.verdict}: {r.reason}",
                "gate": r.gate,
            }
        )
    frame = pd.DataFrame(rows)
    frame["verdict"] = frame["verdict"].str.removesuffix(": ")
    return frame


def pools_markdown(table: pd.DataFrame) -> str:
    """Return the page of pools."""
    text = (
        "# Published pools, three estimators\n\n"
        "Rates are proportions. Bayes: posterior median with 95 % equal-tailed interval; "
        "*typical* is the rate of the median study, *average* the mean rate over studies; tau is "
        "the standard deviation between studies (logit scale). *difference* is typical minus "
        "Freeman-Tukey, *overlap* the common part of the two intervals as a share of the shorter. "
        "A pool of five studies or more passes if the difference is at most 0.030 and the overlap "
        "at least 0.75; of three or four, if the difference is at most 0.035.\n\n"
    )
    return text + frame_markdown(pools_frame(table)) + "\n"


def gate_row(name: str, description: str, fit: "Fit") -> dict[str, object]:
    """Return the line of the diagnostics table for one fit."""
    return {
        "fit": name,
        "model": fit.model,
        "description": description,
        "gate": "passed" if fit.gate.passed else "FAILED",
        **{key: value for key, value in fit.gate.as_dict().items() if key != "passed"},
        "saturated_trees": fit.gate.saturated_trees,
        "bfmi_min": fit.gate.bfmi_min,
        "parameters": len(fit.gate.table),
        "draws": fit.settings.draws * fit.settings.chains,
        "target_accept": fit.settings.target_accept,
        "escalations": fit.escalations,
        "seed": fit.settings.seed,
    }


def saved_gate_row(name: str, description: str, fit: "SavedFit") -> dict[str, object]:
    """Return the same line from a run record."""
    gate, sampling = fit.record["diagnostics"], fit.record["sampling"]
    return {
        "fit": name,
        "model": fit.record["model"],
        "description": description,
        "gate": "passed" if gate["passed"] else "FAILED",
        **{key: value for key, value in fit.gate.as_dict().items() if key != "passed"},
        "saturated_trees": gate["saturated_trees"],
        "bfmi_min": gate["bfmi_min"],
        "parameters": gate["parameters"],
        "draws": sampling["draws"] * sampling["chains"],
        "target_accept": sampling["target_accept"],
        "escalations": sampling["escalations"],
        "seed": sampling["seed"],
    }


def diagnostics_markdown(table: pd.DataFrame) -> str:
    """Return the diagnostics table for readers."""
    shown = table.drop(columns=["model", "seed"]).copy()
    for column, digits in (
        ("rhat_max", 4),
        ("ess_bulk_min", 0),
        ("ess_tail_min", 0),
        ("bfmi_min", 2),
    ):
        shown[column] = [f"{value:.{digits}f}" for value in shown[column]]
    failed = int((table["gate"] != "passed").sum())
    head = f"**{failed} fits did not pass: do not use their results.**" if failed else ""
    return (
        "# Diagnostics of every fit\n\n"
        "Gate: R-hat at most 1.01, bulk and tail effective sample size at least 400, no "
        "divergence, no saturated tree, BFMI at least 0.3, over every free variable and every "
        "estimand. A fit that fails is refitted with twice the draws and tuning and a target "
        "acceptance of 0.99, then 0.999 (column escalations); the seed is never changed.\n\n"
        f"{head}\n\n{frame_markdown(shown)}\n"
    )


def write_discussion(text: str, cite: "Citations", out: Path) -> list[Path]:
    """Write the paragraphs as Markdown and LaTeX, and where each number is from."""
    from models.render.format import latex_text

    page, source = out / "discussion.md", out / "discussion.tex"
    write_text(page, text)
    write_text(source, latex_text(text))
    numbers = write_csv(cite.frame(), out / "tables" / "discussion_numbers.csv")
    return [page, source, numbers]
