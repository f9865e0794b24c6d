"""Figures: results in, ``matplotlib.figure.Figure`` out. Only scripts save them."""
