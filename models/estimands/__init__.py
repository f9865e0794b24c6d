"""What is estimated, draw by draw, named once.

May import the models, `grid`, `reviews`, `numerics` and `common`.
"""
