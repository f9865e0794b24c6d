"""The published estimator and the maximum-likelihood model: the validation baseline.

May import `common` and `numerics`.
"""
