r"""The logit mesh that every level of the tree shares, and the outer grid of a scale.

Mesh
----
Nodes are dense where something narrow lives and ever sparser outwards. A *component*
``(centre, step, width)`` asks for nodes ``step`` apart around ``centre``, growing in proportion to
the distance beyond ``width``. The densities of the components add up, which gives a closed form::

    v(theta) = sum_c (width_c / step_c) asinh((theta - centre_c) / width_c)

Nodes are the logits at integer ``v``; the trapezoid rule in ``v`` has the weights
``d theta / d v`` and, ``v`` being analytic, an error that falls exponentially with the resolution.

Scale rule
----------
``s = unit * sinh(u)`` with equidistant ``u``: linear near zero, geometric in the tail, and odd, so
that an even density in ``s`` stays even in ``u``. A rule that starts at zero gives the node there
half a weight.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from models.common.errors import InputError
from models.grid.band import Axis
from models.grid.distributions import Array, ScalePrior

_NEWTON_STEPS = 8
_MOST_NODES = 200_000


def too_large(elements: float) -> InputError:
    """Return the refusal of a problem that needs so many numbers in memory."""
    need = elements * 8.0 / 2.0**30
    amount = f"about {need:,.0f} GiB of memory" if need < 1e6 else "more memory than there is"
    return InputError(
        f"the exact engine would need {amount} for these counts and priors: totals are too large, "
        "studies too many or a prior scale too small or too large; the sampler may serve"
    )


@dataclass(frozen=True)
class Component:
    """A region that needs nodes ``step`` apart within about ``width`` of ``centre`` (logits)."""

    centre: float
    step: float
    width: float


@dataclass(frozen=True, eq=False)
class Mesh:
    """Logit nodes at consecutive integers of a smooth coordinate.

    Parameters
    ----------
    components
        Where nodes are needed.
    first
        Coordinate ``v`` of the first node.
    nodes
        Logits, increasing, shape ``(size,)``.
    weights
        ``d theta / d v`` at the nodes: the weights of the trapezoid rule, shape ``(size,)``.
    """

    components: tuple[Component, ...]
    first: int
    nodes: Array
    weights: Array

    @classmethod
    def build(cls, components: tuple[Component, ...], low: float, high: float) -> "Mesh":
        """Lay a mesh over ``[low, high]`` with the given components.

        Raises
        ------
        InputError
            If it would have more nodes than any engine could use.
        """
        ends = _coordinate(components, np.array([low, high]))
        if not ends[1] - ends[0] < _MOST_NODES:
            raise too_large(float(ends[1] - ends[0]) ** 2)
        first, last = int(np.floor(ends[0])), int(np.ceil(ends[1]))
        nodes = _invert(components, np.arange(first, last + 1, dtype=np.float64), low, high)
        return cls(components, first, nodes, 1.0 / _density(components, nodes))

    @property
    def size(self) -> int:
        """Number of nodes."""
        return int(self.nodes.size)

    @cached_property
    def axis(self) -> Axis:
        """The nodes as an axis for band-limited interpolation."""
        return Axis(self.size)

    @cached_property
    def _refinements(self) -> dict[int, tuple[Array, Array, Array]]:
        return {}

    def refined(self, pieces: int) -> tuple[Array, Array, Array]:
        """Return ``axis.refined(pieces)``, computed once."""
        if pieces not in self._refinements:
            self._refinements[pieces] = self.axis.refined(pieces)
        return self._refinements[pieces]

    def index(self, logit: Array) -> Array:
        """Return the fractional node index of each logit (0 at the first node)."""
        return _coordinate(self.components, np.asarray(logit, dtype=np.float64)) - self.first

    def logit(self, index: Array) -> Array:
        """Return the logit at each fractional node index."""
        index = np.asarray(index, dtype=np.float64)
        low, high = float(self.nodes[0]), float(self.nodes[-1])
        start = np.interp(index, np.arange(self.size), self.nodes)
        return _newton(self.components, index + self.first, start, low - 1.0, high + 1.0)

    def index_and_density(self, logit: Array) -> tuple[Array, Array]:
        """Return `index` and `density` together, at the cost of one."""
        index, density = np.full(logit.shape, -float(self.first)), np.zeros(logit.shape)
        for part in self.components:
            scaled = (logit - part.centre) / part.width
            root = np.sqrt(scaled * scaled + 1.0)
            density += 1.0 / (part.step * root)
            root += np.abs(scaled)
            index += np.copysign(np.log(root), scaled) * (part.width / part.step)
        return index, density

    def density(self, logit: Array) -> Array:
        """Return ``d v / d theta``, the density of nodes at each logit."""
        return _density(self.components, np.asarray(logit, dtype=np.float64))


def _coordinate(components: tuple[Component, ...], logit: Array) -> Array:
    total = np.zeros_like(logit)
    for part in components:
        total += part.width / part.step * np.arcsinh((logit - part.centre) / part.width)
    return total


def _density(components: tuple[Component, ...], logit: Array) -> Array:
    total = np.zeros_like(logit)
    for part in components:
        total += 1.0 / (part.step * np.hypot(1.0, (logit - part.centre) / part.width))
    return total


def _newton(
    components: tuple[Component, ...], target: Array, start: Array, low: float, high: float
) -> Array:
    logit = start
    for _ in range(_NEWTON_STEPS):
        change = (_coordinate(components, logit) - target) / _density(components, logit)
        logit = np.clip(logit - change, low, high)
        if np.max(np.abs(change), initial=0.0) < 1e-12 * max(1.0, abs(low), abs(high)):
            break
    return logit


def _invert(components: tuple[Component, ...], target: Array, low: float, high: float) -> Array:
    """Return the logits at the given coordinates, by Newton from a graded table."""
    reach = high - low
    pieces = [np.array([low - reach, high + reach])]
    for part in components:
        most = np.arcsinh(2.0 * reach / part.width)
        pieces.append(part.centre + part.width * np.sinh(np.linspace(-most, most, 129)))
    table = np.unique(np.concatenate(pieces))
    start = np.interp(target, _coordinate(components, table), table)
    return _newton(components, target, start, low - reach, high + reach)


@dataclass(frozen=True, eq=False)
class ScaleRule:
    """Trapezoid rule for a scale parameter with the prior folded in.

    Parameters
    ----------
    prior
        Prior of the scale.
    unit, step
        ``s = unit * sinh(step * (first + j))`` for node ``j``.
    first
        Multiple of the step at the first node; 0 makes the rule even.
    size
        Number of nodes.
    """

    prior: ScalePrior
    unit: float
    step: float
    first: int
    size: int

    @property
    def axis(self) -> Axis:
        """The nodes as an axis for band-limited interpolation."""
        return Axis(self.size, even=self.first == 0)

    @cached_property
    def nodes(self) -> Array:
        """Scales at the nodes, shape ``(size,)``."""
        return self.scale(np.arange(self.size, dtype=np.float64))

    @cached_property
    def log_weights(self) -> Array:
        """Log of quadrature weight times prior density at the nodes, shape ``(size,)``."""
        u = self.step * (self.first + np.arange(self.size))
        log_weights = np.log(self.step * self.unit * np.cosh(u)) + self.prior.logpdf(self.nodes)
        if self.first == 0:
            log_weights[0] -= np.log(2.0)
        return np.asarray(log_weights)

    @cached_property
    def moment_weights(self) -> Array:
        """Weights of the masses that give the mean of the scale, shape ``(size,)``.

        Over an even density the scale is odd, and the trapezoid sum from zero needs the end
        corrections of Euler and Maclaurin: the integral of ``g = s(u) f(u)`` is the sum plus
        ``g1 / 12 - g3 / 720 + g5 / 30240`` with its derivatives at zero, in steps. The even
        derivatives of the density ``f`` come from central differences of order 8 and 6.
        """
        weights = self.nodes.copy()
        if self.first > 0:
            return weights
        f0, f2, f4 = np.array(
            [
                [1.0, 0.0, 0.0, 0.0, 0.0],
                [-205 / 72, 16 / 5, -2 / 5, 16 / 315, -1 / 280],
                [91 / 8, -244 / 15, 169 / 30, -4 / 5, 7 / 120],
            ]
        )
        h = self.step
        g1 = h * f0
        g3 = h**3 * f0 + 3.0 * h * f2
        g5 = h**5 * f0 + 10.0 * h**3 * f2 + 5.0 * h * f4
        correction = self.unit * (g1 / 12.0 - g3 / 720.0 + g5 / 30240.0)
        # The node at zero carries half its density.
        correction[0] *= 2.0
        weights[:5] += correction
        return weights

    def scale(self, index: Array) -> Array:
        """Return the scale at each fractional node index."""
        return np.asarray(self.unit * np.sinh(self.step * (self.first + np.asarray(index))))

    def index(self, scale: Array) -> Array:
        """Return the fractional node index of each scale."""
        scale = np.asarray(scale, dtype=np.float64)
        return np.asarray(np.arcsinh(scale / self.unit) / self.step - self.first)
