r"""Exact draws from log-concave densities, many at once, each with its own parameters.

The target is ``exp(g(mean + scale z) - z^2 / 2)`` in ``z`` with a concave log likelihood ``g``. Two
tangents of its logarithm, one standard deviation to either side of the mode, bound it from above
(Gilks and Wild 1992), so a draw from the two-sided exponential under them is accepted with
probability density over bound: 0.76 of the time for a normal density. No accuracy rests on where
the tangents touch, only speed.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.grid.distributions import Array

_NEWTON_STEPS = 2
_FAR = 0.7
"""Last step, in standard deviations, beyond which a mode is looked for with more care."""
_SAFE_STEPS = 40
_LEAN = 0.05
"""Least slope of a tangent, per prior standard deviation."""
_DOUBLINGS = 100
type Subset = slice | NDArray[np.intp]
EVERYTHING = slice(None)


class Target(Protocol):
    """A set of log-concave log densities in ``z``, each with a curvature of at least 1."""

    def newton(self, z: Array, subset: Subset) -> tuple[Array, Array]:
        """Return slope and minus curvature of the targets of ``subset``, the latter roughly."""
        ...

    def tangent(self, z: Array, subset: Subset) -> tuple[Array, Array]:
        """Return height and slope of the targets of ``subset``."""
        ...

    def height(self, z: Array, subset: Subset) -> Array:
        """Return the height of the targets of ``subset``."""
        ...


class BinomialTarget:
    """``g(theta) = x theta - n log(1 + exp(theta))`` at ``theta = mean + scale z``."""

    def __init__(self, x: Array, n: Array, mean: Array, scale: Array) -> None:
        self._x, self._n, self._mean, self._scale = x, n, mean, scale

    def _logit(self, z: Array, mean: Array, scale: Array) -> tuple[Array, Array, Array]:
        """Return logits, ``exp(-|logit|)`` and one plus it: nothing overflows, however large."""
        theta = scale * z
        theta += mean
        small = np.abs(theta)
        np.negative(small, out=small)
        np.exp(small, out=small)
        return theta, small, small + 1.0

    def newton(self, z: Array, subset: Subset) -> tuple[Array, Array]:
        """Return slope and minus curvature of the targets of ``subset``."""
        scale = self._scale[subset]
        theta, small, divisor = self._logit(z, self._mean[subset], scale)
        probability = np.where(theta < 0.0, small, 1.0)
        probability /= divisor
        expected = self._n[subset] * probability
        slope = self._x[subset] - expected
        slope *= scale
        slope -= z
        expected -= expected * probability
        expected *= scale
        expected *= scale
        expected += 1.0
        return slope, expected

    def tangent(self, z: Array, subset: Subset) -> tuple[Array, Array]:
        """Return height and slope of the targets of ``subset``."""
        x, n, scale = self._x[subset], self._n[subset], self._scale[subset]
        theta, small, divisor = self._logit(z, self._mean[subset], scale)
        probability = np.where(theta < 0.0, small, 1.0)
        probability /= divisor
        probability *= n
        slope = x - probability
        slope *= scale
        slope -= z
        return self._height(z, x, n, theta, divisor), slope

    def height(self, z: Array, subset: Subset) -> Array:
        """Return the height of the targets of ``subset``."""
        theta, _, divisor = self._logit(z, self._mean[subset], self._scale[subset])
        return self._height(z, self._x[subset], self._n[subset], theta, divisor)

    @staticmethod
    def _height(z: Array, x: Array, n: Array, theta: Array, divisor: Array) -> Array:
        # log(1 + exp(theta)) = max(theta, 0) + log(1 + exp(-|theta|)).
        np.log(divisor, out=divisor)
        divisor += np.maximum(theta, 0.0)
        divisor *= n
        theta *= x
        theta -= divisor
        theta -= 0.5 * z * z
        return theta


def draw(target: Target, start: Array, rng: np.random.Generator) -> Array:
    """Draw once from each target, shape of ``start``.

    Parameters
    ----------
    target
        The log densities.
    start
        Guesses of the modes, one-dimensional.
    rng
        Source of randomness.
    """
    centre, sd = _modes(target, start)
    left, height, slope_left = _tangent(target, centre, -sd)
    right, height_right, slope_right = _tangent(target, centre, sd)
    # The tangents meet at the apex.
    fall = slope_left - slope_right
    apex = (height_right - height + slope_left * left - slope_right * right) / fall
    top = height + slope_left * (apex - left)
    chance_left = -slope_right / fall
    step_left, step_right = -1.0 / slope_left, -1.0 / slope_right

    z = np.empty_like(centre)
    waiting = np.arange(centre.size)
    while waiting.size:
        k: Subset = waiting if waiting.size < centre.size else EVERYTHING
        depth = rng.standard_exponential(waiting.size)
        is_left = rng.random(waiting.size) < chance_left[k]
        proposal = np.where(is_left, step_left[k], step_right[k])
        proposal *= depth
        proposal += apex[k]
        # Accept with probability exp(height - bound): an exponential exceeds bound - height.
        depth += target.height(proposal, k)
        depth -= top[k]
        depth += rng.standard_exponential(waiting.size)
        accepted = depth >= 0.0
        z[waiting[accepted]] = proposal[accepted]
        waiting = waiting[~accepted]
    return z


def _modes(target: Target, start: Array) -> tuple[Array, Array]:
    """Return approximate modes and the standard deviations there."""
    centre = start
    for _ in range(_NEWTON_STEPS):
        slope, bend = target.newton(centre, EVERYTHING)
        step = slope / bend
        centre = centre + step
    sd = 1.0 / np.sqrt(bend)
    far = np.flatnonzero(np.abs(step) > _FAR * sd)
    if far.size:
        centre[far], sd[far] = _safe_modes(target, start[far], far)
    return centre, sd


def _safe_modes(target: Target, point: Array, subset: NDArray[np.intp]) -> tuple[Array, Array]:
    """Return modes by Newton's method inside a bracket, which is halved where steps do not shrink.

    Newton's steps alone may go to and fro between the tails of a flat-topped slope, each just
    inside the bracket.
    """
    low, high = np.full(point.size, -np.inf), np.full(point.size, np.inf)
    last = np.full(point.size, np.inf)
    for _ in range(_SAFE_STEPS):
        slope, bend = target.newton(point, subset)
        low, high = np.where(slope > 0.0, point, low), np.where(slope > 0.0, high, point)
        step = slope / bend
        sd = 1.0 / np.sqrt(bend)
        if np.max(np.abs(step) - 0.1 * sd) < 0.0:
            break
        moved = point + step
        middle = 0.5 * (low + high)
        slow = (moved <= low) | (moved >= high) | (np.abs(step) > 0.5 * last)
        moved = np.where(slow & np.isfinite(middle), middle, moved)
        last = np.abs(moved - point)
        point = moved
    return point, sd


def _tangent(target: Target, centre: Array, reach: Array) -> tuple[Array, Array, Array]:
    """Return where a tangent touches, its height and slope.

    It must lean towards the centre; where the mode was missed, the touching point moves outwards
    until it does. The curvature being at least 1, this ends.
    """
    side = -1.0 if reach[0] > 0.0 else 1.0
    point = centre + reach
    height, slope = target.tangent(point, EVERYTHING)
    for _ in range(_DOUBLINGS):
        wrong = np.flatnonzero(side * slope < _LEAN)
        if not wrong.size:
            break
        reach[wrong] *= 2.0
        point[wrong] = centre[wrong] + reach[wrong]
        height[wrong], slope[wrong] = target.tangent(point[wrong], wrong)
    return point, height, slope
