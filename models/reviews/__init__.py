"""The frames that models read, and how a user's files become them.

May import `common` and `numerics`.
"""
