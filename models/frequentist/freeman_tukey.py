"""The published estimator: Freeman-Tukey double arcsine with DerSimonian-Laird random effects.

This is what Stata's ``metaprop`` computes with the options ``ftt random cimethod(exact)`` (Nyaga,
Arbyn & Aerts 2014), including the parts that its users do not see: pools of one or two studies
become fixed-effect pools, and the back-transformation uses the harmonic mean of the sample sizes.
It is here to reproduce the published numbers and to be compared with, not to be recommended: the
transformation is not monotone and has no inverse across different sample sizes (Schwarzer et al.
2019; Röver & Friede 2022), and the binomial-normal model of ``models.frequentist.glmm`` needs
neither.

**Scale.** Everything called ``theta``, ``tau2`` and ``variance`` here lives on the *full* double
arcsine scale, 0 to π. The R packages metafor and meta use half of it: their transformed values are
half, and their variances and tau2 a quarter, of those here. Rates, intervals, Q, I2 and weights are
the same on either.

References
----------
DerSimonian R, Laird N. Meta-analysis in clinical trials. Control Clin Trials 1986;7:177-188.
Freeman MF, Tukey JW. Transformations related to the angular and the square root. Ann Math Stat
1950;21:607-611.
Miller JJ. The inverse of the Freeman-Tukey double arcsine transformation. Am Stat 1978;32:138.
Nyaga VN, Arbyn M, Aerts M. Metaprop: a Stata command to perform meta-analysis of binomial data.
Arch Public Health 2014;72:39.
Röver C, Friede T. Double arcsine transform not appropriate for meta-analysis. Res Synth Methods
2022;13:645-648.
Schwarzer G, Chemaitelly H, Abu-Raddad LJ, Rücker G. Seriously misleading results using inverse of
Freeman-Tukey double arcsine transformation in meta-analysis of single proportions. Res Synth
Methods 2019;10:476-483.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from models.common.constants import CI_PROB
from models.common.errors import InputError
from models.numerics.counts import as_counts

type FloatArray = NDArray[np.float64]
type Method = Literal["random effects", "fixed effect", "exact"]


@dataclass(frozen=True, slots=True, eq=False)
class FreemanTukeyPool:
    """A pooled rate and everything ``metaprop`` prints or keeps about it.

    What does not exist is ``None``: ``q_p`` and ``i2`` for one study, the prediction interval for
    fewer than three.

    Attributes
    ----------
    k
        Number of studies.
    estimate, lower, upper
        Pooled rate and its interval, probability scale. Clopper-Pearson if ``method`` is
        ``"exact"``, otherwise normal on the full double arcsine scale and back-transformed at
        ``harmonic_mean_total`` (Miller 1978).
    method
        ``"random effects"`` (DerSimonian & Laird 1986), ``"fixed effect"`` (inverse variance) or
        ``"exact"`` (one study).
    tau2
        Between-study variance that the weights used, full double arcsine scale: four times the
        value that metafor or meta print. Zero unless ``method`` is ``"random effects"``.
    q, q_df, q_p
        Cochran's Q (unitless, with inverse-variance weights), its degrees of freedom k - 1, and
        its upper tail probability under chi-squared.
    i2
        max(0, (Q - df) / Q), per cent. ``metaprop`` hides I2 and p of k < 4 in grouped analyses;
        they are given here.
    weights
        Share of each study in the pooled value, per cent, in the order of the input, shape (k,).
    theta, theta_se
        Pooled value and its standard error, full double arcsine scale.
    harmonic_mean_total
        k / sum(1 / n_i), patients.
    prediction_lower, prediction_upper
        Interval for the rate of a new study, probability scale: theta ± t(k-2) √(theta_se² + tau2),
        back-transformed in the same way (Higgins, Thompson & Spiegelhalter 2009; t(k-2) as in
        ``metaprop``).
    """

    k: int
    estimate: float
    lower: float
    upper: float
    method: Method
    tau2: float
    q: float
    q_df: int
    q_p: float | None
    i2: float | None
    weights: FloatArray
    theta: float
    theta_se: float
    harmonic_mean_total: float
    prediction_lower: float | None
    prediction_upper: float | None


@dataclass(frozen=True, slots=True)
class BetweenGroups:
    """Test for a difference between groups' pooled values.

    Attributes
    ----------
    q
        Inverse-variance Q over the groups' ``theta``, unitless.
    df
        Number of groups less one.
    p
        Upper tail probability of ``q`` under chi-squared with ``df``.
    """

    q: float
    df: int
    p: float


def double_arcsine(events: ArrayLike, total: ArrayLike) -> FloatArray:
    """Freeman-Tukey double arcsine transform on the full scale.

    asin √(x / (n + 1)) + asin √((x + 1) / (n + 1)), between 0 and π (Freeman & Tukey 1950).

    Parameters
    ----------
    events, total
        Counts, shape (k,); they are not checked here. Values need not be whole.

    Returns
    -------
    array
        Full double arcsine scale, shape (k,).
    """
    x = np.asarray(events, dtype=np.float64)
    n = np.asarray(total, dtype=np.float64)
    return np.asarray(np.arcsin(np.sqrt(x / (n + 1))) + np.arcsin(np.sqrt((x + 1) / (n + 1))))


def double_arcsine_variance(total: ArrayLike) -> FloatArray:
    """Asymptotic variance 1 / (n + 1/2) of the full double arcsine (Freeman & Tukey 1950).

    Parameters
    ----------
    total
        Patients, shape (k,).

    Returns
    -------
    array
        Variance on the full double arcsine scale, shape (k,).
    """
    return np.asarray(1 / (np.asarray(total, dtype=np.float64) + 0.5))


def inverse_double_arcsine(t: ArrayLike, n: ArrayLike) -> FloatArray:
    """Rate whose double arcsine at sample size n is t (Miller 1978).

    p = ½ {1 - sgn(cos t) √(1 - [sin t + (sin t - 1 / sin t) / n]²)}, and 0 below the transform of
    0/n, 1 above that of n/n, where the formula turns back.

    Parameters
    ----------
    t
        Full double arcsine scale, any shape.
    n
        Sample size, here the harmonic mean of the pooled totals; broadcasts against ``t``.

    Returns
    -------
    array
        Probability scale, broadcast shape.
    """
    t, n = np.broadcast_arrays(np.asarray(t, dtype=np.float64), np.asarray(n, dtype=np.float64))
    below = t <= double_arcsine(0.0, n)
    above = t >= double_arcsine(n, n)
    # Outside these limits sin t may be 0; the value is replaced below.
    inside = np.where(below | above, np.pi / 2, t)
    s, c = np.sin(inside), np.cos(inside)
    # Miller's root is √(1 - a²) with 1 - a = c² [1/(1 + s) + 1/(n s)]. Written so, the sign comes
    # with c and nothing cancels near p = 1/2, where 1 - a² would lose half of the digits.
    a = s - c**2 / (n * s)
    p = 0.5 * (1 - c * np.sqrt((1 / (1 + s) + 1 / (n * s)) * (1 + a)))
    return np.asarray(np.where(below, 0.0, np.where(above, 1.0, p)))


def exact_interval(
    events: ArrayLike, total: ArrayLike, ci_prob: float = CI_PROB
) -> tuple[FloatArray, FloatArray]:
    """Exact binomial interval of each study (Clopper & Pearson 1934).

    Parameters
    ----------
    events, total
        Counts, shape (k,).
    ci_prob
        Probability content, equal-tailed.

    Returns
    -------
    tuple of arrays
        Lower and upper limits, probability scale, shape (k,) each; 0 below 0/n, 1 above n/n.

    Raises
    ------
    InputError
        For impossible counts (see `models.numerics.counts.as_counts`) or ``ci_prob`` outside (0,
        1).
    """
    x, n = as_counts(events, total)
    tail = _tail(ci_prob)
    # The beta quantile is undefined with a zero parameter; there the limit is 0 or 1 by definition.
    lower = np.where(x == 0, 0.0, special.betaincinv(np.maximum(x, 1), n - x + 1, tail))
    upper = np.where(x == n, 1.0, special.betaincinv(x + 1, np.maximum(n - x, 1), 1 - tail))
    return lower, upper


def freeman_tukey_pool(
    events: ArrayLike,
    total: ArrayLike,
    *,
    ci_prob: float = CI_PROB,
    metaprop_rules: bool = True,
) -> FreemanTukeyPool:
    """Pool rates as ``metaprop`` does with ``ftt random cimethod(exact)``.

    Parameters
    ----------
    events, total
        Counts, one pair a study, shape (k,).
    ci_prob
        Probability content of every interval, equal-tailed.
    metaprop_rules
        True: two studies are pooled with a fixed effect, whatever was asked, as ``metaprop`` does
        without saying so. False: random effects from k = 2 on, as metafor and meta do. One study
        keeps its exact interval in either case.

    Returns
    -------
    FreemanTukeyPool

    Raises
    ------
    InputError
        For impossible counts (see `models.numerics.counts.as_counts`) or ``ci_prob`` outside (0,
        1).
    """
    x, n = as_counts(events, total)
    z = float(-special.ndtri(_tail(ci_prob)))
    k = x.size
    y = double_arcsine(x, n)
    v = double_arcsine_variance(n)

    fixed_weight = 1 / v
    fixed_theta = float(np.average(y, weights=fixed_weight))
    q = float(np.sum(fixed_weight * (y - fixed_theta) ** 2))
    df = k - 1
    i2 = None
    if k > 1:
        i2 = 100 * (q - df) / q if q > df else 0.0

    method: Method = "exact" if k == 1 else "random effects"
    if metaprop_rules and k == 2:
        method = "fixed effect"
    tau2 = 0.0
    if method == "random effects":
        scale = np.sum(fixed_weight) - np.sum(fixed_weight**2) / np.sum(fixed_weight)
        tau2 = max(0.0, float((q - df) / scale))

    weight = 1 / (v + tau2)
    theta = float(np.average(y, weights=weight))
    theta_se = float(1 / np.sqrt(np.sum(weight)))
    harmonic_mean = float(k / np.sum(1 / n))
    if method == "exact":
        estimate = float(x[0] / n[0])
        lower, upper = (float(limit[0]) for limit in exact_interval(x, n, ci_prob))
    else:
        limits = theta + z * theta_se * np.array([0.0, -1.0, 1.0])
        estimate, lower, upper = inverse_double_arcsine(limits, harmonic_mean).tolist()

    prediction_lower = prediction_upper = None
    if k >= 3:
        half = special.stdtrit(k - 2, 1 - _tail(ci_prob)) * np.sqrt(theta_se**2 + tau2)
        prediction_lower, prediction_upper = inverse_double_arcsine(
            theta + half * np.array([-1.0, 1.0]), harmonic_mean
        ).tolist()

    return FreemanTukeyPool(
        k=k,
        estimate=estimate,
        lower=lower,
        upper=upper,
        method=method,
        tau2=tau2,
        q=q,
        q_df=df,
        q_p=float(special.chdtrc(df, q)) if k > 1 else None,
        i2=i2,
        weights=100 * weight / np.sum(weight),
        theta=theta,
        theta_se=theta_se,
        harmonic_mean_total=harmonic_mean,
        prediction_lower=prediction_lower,
        prediction_upper=prediction_upper,
    )


def between_groups(pools: Sequence[FreemanTukeyPool]) -> BetweenGroups:
    """Test whether groups differ, as ``metaprop`` does with ``by()``.

    Inverse-variance Q over the groups' pooled values on the full double arcsine scale, each with
    the standard error of its own pool, against chi-squared with G - 1 degrees of freedom.

    Parameters
    ----------
    pools
        The pools of two groups or more.

    Returns
    -------
    BetweenGroups

    Raises
    ------
    InputError
        If there are fewer than two groups.
    """
    if len(pools) < 2:
        raise InputError(f"two groups or more expected, got {len(pools)}")
    theta = np.array([pool.theta for pool in pools])
    weight = np.array([pool.theta_se for pool in pools]) ** -2.0
    q = float(np.sum(weight * (theta - np.average(theta, weights=weight)) ** 2))
    df = len(pools) - 1
    return BetweenGroups(q=q, df=df, p=float(special.chdtrc(df, q)))


def printed(x: float, decimals: int) -> str:
    """Round a number as Stata's ``%4.2f`` prints a variable of ``metaprop``.

    ``metaprop`` stores what it prints in single precision (Stata's default ``float``), and the
    format then rounds that binary number. A tie in decimals is therefore decided by the nearest
    single: 7/40 = 0.175 and 9/40 = 0.225 print as 0.17 and 0.22, as in Fig. 2 of the paper, while
    the double nearest to 0.225 lies above it and would give 0.23. A binary number that is itself a
    tie goes away from zero: 3/24 = 0.125 prints as 0.13, as in section 3.4.3.

    Parameters
    ----------
    x
        Any finite number, on the scale to be printed.
    decimals
        Digits after the point.

    Returns
    -------
    str
    """
    single = Decimal(float(np.float32(x)))
    return str(single.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP))


def _tail(ci_prob: float) -> float:
    if not 0 < ci_prob < 1:
        raise InputError(f"ci_prob = {ci_prob!r}: outside (0, 1)")
    return (1 - ci_prob) / 2
