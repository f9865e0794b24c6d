"""Tables of a regression for the terminal."""

import pandas as pd

from models.analyses.regression.summary import RegressionAnalysis
from models.estimands.contrasts import NOT_RANDOMISED
from models.render.escape import terminal, titled
from models.render.format import points, probability, rate

ECOLOGICAL = (
    "Arms are compared, not patients: what holds between arms need not hold between the patients "
    "of one."
)


def coefficients_frame(analysis: RegressionAnalysis) -> pd.DataFrame:
    """Return the coefficients as a frame of texts."""
    rows = []
    for row in analysis.coefficients:
        unit = row["unit"]
        rows.append(
            {
                "covariate": row["covariate"]
                if row["level"] is None
                else f"{row['covariate']} = {row['level']}",
                "unit": unit if isinstance(unit, str) else f"{unit:.4g}",
                "odds ratio (95 % interval)": rate(row["median"], row["lower"], row["upper"], 2),
                "P(> 1)": probability(row["p_above_one"]),
                "missing": str(row["missing"] or ""),
            }
        )
    return pd.DataFrame(rows)


def contrasts_frame(analysis: RegressionAnalysis) -> pd.DataFrame:
    """Return the adjusted contrasts as a frame of texts: odds ratio, risk difference."""
    rows = []
    for (a, b), pair in analysis.contrasts.groupby(["a", "b"], sort=False):
        part = pair.set_index(["estimand", "scale"])
        ratio = part.loc[("typical", "odds_ratio")]
        difference = part.loc[("average", "risk_difference")]
        rows.append(
            {
                "a": a,
                "b": b,
                "odds ratio": rate(ratio["median"], ratio["lower"], ratio["upper"], 2),
                "difference of average rates (points)": points(
                    difference["median"], difference["lower"], difference["upper"]
                ),
                "P(a > b)": probability(ratio["p_superior"]),
            }
        )
    return pd.DataFrame(rows)


def print_analysis(analysis: RegressionAnalysis, source: str) -> None:
    """Print coefficients, standard deviations, contrasts and the gate."""
    from rich.console import Console

    out = Console(highlight=False)
    frame, share = analysis.design.frame, analysis.share_explained
    words = (
        f"{len(frame)} arms, {frame['events'].sum()} events in {frame['total'].sum()} patients. "
        f"{ECOLOGICAL}"
    )
    out.print(titled(source, words))
    print_frame(coefficients_frame(analysis))
    for name, numbers in (("tau", analysis.tau), ("sigma_group", analysis.sigma_group)):
        if numbers is not None:
            text = rate(numbers["median"], numbers["lower"], numbers["upper"], 2)
            out.print(f"  {name} (logit scale)  {text}")
    out.print(
        "  share of the variance between arms explained  "
        f"{rate(share['median'], share['lower'], share['upper'], 2)}; prior median "
        f"{analysis.prior_share:.2f}"
    )
    if len(analysis.contrasts):
        out.print(f"Contrasts at equal covariates. {NOT_RANDOMISED}")
        print_frame(contrasts_frame(analysis))
    out.print(terminal(f"  gate: {analysis.fit.gate.sentence()}"))


def print_frame(frame: pd.DataFrame) -> None:
    """Print a frame of texts."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in frame.columns:
        table.add_column(
            terminal(column), justify="left" if column in ("covariate", "a") else "right"
        )
    for row in frame.itertuples(index=False):
        table.add_row(*map(terminal, row))
    Console(highlight=False).print(table)
