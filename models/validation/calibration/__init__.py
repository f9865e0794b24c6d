"""Simulation-based calibration of the models, by sampler and by grid."""
