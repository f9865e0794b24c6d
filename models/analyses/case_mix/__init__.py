"""Treatments at equal histology."""
