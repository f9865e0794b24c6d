"""How a number becomes text, a table a page, and a figure gets its look.

Knows no analysis; may import `common`.
"""
