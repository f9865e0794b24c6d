"""Pool survival end points: rates at a landmark and medians."""

from models.interface.cli import run

from pathlib import Path
from typing import Literal

from cyclopts import App

from models.interface.options import PoolPriors

app = App(help=__doc__, version_flags=[])


@app.default
def survival(
    rates: Path | None = None,
    *,
    medians: Path | None = None,
    scale: Literal["logit", "cloglog"] = "cloglog",
    shape: float = 1.0,
    priors: PoolPriors = PoolPriors(),
    json: Path | None = None,
) -> None:
    """Pool as the paper did, by REML with Hartung-Knapp, and by a Bayesian normal model.

    Without a file the paper's end points, from what data/pfs_rates.csv and data/medians.csv hold;
    they are compared with the printed values once all studies are there.

    Parameters
    ----------
    rates
        CSV with study, months, rate (a proportion) and lower, upper or total.
    medians
        CSV with study, median (months) and, as far as known, end_point, lower, upper, events,
        total, follow_up.
    scale
        Of REML and the Bayesian model: complementary log-log (log cumulative hazard) or logit.
    shape
        Of the Weibull distribution behind standard errors of medians; 1 is exponential.
    json
        Write every number, unrounded, to this file.
    """
    from models.interface import survival as command

    command.survival(rates, medians, scale, shape, priors.priors(), json)


if __name__ == "__main__":
    run(app)
