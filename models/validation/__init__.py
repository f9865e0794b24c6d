"""How we know that the methods work; hours long, stored, resumed.

Calibration, parameter recovery, the simulation of small subtypes, benchmarks; may import what
`fitting` may, and `fitting`.
"""
