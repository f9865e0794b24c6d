"""One folder for each part of the re-analysis.

May import every room but `report` and `interface`, and each other in this order: paper, pools,
groups, subtypes, case_mix, checks.
"""
