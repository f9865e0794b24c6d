"""Tables and page of the parameter recovery study."""

from pathlib import Path

import pandas as pd
from scipy.stats import halfnorm

from models.common.constants import CI_PROB, INTERVAL_PROBS
from models.common.files import write_csv, write_json, write_text
from models.common.sources import versions
from models.common.study import Study
from models.priors import DEFAULT_PRIORS
from models.render.templates import page
from models.validation.recovery.run import PARAMETERS, summarise_recovery

NAME = "recovery_study"


def write_recovery(study: Study, replicates: pd.DataFrame, out: Path) -> pd.DataFrame:
    """Write ``recovery_study.csv``, ``.json``, ``.md`` and ``.png``; return the table."""
    from models.render.style import save_png
    from models.validation.recovery.plots import recovery_figure, upper_limit_figure

    table = summarise_recovery(replicates)
    write_csv(table, out / f"{NAME}.csv")
    record = {
        "replicates": study.simulations,
        "largest_quadrature_error": float(replicates["quadrature_error"].max()),
        "settings": study.settings,
        "versions": versions(),
    }
    write_json(out / f"{NAME}.json", record)
    write_text(out / f"{NAME}.md", recovery_markdown(table))
    save_png(recovery_figure(table), out / NAME, 150)
    save_png(upper_limit_figure(table), out / f"{NAME}_tau_zero", 150)
    return table


def _cell(value: float, error: float, factor: float, digits: int) -> str:
    return f"{factor * value:+.{digits}f} ({factor * error:.{digits}f})"


def _rows(table: pd.DataFrame, parameter: str) -> pd.DataFrame:
    percent = parameter.endswith("rate")
    factor, digits = (100.0, 2) if percent else (1.0, 3)
    rows = []
    for r in table[table["parameter"] == parameter].itertuples():
        missing = pd.isna(r.coverage)
        coverage = f"{100 * r.coverage:.1f} ({100 * r.coverage_mc_error:.1f})"
        rows.append(
            {
                "typical rate": f"{100 * r.rate:.0f} %",
                "tau": f"{r.tau:g}",
                "k": str(r.k),
                "truth": f"{factor * r.truth:.{digits}f}",
                "bias": _cell(r.bias, r.bias_mc_error, factor, digits),
                "RMSE": f"{factor * r.rmse:.{digits}f}",
                "coverage, %": "none possible" if missing else coverage,
                "interval width": f"{factor * r.width:.{digits}f}",
            }
        )
    return pd.DataFrame(rows)


def _upper_rows(table: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for r in table[(table["parameter"] == "tau") & (table["tau"] == 0)].itertuples():
        rows.append(
            {
                "typical rate": f"{100 * r.rate:.0f} %",
                "k": str(r.k),
                "median": f"{r.upper_50:.2f}",
                "middle half": f"{r.upper_25:.2f}-{r.upper_75:.2f}",
                "middle 90 %": f"{r.upper_05:.2f}-{r.upper_95:.2f}",
            }
        )
    return pd.DataFrame(rows)


def recovery_markdown(table: pd.DataFrame) -> str:
    """Return the page for readers."""
    return page(
        "validation/recovery/recovery.md",
        replicates=int(table["replicates"].iloc[0]),
        level=f"{100 * CI_PROB:.0f}",
        tables={name: _rows(table, name) for name in PARAMETERS},
        upper=_upper_rows(table),
        upper_quantile=f"{100 * INTERVAL_PROBS[1]:.1f}",
        prior_upper=f"{DEFAULT_PRIORS.tau_scale * halfnorm.ppf(INTERVAL_PROBS[1]):.2f}",
    )
