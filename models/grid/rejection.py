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
_LEAN = 0.05
"""Least slope of a tangent, per prior standard deviation."""
_DOUBLINGS = 100
_LARGEST_LOGIT = 700.0
"""Where exp overflows; at minus this logit likelihoods have long been flat, or below 1e-300."""

type Subset = slice | NDArray[np.intp]
EVERYTHING = slice(None)


class Target(Protocol):
    """A set of log-concave log densities in ``z``, each with a curvature of at least 1."""

    def newton(self, z: Array) -> tuple[Array, Array]:
        """Return slope and minus curvature of all targets; the curvature may be approximate."""
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

    def _odds(self, z: Array, mean: Array, scale: Array) -> tuple[Array, Array]:
        """Return logits and ``1 + exp(-logit)``, the inverse of the event probability."""
        theta = scale * z
        theta += mean
        np.maximum(theta, -_LARGEST_LOGIT, out=theta)
        inverse = np.negative(theta)
        np.exp(inverse, out=inverse)
        inverse += 1.0
        return theta, inverse

    def newton(self, z: Array) -> tuple[Array, Array]:
        """Return slope and minus curvature of all targets."""
        _, inverse = self._odds(z, self._mean, self._scale)
        expected = self._n / inverse
        slope = self._x - expected
        slope *= self._scale
        slope -= z
        expected -= expected / inverse
        expected *= self._scale
        expected *= self._scale
        expected += 1.0
        return slope, expected

    def tangent(self, z: Array, subset: Subset) -> tuple[Array, Array]:
        """Return height and slope of the targets of ``subset``."""
        x, n, scale = self._x[subset], self._n[subset], self._scale[subset]
        theta, inverse = self._odds(z, self._mean[subset], scale)
        slope = x - n / inverse
        slope *= scale
        slope -= z
        return self._height(z, x, n, theta, inverse), slope

    def height(self, z: Array, subset: Subset) -> Array:
        """Return the height of the targets of ``subset``."""
        theta, inverse = self._odds(z, self._mean[subset], self._scale[subset])
        return self._height(z, self._x[subset], self._n[subset], theta, inverse)

    @staticmethod
    def _height(z: Array, x: Array, n: Array, theta: Array, inverse: Array) -> Array:
        # log(1 + exp(theta)) = theta + log(1 + exp(-theta)).
        theta *= x - n
        np.log(inverse, out=inverse)
        inverse *= n
        theta -= inverse
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
    centre = start
    for _ in range(_NEWTON_STEPS):
        slope, bend = target.newton(centre)
        # Far from the mode the curvature misleads: at most 1.5 prior standard deviations a step.
        slope /= bend
        np.clip(slope, -1.5, 1.5, out=slope)
        centre = centre + slope
    sd = 1.0 / np.sqrt(bend)
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
