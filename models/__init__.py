"""Bayesian re-analysis of response rates in soft tissue sarcoma, and the published estimator.

Each statistical model is one file with one builder that returns a ``pymc.Model``; importing this
package alone imports nothing heavy.
"""
