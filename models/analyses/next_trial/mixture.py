"""A prior of the rate as a mixture of beta distributions, which other software can read.

The mixture minimises the Kullback-Leibler divergence from the exact density to it, by quadrature
over the density itself, so no sample is drawn. Components are added until no cumulative
probability is off by more than `ACCURACY`. Shapes are at least 1, where the information of every
component is finite on either scale.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import minimize
from scipy.special import betainc, betaln, digamma, expit, log_expit, logit, logsumexp, softmax

from models.grid.distributions import Array
from models.grid.marginals import LogitMarginals
from models.grid.mesh import Component, Mesh
from models.numerics.threads import one_blas_thread

ACCURACY: Final = 0.002
"""Largest error of any cumulative probability that is accepted."""
MOST: Final = 5
"""Most components."""
_LARGEST: Final = np.log(1e5)
_NOTHING, _LITTLE = 1e-13, 1e-10
_THIN = 3
"""Every third node is enough for sums over a density that spans hundreds."""


def log_density(logits: Array, weights: Array, a: Array, b: Array) -> Array:
    """Return the log density of the logit under a mixture of betas of the rate, ``(n,)``."""
    terms = a * log_expit(logits)[:, None] + b * log_expit(-logits)[:, None] - betaln(a, b)
    return np.asarray(logsumexp(terms + np.log(weights), axis=1))


@dataclass(frozen=True, eq=False)
class BetaMixture:
    """Mixture of beta distributions of a rate.

    Attributes
    ----------
    weight, a, b
        Weights, which sum to one, and shapes of the components, ``(components,)``.
    cdf_error
        Largest error of a cumulative probability; 0 if the mixture stands for itself.
    divergence
        Kullback-Leibler divergence from the density that it stands for, nats.
    """

    weight: Array
    a: Array
    b: Array
    cdf_error: float = 0.0
    divergence: float = 0.0

    def cdf(self, rate: Array) -> Array:
        """Return ``P(rate <= x)``."""
        return np.asarray(betainc(self.a, self.b, np.asarray(rate)[..., None]) @ self.weight)

    def density(self) -> LogitMarginals:
        """Return the mixture as masses of the logit."""
        centre = float(logit(self.weight @ (self.a / (self.a + self.b))))
        reach = 10.0 - np.log(_NOTHING) / min(self.a.min(), self.b.min())
        step = min(0.04, 0.5 / np.sqrt((self.a + self.b).max()))
        mesh = Mesh.build((Component(centre, step, 4.0),), centre - reach, centre + reach)
        masses = np.exp(log_density(mesh.nodes, self.weight, self.a, self.b)) * mesh.weights
        return LogitMarginals(mesh, masses / masses.sum())

    def robust(self, weight: float) -> "BetaMixture":
        """Return the mixture with a uniform component, the information of one patient at most.

        Beta(1, 1), as ``robustify(mix, weight, mean = 1/2)`` of RBesT adds it.
        """
        return BetaMixture(
            np.append(self.weight * (1.0 - weight), weight), np.append(self.a, 1.0),
            np.append(self.b, 1.0), self.cdf_error, self.divergence,
        )  # fmt: skip

    def rows(self) -> list[dict[str, float]]:
        """Return one dict a component: ``weight``, ``a``, ``b``."""
        return [
            {"weight": float(w), "a": float(a), "b": float(b)}
            for w, a, b in zip(self.weight, self.a, self.b, strict=True)
        ]

    def rbest(self) -> dict[str, object]:
        """Return what ``read_mix_json`` of RBesT reads."""
        names = [f"comp{i + 1}" for i in range(self.weight.size)]
        return {
            "meta": {
                "dim": [3, self.weight.size],
                "dimnames": [["w", "a", "b"], names],
                "link": "identity",
                "class": ["betaMix", "mix"],
                "likelihood": "binomial",
            },
            "comp": [self.weight.tolist(), self.a.tolist(), self.b.tolist()],
        }

    def r_line(self) -> str:
        """Return the R code of the mixture (RBesT)."""
        parts = [f"c({r['weight']:.6g}, {r['a']:.6g}, {r['b']:.6g})" for r in self.rows()]
        return f"map <- mixbeta({', '.join(parts)})"

    def stan_line(self) -> str:
        """Return the Stan statement of the mixture as the prior of ``theta``."""
        terms = [
            f"{np.log(r['weight']):.6g} + beta_lpdf(theta | {r['a']:.6g}, {r['b']:.6g})"
            for r in self.rows()
        ]
        body = terms[0] if len(terms) == 1 else f"log_sum_exp([{', '.join(terms)}])"
        return f"target += {body};"


def fit_mixture(
    density: LogitMarginals, accuracy: float = ACCURACY, most: int = MOST
) -> BetaMixture:
    """Return the mixture of fewest betas that is as accurate as asked, or the best of ``most``.

    Parameters
    ----------
    density
        Masses of the logit of a rate, ``(nodes,)``.
    accuracy
        Largest error of a cumulative probability.
    most
        Most components to try.
    """
    kept = density.masses > _LITTLE * density.masses.max()
    nodes, masses = density.mesh.nodes[kept], density.masses[kept]
    entropy = float(masses @ np.log(masses / density.mesh.weights[kept]))
    # the exact distribution function half way between nodes
    index = np.flatnonzero(kept)
    exact = np.cumsum(density.masses)[index]
    halves = expit(density.mesh.logit(np.asarray(index + 0.5, dtype=np.float64)))
    mean, sd = float(density.rate_mean), float(density.rate_sd)
    size = max(mean * (1.0 - mean) / sd**2 - 1.0, 1.0)
    start = [(1.0, mean, size)]
    best: BetaMixture | None = None
    for count in range(1, most + 1):
        weight, a, b = _minimise(nodes[::_THIN], masses[::_THIN] / masses[::_THIN].sum(), start)
        found = BetaMixture(weight, a, b)
        error = float(np.abs(found.cdf(halves) - exact).max())
        if best is None or error < best.cdf_error:
            cross = -float(masses @ log_density(nodes, weight, a, b))
            best = BetaMixture(weight, a, b, error, max(cross + entropy, 0.0))
        if best.cdf_error <= accuracy or count == most:
            break
        start = _split(found)
    assert best is not None
    return best


@one_blas_thread()
def _minimise(
    nodes: Array, masses: Array, start: list[tuple[float, float, float]]
) -> tuple[Array, Array, Array]:
    """Return weights and shapes of the least cross-entropy, sorted by weight."""
    weight, mean, size = (np.array(column) for column in zip(*start, strict=True))
    count = weight.size
    shapes = np.concatenate([mean * size, (1.0 - mean) * size])
    first = np.concatenate([np.log(weight), np.log(np.maximum(shapes, 1.0))])
    log_p, log_q = log_expit(nodes), log_expit(-nodes)

    def objective(values: Array) -> tuple[float, Array]:
        w, a, b = softmax(values[:count]), *np.exp(values[count:]).reshape(2, count)
        terms = np.outer(log_p, a) + np.outer(log_q, b) - betaln(a, b) + np.log(w)
        total = logsumexp(terms, axis=1)
        share = np.exp(terms - total[:, None]) * masses[:, None]
        part = share.sum(axis=0)
        both = digamma(a + b)
        slopes = [
            w - part,
            -a * (log_p @ share + part * (both - digamma(a))),
            -b * (log_q @ share + part * (both - digamma(b))),
        ]
        return -float(masses @ total), np.concatenate(slopes)

    bounds = [(-12.0, 12.0)] * count + [(0.0, _LARGEST)] * (2 * count)
    options = {"maxiter": 500, "ftol": 1e-10, "gtol": 1e-7}
    found = minimize(objective, first, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    w, (a, b) = softmax(found.x[:count]), np.exp(found.x[count:]).reshape(2, count)
    order = np.argsort(-w)
    return w[order], a[order], b[order]


def _split(mixture: BetaMixture) -> list[tuple[float, float, float]]:
    """Return weights, means and sizes to start from with one component more."""
    size = mixture.a + mixture.b
    rows = list(zip(mixture.weight, mixture.a / size, size, strict=True))
    # the widest of the heavier components is cut into a narrow and a wide one
    place = int(np.argmax(mixture.weight / np.sqrt(size + 1.0)))
    weight, mean, wide = rows.pop(place)
    apart = 0.5 * np.sqrt(mean * (1.0 - mean) / (wide + 1.0))
    return [
        *rows,
        (weight / 2.0, max(mean - apart, mean / 2.0), 2.0 * wide),
        (weight / 2.0, min(mean + apart, (1.0 + mean) / 2.0), 0.7 * wide),
    ]
