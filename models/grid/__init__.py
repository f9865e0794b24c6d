r"""Exact posteriors of tree-shaped binomial-logit models, by quadrature instead of Monte Carlo.

Model
-----
A tree of logits: an overall mean, under it units and families, under a family its units. The
pooled model has units only, the subgroup model families (groups) only, the subtype model both::

    mu      ~ Normal(m, v^2)                         overall mean
    eta_f   ~ Normal(mu, s^2)                        mean of family f
    theta_i ~ Normal(mu, s^2)                        unit i under the root
    theta_i ~ Normal(eta_f(i), t^2)                  unit i of family f(i)
    x_i     ~ Binomial(n_i, expit(theta_i))

with half-normal (or half-t) priors of the scales ``s`` and ``t``. In the pooled model ``s`` is the
heterogeneity tau; in the subgroup model ``s`` is sigma_group and ``t`` is tau.

Upward messages
---------------
Given the scales every node is a one-dimensional integral. With ``L_i(theta)`` the binomial
likelihood and ``phi(.; m, s)`` the normal density::

    unit under the root    a_i(mu; s)   = int L_i(theta) phi(theta; mu, s) d theta
    unit in a family       a_i(eta; t)  = int L_i(theta) phi(theta; eta, t) d theta
    family                 G_f(eta; t)  = prod_{i in f} a_i(eta; t)
                           b_f(mu; s,t) = int G_f(eta; t) phi(eta; mu, s) d eta
    joint posterior        p(mu, s, t | x)  ~  p(mu) p(s) p(t)  prod_i a_i  prod_f b_f

whose integral over ``mu, s, t`` is the marginal likelihood.

Downward pass
-------------
What the rest of the tree says about a node is the posterior of its parent divided by the node's own
message (the cavity)::

    p(eta_f, t | x)  =  G_f(eta; t)  int  p(mu, s, t | x) / b_f(mu; s, t)  phi(eta; mu, s) d mu ds
    p(theta_i | x)   =  L_i(theta)   int  p(parent, scale | x) / a_i  phi(theta; parent, scale)

The integral of a cavity is the inverse of the leave-one-out predictive density, exactly:
``1 / p(x_i | x_-i) = E[1 / a_i]``, and means over the normalised cavity are predictions from the
others.

Quadrature
----------
All logits share one mesh, equidistant in a smooth coordinate (`models.grid.mesh`). The normal
kernel becomes a matrix ``K(s)[m, j]``, the probability of node ``j`` from node ``m``, with rows
that sum to one, so that both passes are matrix products: ``a = K L`` and ``L * K' (p / a)``. At
``s = 0`` it is the identity, and a kernel narrower than the mesh tends to it; every scale that
carries mass is resolved, though, since the mesh is laid for the smallest of them. The trapezoid
rule on such a mesh errs exponentially little for analytic integrands, and densities between nodes
follow from band-limited interpolation (`models.grid.band`). A scale's likelihood is a function of
its square; with an even prior the trapezoid rule from zero, in ``u = asinh(s / unit)``, is as
accurate. Windows and steps are found from the data (`models.grid.placement`). Every fit is run at
two resolutions at least: the change of the posterior means and standard deviations between them is
reported as ``quadrature_error``.

Draws
-----
Independent, joint and continuous: scales and overall mean from interpolated conditional
distribution functions, families and units by exact rejection (`models.grid.drawing.sampling`).

References
----------
Smith, Skene, Shaw and Naylor (1987, The Statistician 36:75) for quadrature in Bayesian analysis;
Stijnen, Hamza and Özdemir (2010, Stat Med 29:3046) for the binomial-normal model; Pearl (1988) for
belief propagation; Trefethen and Weideman (2014, SIAM Rev 56:385) for the trapezoid rule; Gilks and
Wild (1992, Appl Stat 41:337) for tangent rejection.
"""

from models.grid.distributions import HalfNormal, HalfT, Normal, ScalePrior
from models.grid.fits import fit_pooled, fit_subgroup, fit_tree
from models.grid.loo import shrinkage
from models.grid.posteriors import PooledPosterior, SubgroupPosterior, TreePosterior

__all__ = [
    "HalfNormal",
    "HalfT",
    "Normal",
    "PooledPosterior",
    "ScalePrior",
    "SubgroupPosterior",
    "TreePosterior",
    "fit_pooled",
    "fit_subgroup",
    "fit_tree",
    "shrinkage",
]
