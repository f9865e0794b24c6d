"""A review of one's own: every estimator, influence, sensitivity, groups, and what to beware of."""
