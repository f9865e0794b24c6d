"""The prose: discussion, README headline, the checks in words.

May import `render`, `analyses` and what these import.
"""
