"""Treatments and lines compared, and what becomes of the paper's conclusions."""
