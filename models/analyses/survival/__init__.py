"""Survival end points: rates at a landmark, and medians, pooled by three estimators."""
