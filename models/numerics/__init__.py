"""Arrays in, arrays out; no pandas, no PyMC.

Counts checked, the binomial-normal integral, tables with fixed margins and their moves; may import
`common`.
"""
