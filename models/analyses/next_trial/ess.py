r"""Effective sample size of a prior: how many patients it is worth.

Expected local information ratio (ELIR; Neuenschwander, Weber, Schmidli and O'Hagan 2020, Biometrics
76:578): the information of the prior, ``-(log p)''``, divided by that of one patient, averaged over
the prior. It is the one definition that is predictively consistent: after N more patients it is on
average larger by N. Integration by parts shows that the scale on which the derivatives are taken
makes no difference as long as the density of the rate falls to zero at both ends (a beta has
``a + b`` either way). With rates near zero it may not; then the information on the scale of the
rate is negative without bound near the end, and computed values, of RBesT among others, may be
negative as a whole. The density of the logit falls off on both sides: derivatives are taken there.

With half-normal priors of scale ``s`` the predictive density of a new arm's logit falls as
``exp(-|theta| / s)``, while the information of a patient falls as ``exp(-|theta|)``: for a scale
above 1 the average does not exist.
"""

from typing import Literal

import numpy as np
from scipy.special import expit

from models.grid.distributions import Array
from models.grid.marginals import LogitMarginals

type Scale = Literal["logit", "rate"]

_OFFSETS = np.arange(-3, 4)
_FIRST = np.array([-1.0, 9.0, -45.0, 0.0, 45.0, -9.0, 1.0]) / 60.0
_SECOND = np.array([2.0, -27.0, 270.0, -490.0, 270.0, -27.0, 2.0]) / 180.0
_AROUND = 4
_SLOPE = np.array([1 / 280, -4 / 105, 1 / 5, -4 / 5, 0.0, 4 / 5, -1 / 5, 4 / 105, -1 / 280])
_BEND = np.array([-1 / 560, 8 / 315, -1 / 5, 8 / 5, -205 / 72, 8 / 5, -1 / 5, 8 / 315, -1 / 560])
"""Central differences of order 8 for the first and second derivative, unit steps."""
_STEP = 0.05
"""Step of the differences, in standard deviations of the narrowest feature: errors below 1e-6."""
_NOTHING = 1e-12
_FLAT = 100.0
"""Morita's constant: the vague prior has the information of so many times less than a patient."""


def information(density: LogitMarginals, logits: Array, scale: Scale = "logit") -> Array:
    """Return the information of a prior, relative to that of one patient, at logits.

    Parameters
    ----------
    density
        Masses of the logit, ``(nodes,)``.
    logits
        Where, ``(n,)``.
    scale
        On which the derivatives of the log density are taken.
    """
    step = _STEP * min(1.0, float(density.sd))
    around = density.density(logits[:, None] + step * _OFFSETS)
    logs = np.log(np.maximum(around, 1e-300))
    first, second = logs @ _FIRST / step, logs @ _SECOND / step**2
    return _relative(first, second, logits, scale)


def _relative(first: Array, second: Array, logits: Array, scale: Scale) -> Array:
    """Return the information from derivatives of the log density of the logit."""
    rate = expit(logits)
    patient = rate * expit(-logits)
    if scale == "logit":
        return np.asarray(-second / patient)
    # d rate = patient d logit; the density of the rate is that of the logit divided by it
    tilt = expit(-logits) - rate
    return np.asarray(-(second + 2.0 * patient - (first - tilt) * tilt) / patient)


def elir(density: LogitMarginals, scale: Scale = "logit") -> float:
    """Return the expected local information ratio, in patients.

    Derivatives are differences of log masses along the mesh, whose coordinate is smooth: masses are
    sums of positive terms, precise however small, while values between nodes are precise only
    relative to the highest. With rates near zero the far tail counts, for the information of a
    patient falls there as fast as the density.
    """
    mesh, masses = density.mesh, density.masses
    logs = np.log(np.maximum(masses, 1e-300) / mesh.weights)
    inner = slice(_AROUND, -_AROUND)
    # by the coordinate of the mesh, then by the logit
    slope, bend = (np.convolve(logs, rule[::-1], "valid") for rule in (_SLOPE, _BEND))
    width, drift = mesh.weights[inner], np.convolve(mesh.weights, _SLOPE[::-1], "valid")
    first = slope / width
    second = (bend - first * drift) / width**2
    height = masses[inner] / width
    inside = height > _NOTHING * height.max()
    ratio = _relative(first, second, mesh.nodes[inner], scale)[inside]
    kept = masses[inner][inside]
    return float(ratio @ kept / kept.sum())


def moment(density: LogitMarginals) -> float:
    """Return ``a + b`` of the beta with the same mean and standard deviation of the rate."""
    mean, sd = float(density.rate_mean), float(density.rate_sd)
    return mean * (1.0 - mean) / sd**2 - 1.0


def morita(density: LogitMarginals, scale: Scale = "logit") -> float:
    """Return the information at the mode, less that of a vague prior, in patients.

    Morita, Thall and Müller (2008, Biometrics 64:595), at the mode and without rounding, as
    Neuenschwander et al. (2020, eq. 9) and RBesT write it; on the scale of the rate the patient's
    information is that expected under the prior.
    """
    nodes = density.mesh.nodes
    height = density.masses / density.mesh.weights
    if scale == "rate":
        height = height / (expit(nodes) * expit(-nodes))
    top = nodes[int(np.argmax(np.where(density.masses > _NOTHING, height, 0.0)))]
    near = top + np.linspace(-0.2, 0.2, 801)
    fine = density.density(near)
    if scale == "rate":
        fine = fine / (expit(near) * expit(-near))
    mode = near[int(np.argmax(fine))]
    rate, ratio = expit(mode), float(information(density, np.array([mode]), scale)[0])
    if scale == "logit":
        return ratio - 1.0 / _FLAT
    # information of Beta(rate / s, (1 - rate) / s), and of a patient given the expected response
    vague = (rate / _FLAT - 1.0) / rate**2 + ((1.0 - rate) / _FLAT - 1.0) / (1.0 - rate) ** 2
    mean = float(density.rate_mean)
    patient = mean / rate**2 + (1.0 - mean) / (1.0 - rate) ** 2
    return float((ratio / (rate * (1.0 - rate)) - vague) / patient)
