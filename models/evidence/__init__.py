"""The paper's tables, read and checked once, and the views of them that are computed from.

May import `common`, `numerics` and `reviews`.
"""
