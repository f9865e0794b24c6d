"""The prose: discussion, README headline, the text on a user's review.

Sentences stand in `templates/`; the modules say what they choose between.

May import `render`, `analyses` and what these import.
"""
