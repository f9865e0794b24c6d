"""Histologic subtypes: shrinkage of the small ones, and each under every treatment."""
