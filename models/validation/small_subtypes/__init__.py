"""Six methods for small subtypes held against fixed true rates."""
