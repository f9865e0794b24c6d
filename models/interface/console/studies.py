"""Results on the terminal."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from models.analyses.pools.summary import PooledPosterior
from models.frequentist.freeman_tukey import FreemanTukeyPool
from models.frequentist.glmm import GlmmFit
from models.render.escape import terminal, titled
from models.render.format import rate

if TYPE_CHECKING:
    from models.analyses.groups.summary import SubgroupAnalysis


def print_analysis(analysis: "SubgroupAnalysis", margin: float) -> None:
    """Print groups and contrasts to the terminal."""
    # a pool is shown without the modules on groups
    from models.analyses.groups.pages import contrasts_frame, groups_frame, headline
    from models.estimands.contrasts import NOT_RANDOMISED

    out = Console(highlight=False)
    out.print(NOT_RANDOMISED)
    out.print(terminal(headline(analysis)))
    best = "highest" if analysis.higher_is_better else "lowest"
    frames = [(f"Groups (best: {best})", groups_frame(analysis))]
    if len(analysis.groups) > 1:
        width = f"margin {100 * margin:g} points"
        frames += [
            (f"Contrasts of typical rates, {width}", contrasts_frame(analysis)),
            (f"Contrasts of average rates, {width}", contrasts_frame(analysis, "average")),
        ]
    else:
        out.print("a single group: there is nothing to contrast")
    for title, frame in frames:
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        for column in frame.columns:
            table.add_column(terminal(column), overflow="fold")
        for row in frame.itertuples(index=False):
            table.add_row(*map(terminal, row))
        out.print(table)
    out.print(terminal(f"gate: {analysis.gate}"))


def show_frequentist(
    data: pd.DataFrame, source: str, freeman_tukey: FreemanTukeyPool, glmm: GlmmFit
) -> None:
    """Print the two frequentist pools."""
    out = Console(highlight=False)
    events, total = int(data["events"].sum()), int(data["total"].sum())
    out.print(
        titled(
            source,
            f"{len(data)} studies, {events} events in {total} patients "
            f"(crude {events / total:.3f})",
        )
    )
    i2 = "-" if freeman_tukey.i2 is None else f"{freeman_tukey.i2:.1f} %"
    out.print(
        f"  Freeman-Tukey pool ({freeman_tukey.method})  "
        f"{rate(freeman_tukey.estimate, freeman_tukey.lower, freeman_tukey.upper)}   I2 {i2}"
    )
    numbers = (glmm.estimate, glmm.lower, glmm.upper, glmm.tau2)
    estimate, lower, upper, tau2 = (np.nan if n is None else n for n in numbers)
    if glmm.exists:
        out.print(
            f"  ML GLMM, typical rate  {rate(estimate, lower, upper)}   "
            f"tau {tau2**0.5:.3f} (logit scale)"
        )
    else:
        out.print(terminal(f"  ML GLMM: no maximum exists ({glmm.reason})"))


def show_bayes(bayes: PooledPosterior, gate: str) -> None:
    """Print the Bayesian estimates and the shrunken study rates."""
    out = Console(highlight=False)
    for name, numbers in (
        ("typical rate (median study)", bayes.typical),
        ("average rate (mean over studies)", bayes.average),
        ("rate in a new study", bayes.new_study),
    ):
        values = rate(numbers["median"], numbers["lower"], numbers["upper"])
        out.print(f"  Bayes, {name}  {values}")
    tau = rate(bayes.tau["median"], bayes.tau["lower"], bayes.tau["upper"])
    out.print(f"  Bayes, tau (SD between studies, logit scale)  {tau}")
    out.print("  Bayes: posterior median with 95 % equal-tailed interval")
    table = Table(title="Study rates", title_justify="left", box=None, pad_edge=False)
    for heading in ("study", "events/total", "observed", "posterior median (95 % interval)"):
        table.add_column(heading, justify="left" if heading == "study" else "right")
    for row in bayes.studies.itertuples():
        table.add_row(
            terminal(row.study),
            f"{row.events}/{row.total}",
            f"{row.events / row.total:.3f}",
            rate(row.median, row.lower, row.upper),
        )
    out.print(table)
    out.print(terminal(f"  gate: {gate}"))
