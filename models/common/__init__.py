"""What any room may use and nobody would look for elsewhere.

Constants, errors, files written in one step, hashes of code, the store of long runs; imports
nothing of the project.
"""
