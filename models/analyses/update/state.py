"""What a review says at one time: pool, groups, contrasts, claims; and how two times differ.

The claims are that a group has a higher typical rate than the reference, and that a group has the
highest; in words by the scale of `models.analyses.groups.claims`. Pools and probabilities of a pair
are exact, contrasts and the highest from independent draws of the same posterior.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from models.analyses.groups.claims import CLAIMS, wording
from models.common.constants import INTERVAL_PROBS
from models.fitting.exact import fit_groups, fit_review
from models.grid.distributions import Array
from models.grid.drawing.sampling import draw_group_means
from models.grid.posteriors import SubgroupPosterior
from models.priors import DEFAULT_PRIORS, Priors

DRAWS: Final = 20_000
SEED: Final = 20250107


@dataclass(frozen=True, eq=False)
class State:
    """A review at one time.

    Attributes
    ----------
    numbers
        One row a quantity: ``kind`` (pool, group, contrast), ``quantity``, ``scale`` (proportion,
        logit, ratio), ``median``, ``lower``, ``upper``.
    claims
        One row a claim: ``claim``, ``a``, ``b`` (empty: highest of all), ``probability``, ``mcse``,
        ``words``.
    means, tau
        Draws of the groups' means ``(draws, groups)`` and of tau, logit scale.
    groups
        In the order of ``means``.
    """

    numbers: pd.DataFrame
    claims: pd.DataFrame
    means: Array
    tau: Array
    groups: list[str]


def state_of(
    review: pd.DataFrame, reference: str, priors: Priors = DEFAULT_PRIORS, draws: int = DRAWS
) -> State:
    """Return what a review says.

    Parameters
    ----------
    review
        ``study``, ``events``, ``total``, ``group`` (categorical, each with an arm).
    reference
        The group that others are compared with; without it in the review there is no contrast.
    priors
        Of both models.
    draws
        Independent draws for contrasts and ranks.
    """
    pool, fitted = fit_review(review, priors), fit_groups(review, priors)
    groups = list(fitted.group)
    means, tau = draw_means(fitted, draws)
    rows = [
        _row("pool", "typical rate", "proportion", pool.mu.rate_summary()),
        _row("pool", "average rate", "proportion", pool.average_rate.summary()),
        _row("pool", "rate in a new study", "proportion", pool.new_study.rate_summary()),
        _row("pool", "tau", "logit", pool.tau.summary()),
    ]
    typical = fitted.groups.rate_summary()
    for i, group in enumerate(groups):
        values = [float(getattr(typical, name)[i]) for name in ("median", "lower", "upper")]
        rows.append(_numbers("group", f"typical rate, {group}", "proportion", values))
    claims = []
    if reference in groups:
        r = groups.index(reference)
        greater = fitted.prob_greater()
        for i, group in enumerate(groups):
            if i == r:
                continue
            pair = f"{group} v. {reference}"
            difference = expit(means[:, i]) - expit(means[:, r])
            ratio = np.exp(means[:, i] - means[:, r])
            rows.append(_numbers("contrast", pair, "difference", _quantiles(difference)))
            rows.append(_numbers("contrast", pair, "odds ratio", _quantiles(ratio)))
            claims.append((f"{group} above {reference}", group, reference, greater[i, r], 0.0))
    if len(groups) > 2:
        best = np.bincount(means.argmax(axis=1), minlength=len(groups)) / len(means)
        for group, p in zip(groups, best, strict=True):
            mcse = float(np.sqrt(p * (1.0 - p) / len(means)))
            claims.append((f"{group} the highest", group, "", float(p), mcse))
    names = ["claim", "a", "b", "probability", "mcse"]
    frame = pd.DataFrame(claims, columns=names).astype({"probability": "float64"})
    frame["words"] = [wording(p) for p in frame["probability"]]
    return State(pd.DataFrame(rows), frame, means, tau, groups)


def draw_means(posterior: SubgroupPosterior, draws: int) -> tuple[Array, Array]:
    """Return joint draws of the groups' means ``(draws, groups)`` and of tau, logit scale."""
    rng = np.random.default_rng(SEED)
    means, _, tau = draw_group_means(posterior.solution.state, draws, rng)
    return means, tau


def _row(kind: str, quantity: str, scale: str, summary: object) -> dict[str, object]:
    values = [float(getattr(summary, name)) for name in ("median", "lower", "upper")]
    return _numbers(kind, quantity, scale, values)


def _numbers(kind: str, quantity: str, scale: str, values: list[float]) -> dict[str, object]:
    names = ("kind", "quantity", "scale", "median", "lower", "upper")
    return dict(zip(names, (kind, quantity, scale, *values), strict=True))


def _quantiles(draws: Array) -> list[float]:
    return [float(np.quantile(draws, q)) for q in (0.5, *INTERVAL_PROBS)]


def moved_numbers(before: State, after: State) -> pd.DataFrame:
    """Return every quantity before and after.

    ``change`` is that of the median (of an odds ratio its factor); ``share`` is the change on the
    scale on which intervals are about even (logit, log), in widths of the earlier interval.
    Quantities that were not there before have none.
    """
    keys = ["kind", "quantity", "scale"]
    joined = after.numbers.merge(before.numbers, on=keys, how="left", suffixes=("", "_before"))
    change, share = [], []
    for row in joined.itertuples(index=False):
        forth = {"proportion": logit, "odds ratio": np.log}.get(row.scale, lambda x: x)
        old, low, high, new = (
            forth(np.float64(v))
            for v in (row.median_before, row.lower_before, row.upper_before, row.median)
        )
        ratio = row.scale == "odds ratio"
        change.append(row.median / row.median_before if ratio else row.median - row.median_before)
        share.append((new - old) / (high - low))
    return joined.assign(change=change, share=share)


def moved_claims(before: State, after: State, analysis: str | None = None) -> pd.DataFrame:
    """Return every claim before and after, with the paper's own id where it makes it.

    Parameters
    ----------
    before, after
        States.
    analysis
        Outcome and grouping of the paper, such as ``orr_treatment``.
    """
    joined = after.claims.merge(
        before.claims[["claim", "probability", "words"]],
        on="claim",
        how="left",
        suffixes=("", "_before"),
    )
    joined["change"] = joined["probability"] - joined["probability_before"]
    joined["reworded"] = joined["words_before"].notna() & (
        joined["words"] != joined["words_before"]
    )
    words = {1: "the highest", 2: " > "}
    own = {
        c.groups: c.claim_id
        for c in CLAIMS
        if c.analysis == analysis and words[len(c.groups)] in c.label
    }
    joined["paper"] = [
        own.get((a, b) if b else (a,), "") for a, b in zip(joined["a"], joined["b"], strict=True)
    ]
    return joined
