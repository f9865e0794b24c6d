"""The validation baseline: published Freeman-Tukey pools beside the Bayesian typical rate.

The two are not the same estimand. The pool is a mean on the double-arcsine scale turned back at
the harmonic mean sample size; the typical rate is the rate of the median study. They are close
where studies are many, and the tolerances below say how close is asked for.
"""

from dataclasses import dataclass
from typing import Final

import pandas as pd

from models.analyses.pools.summary import PooledPosterior
from models.frequentist.freeman_tukey import FreemanTukeyPool
from models.frequentist.glmm import GlmmFit

TOLERANCE_K5: Final = 0.030
"""Largest allowed |typical median - FT estimate| for pools of five studies or more.

A regression test, not evidence: the two estimands need not agree, and the tolerance was set after
the largest difference was known, 0.0234 (response, dual checkpoint inhibitors, k = 5).
"""
TOLERANCE_K3: Final = 0.035
"""The same for pools of three or four studies, where the prior of tau weighs more."""
OVERLAP: Final = 0.75
"""Least share of the shorter interval that both intervals have in common (k >= 5)."""
FIXED_EFFECT: Final = "the published pool of two studies is a fixed-effect pool"


@dataclass(frozen=True)
class PoolRow:
    """One pool of studies by every estimator.

    Attributes
    ----------
    pool_id
        Id of the published value, or a name of our own where the paper prints none.
    outcome, label
        Outcome code and name of the subset.
    review
        The studies pooled.
    freeman_tukey, glmm, bayes
        The three estimators' results.
    gate_passed
        Verdict of the gate on the Bayesian fit.
    published
        Whether the paper prints this pool.
    """

    pool_id: str
    outcome: str
    label: str
    review: pd.DataFrame
    freeman_tukey: FreemanTukeyPool
    glmm: GlmmFit
    bayes: PooledPosterior
    gate_passed: bool
    published: bool

    @property
    def difference(self) -> float:
        """Typical median minus Freeman-Tukey estimate, probability scale."""
        return self.bayes.typical["median"] - self.freeman_tukey.estimate

    @property
    def overlap(self) -> float:
        """Common length of the two intervals as a share of the shorter one."""
        ours = (self.bayes.typical["lower"], self.bayes.typical["upper"])
        theirs = (self.freeman_tukey.lower, self.freeman_tukey.upper)
        common = min(ours[1], theirs[1]) - max(ours[0], theirs[0])
        return max(0.0, common) / min(ours[1] - ours[0], theirs[1] - theirs[0])

    def verdict(self) -> tuple[str, str]:
        """Return ``passes``, ``fails`` or ``reported``, and the reason.

        A pool of two studies or fewer is reported without a verdict, since the published number
        is another estimator's.
        """
        k = self.freeman_tukey.k
        if k <= 2:
            return "reported", FIXED_EFFECT
        limit = TOLERANCE_K5 if k >= 5 else TOLERANCE_K3
        faults = []
        if abs(self.difference) > limit:
            faults.append(f"difference {self.difference:+.4f} beyond {limit}")
        if k >= 5 and self.overlap < OVERLAP:
            faults.append(f"overlap {self.overlap:.2f} below {OVERLAP}")
        if not self.gate_passed:
            faults.append("the fit did not pass the gate")
        if faults:
            return "fails", "; ".join(faults)
        rule = f"|difference| <= {limit}"
        return "passes", rule + (f", overlap >= {OVERLAP}" if k >= 5 else "")


def validation_table(rows: list[PoolRow]) -> pd.DataFrame:
    """Return the side-by-side table of all pools, unrounded.

    Returns
    -------
    pandas.DataFrame
        ``id``, ``outcome``, ``label``, ``k``, ``events``, ``total``, ``crude``; Freeman-Tukey
        ``ft_estimate``, ``ft_lower``, ``ft_upper``, ``ft_i2``; GLMM ``glmm_estimate``,
        ``glmm_lower``, ``glmm_upper``, ``glmm_note``; Bayes ``typical_*``, ``average_*``,
        ``new_study_*``, ``tau_*``; ``difference``, ``overlap``, ``verdict``, ``reason``,
        ``gate``. Rates on the probability scale, tau on the logit scale.
    """
    records = []
    for row in rows:
        events, total = int(row.review["events"].sum()), int(row.review["total"].sum())
        verdict, reason = row.verdict() if row.published else ("not printed", "")
        record = {
            "id": row.pool_id,
            "outcome": row.outcome,
            "label": row.label,
            "k": row.freeman_tukey.k,
            "events": events,
            "total": total,
            "crude": events / total,
            "ft_estimate": row.freeman_tukey.estimate,
            "ft_lower": row.freeman_tukey.lower,
            "ft_upper": row.freeman_tukey.upper,
            "ft_i2": row.freeman_tukey.i2,
            "glmm_estimate": row.glmm.estimate,
            "glmm_lower": row.glmm.lower,
            "glmm_upper": row.glmm.upper,
            "glmm_note": row.glmm.reason or "",
        }
        for name, numbers in (
            ("typical", row.bayes.typical),
            ("average", row.bayes.average),
            ("new_study", row.bayes.new_study),
            ("tau", row.bayes.tau),
        ):
            record |= {f"{name}_{key}": numbers[key] for key in ("median", "lower", "upper")}
        record |= {
            "difference": row.difference,
            "overlap": row.overlap,
            "verdict": verdict,
            "reason": reason,
            "gate": "passed" if row.gate_passed else "FAILED",
        }
        records.append(record)
    return pd.DataFrame(records)
