"""From model and frame to a judged fit: sampled, exact or saved.

May import every room but `validation`, `analyses`, `report` and `interface`.
"""
