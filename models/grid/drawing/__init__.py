"""Independent joint draws of a posterior on the grid, by inversion and exact rejection."""
