"""Regression of one outcome on covariates of the arms."""
