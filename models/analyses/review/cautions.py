"""What a reader should know before the answer: each caution is a sentence, with its numbers."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import logit

from models.analyses.review.words import percent
from models.reviews.decoding import shown

if TYPE_CHECKING:
    import pandas as pd

    from models.frequentist.freeman_tukey import FreemanTukeyPool
    from models.frequentist.glmm import GlmmFit

DECIDES: Final = 0.25
"""Shift of the typical rate's logit, in its posterior standard deviations, at which the prior of mu
is said to decide."""
WIDENS: Final = 1.5
"""Ratio of interval widths (logit) between priors of tau at which they are said to decide."""
FALSE_ALARM: Final = 0.05
"""Probability that a review without an outlier has one named."""
MANY: Final = 5
"""Groups of one study that look like the values of a measurement."""
_SUM: Final = re.compile(r"\b(sub)?total|\boverall\b|\bpooled\b|\bsumme?\b|\ball studies\b")
_MISSING: Final = frozenset(("na", "n/a", "nan", "none", "null", "missing", "unknown", "?", "-"))


def of_rows(frame: "pd.DataFrame", by: str | None) -> Iterator[str]:
    """Yield cautions about labels and rows, before anything is computed.

    Parameters
    ----------
    frame
        The review as read.
    by
        Column of the groups, or None.
    """
    yield from _sums(frame)
    yield from _alike("studies", list(frame["study"]))
    if by is None or by not in frame:
        return
    values = frame[by].astype(str).str.strip()
    blank = frame.loc[values == "", "study"].tolist()
    if blank:
        yield f"{_studies(len(blank))} without {by} left out: {_list(blank)}"
    filled = values[values != ""]
    yield from _alike(f"groups in {by}", list(filled.unique()))
    for value in filled[filled.str.casefold().isin(_MISSING)].unique():
        yield f"{shown(value)} in {by} is taken for a group of that name, not for a blank"
    counts = filled.value_counts(sort=False)
    single = counts.index[counts == 1].tolist()
    if len(single) >= MANY and len(single) > len(counts) / 2:
        yield (
            f"{len(single)} of {len(counts)} groups are single studies: if {by} is a measurement, "
            f"use --covariates {by}"
        )
    elif single:
        yield (
            f"{'a group' if len(single) == 1 else f'{len(single)} groups'} of one study: "
            f"{_list(single)}; their spread is taken from the other groups"
        )


def _sums(frame: "pd.DataFrame") -> Iterator[str]:
    """Yield rows that look like a sum of others."""
    events, total = frame["events"].to_numpy(), frame["total"].to_numpy()
    for i, label in enumerate(frame["study"]):
        alone = 2 * events[i] == events.sum() and 2 * total[i] == total.sum() and len(frame) > 2
        above = i > 1 and events[i] == events[:i].sum() and total[i] == total[:i].sum()
        if alone or above:
            of = "all other rows" if alone else "the rows above"
            yield f"the row {shown(label)} is the sum of {of}: leave it out with --exclude"
        elif _SUM.search(str(label).casefold()):
            yield f"the row {shown(label)} is called like a sum: if it is one, use --exclude"


def _alike(what: str, labels: list[str]) -> Iterator[str]:
    """Yield labels that differ by case and blanks only."""
    seen: dict[str, str] = {}
    for label in map(str, labels):
        plain = "".join(label.casefold().split())
        if plain in seen and seen[plain] != label:
            yield f"{what} {shown(seen[plain])} and {shown(label)} differ by blanks or case only"
        seen.setdefault(plain, label)


def of_estimators(
    freeman_tukey: "FreemanTukeyPool", glmm: "GlmmFit", events: int, total: int
) -> Iterator[str]:
    """Yield cautions about the frequentist pools."""
    pool = freeman_tukey
    cut = 0 < events < total and (pool.lower == 0.0 or pool.upper == 1.0)
    if cut:
        side, count = ("0", events) if pool.lower == 0.0 else ("100 %", total - events)
        what = "estimate" if pool.estimate in (0.0, 1.0) else "interval"
        yield (
            f"Freeman-Tukey: the {what} is cut off at {side}, although there are {count} "
            f"{'events' if side == '0' else 'patients without one'}; its back-transformation "
            "fails for such sizes"
        )
    if pool.k == 2 and pool.i2 is not None and pool.i2 > 50:
        yield (
            f"Freeman-Tukey: two studies are pooled with a fixed effect, as Stata's metaprop does, "
            f"although I2 is {pool.i2:.0f} %; its interval knows nothing of the difference"
        )
    if not glmm.exists:
        yield f"GLMM: no maximum of the likelihood exists ({glmm.reason})"


def of_priors(sensitivity: "pd.DataFrame") -> Iterator[str]:
    """Yield cautions about what the priors decide; ``sensitivity`` as `prior_sensitivity` gives."""
    rows = {str(row["prior"]): row for row in sensitivity.to_dict("records")}
    base = rows["as set"]
    wide = next((row for name, row in rows.items() if name.endswith(", 10)")), None)
    if wide is not None:
        ends = logit([wide["typical_lower"], wide["typical_upper"]])
        shift = logit(base["typical_median"]) - logit(wide["typical_median"])
        if abs(shift) > DECIDES * float(np.diff(ends)[0]) / 3.92:
            yield (
                f"the prior of mu decides: typical rate {percent(base['typical_median'])} as set, "
                f"{percent(wide['typical_median'])} under {wide['prior']}, which leaves it to the "
                f"data; try --prior mu=normal({base_mean(wide['typical_median'])},1.5)"
            )
    narrow, broad = rows.get("half-normal(0.5)"), rows.get("half-normal(2)")
    for row in (narrow, broad):
        if row is None:
            return
    assert narrow is not None
    assert broad is not None
    widths = [
        float(np.diff(logit([row["typical_lower"], row["typical_upper"]]))[0])
        for row in (narrow, broad)
    ]
    if widths[1] > WIDENS * widths[0]:
        intervals = [
            f"{percent(row['typical_lower'])} to {percent(row['typical_upper'])}"
            for row in (narrow, broad)
        ]
        yield (
            f"the prior of tau decides how wide the interval is: {intervals[0]} under "
            f"half-normal(0.5), {intervals[1]} under half-normal(2)"
        )


def base_mean(rate: float) -> str:
    """Return a round logit near a rate, for the mean of a prior."""
    return f"{round(float(logit(rate))):d}"


def of_outliers(leave_one_out: "pd.DataFrame") -> Iterator[str]:
    """Yield the studies that the others do not predict (5 % over all, by Bonferroni)."""
    if "p_value" not in leave_one_out:
        return
    odd = leave_one_out[leave_one_out["p_value"] < FALSE_ALARM / len(leave_one_out)]
    for row in odd.itertuples():
        yield (
            f"{shown(row.left_out)} is not predicted by the others: {row.events} events, "
            f"{row.expected:.0f} expected (p = {row.p_value:.1g})"
        )


def _studies(number: int) -> str:
    return "1 study" if number == 1 else f"{number} studies"


def _list(labels: list[str], most: int = 6) -> str:
    more = f" and {len(labels) - most} more" if len(labels) > most else ""
    return ", ".join(map(shown, labels[:most])) + more
