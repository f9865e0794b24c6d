"""The grid engine against samplers and other software."""
