"""The published values, recomputed from the paper's own counts; the cells behind its Fig. 4."""
