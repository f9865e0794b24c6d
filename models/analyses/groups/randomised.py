"""The two randomised comparisons, each by itself.

Only two trials randomised between arms that the review analyses. Each is estimated from its own
four counts with independent Jeffreys priors, ``p ~ Beta(1/2, 1/2)`` in each arm, which give
``Beta(x + 1/2, n - x + 1/2)``. The denominators are the paper's evaluable patients, not all those
randomised, and D'Angelo 2018 was not designed to compare its arms (reference 26 of the paper calls
it a non-comparative randomised phase II study). With one event or none in an arm the posterior
leans on the prior.
"""

from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import integrate, optimize, stats

from models.common.constants import INTERVAL_PROBS
from models.evidence.load import Evidence

PAIRS: Final = (
    ("DAngelo2018_nivoipi", "DAngelo2018_nivo"),
    ("Chawla2022_CMB305", "Chawla2022_atezo"),
)
"""Arm ids, experimental arm first."""


def difference_cdf(x: float, a: Any, b: Any) -> float:
    """Return P(A - B <= x) for independent A and B on the unit interval, by quadrature."""
    value, _ = integrate.quad(
        lambda u: float(a.cdf(b.ppf(u) + x)), 0.0, 1.0, epsabs=1e-10, limit=400
    )
    return float(value)


def randomised_table(evidence: Evidence) -> pd.DataFrame:
    """Compare the arms of each randomised trial.

    Parameters
    ----------
    evidence
        The validated evidence.

    Returns
    -------
    pandas.DataFrame
        One row a trial and source of its counts: ``a``, ``b`` (arms), ``counts`` (``paper`` or,
        where ``reported_counts`` has both arms, ``trial report``), ``events_a``, ``total_a``,
        ``events_b``, ``total_b``; the posterior risk difference a - b (``median``, ``lower``,
        ``upper``, probability scale, by quadrature); ``p_superior`` = P(rate a > rate b);
        ``fisher_p``, the two-sided exact p value.
    """
    arms = evidence.outcome("orr").set_index("arm_id")
    reported = evidence.reported_counts.query("outcome == 'orr'").set_index("arm_id")
    rows = []
    for pair in PAIRS:
        a, b = (str(arms.loc[arm, "study"]) for arm in pair)
        for source, counts in (("paper", arms), ("trial report", reported)):
            if counts.index.isin(pair).sum() == len(pair):
                four = counts.loc[list(pair), ["events", "total"]].to_numpy().ravel()
                rows.append(_compare(a, b, source, tuple(four.tolist())))
    return pd.DataFrame(rows)


def _compare(a: str, b: str, source: str, counts: tuple[int, ...]) -> dict[str, object]:
    """Compare two arms from their four counts."""
    beta_a = stats.beta(counts[0] + 0.5, counts[1] - counts[0] + 0.5)
    beta_b = stats.beta(counts[2] + 0.5, counts[3] - counts[2] + 0.5)
    lower, median, upper = (
        float(
            optimize.brentq(
                lambda x, p=p, a=beta_a, b=beta_b: difference_cdf(x, a, b) - p, -0.999, 0.999
            )
        )
        for p in (INTERVAL_PROBS[0], 0.5, INTERVAL_PROBS[1])
    )
    table = np.array([[counts[0], counts[1] - counts[0]], [counts[2], counts[3] - counts[2]]])
    return {
        "a": a,
        "b": b,
        "counts": source,
        "events_a": counts[0],
        "total_a": counts[1],
        "events_b": counts[2],
        "total_b": counts[3],
        "median": median,
        "lower": lower,
        "upper": upper,
        "p_superior": 1.0 - difference_cdf(0.0, beta_a, beta_b),
        "fisher_p": float(stats.fisher_exact(table).pvalue),
    }
