"""Tables and page of the parameter recovery study."""

from pathlib import Path

import pandas as pd

from models.common.files import write_csv, write_json, write_text
from models.common.sources import versions
from models.render.format import frame_markdown
from models.validation.recovery.run import PARAMETERS, settings, summarise_recovery

NAME = "recovery_study"


def write_recovery(replicates: pd.DataFrame, seed: int, out: Path) -> pd.DataFrame:
    """Write ``recovery_study.csv``, ``.json``, ``.md`` and ``.png``; return the table."""
    from models.render.style import save_png
    from models.validation.recovery.plots import recovery_figure, upper_limit_figure

    table = summarise_recovery(replicates)
    write_csv(table, out / f"{NAME}.csv")
    record = {
        "replicates": int(replicates["replicate"].nunique()),
        "largest_quadrature_error": float(replicates["quadrature_error"].max()),
        "settings": settings(seed),
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
    words = {
        "mu": "mu (logit of the typical rate)",
        "typical_rate": "Typical rate, per cent",
        "average_rate": "Average rate, per cent",
        "tau": "tau (standard deviation between studies, logit scale)",
    }
    n = int(table["replicates"].iloc[0])
    text = (
        "# Parameter recovery\n\n"
        f"The pooled model on {n} simulated reviews a design: k studies of sizes drawn from the "
        "paper's arms, true rates from a normal distribution of logits about the typical rate "
        "with standard deviation tau; exact grid posteriors under the default priors. *bias*: "
        "mean of the posterior median less the truth; *coverage*: of 95 % equal-tailed intervals; "
        "*interval width*: median. In brackets the Monte Carlo standard error.\n\n"
        "Truths are fixed, so coverage need not be 95 % in any one design: with little data the "
        "prior draws mu towards 0 (a rate of one half) and tau towards its middle. Averaged over "
        "the prior it is 95 %, see [calibration.md](calibration.md).\n"
    )
    for parameter in PARAMETERS:
        text += f"\n## {words[parameter]}\n\n{frame_markdown(_rows(table, parameter))}\n"
    return text + (
        "\n## Upper limit of tau where there is no heterogeneity\n\n"
        "At tau = 0 an equal-tailed interval cannot cover, since it ends above zero always. "
        "Distribution of its upper end (97.5 % quantile of the posterior) over replicates; that "
        "of the prior is 2.24.\n\n"
        f"{frame_markdown(_upper_rows(table))}\n"
    )
