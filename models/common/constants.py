"""Constants that every part of the project shares, each defined once."""

from pathlib import Path
from typing import Final

CI_PROB: Final = 0.95
"""Probability content of every interval: 95 % equal-tailed, for posteriors and for estimators."""

INTERVAL_PROBS: Final = ((1 - CI_PROB) / 2, (1 + CI_PROB) / 2)
"""The two tail probabilities of that interval."""

PROJECT_ROOT: Final = Path(__file__).resolve().parents[2]
DATA_DIR: Final = PROJECT_ROOT / "data"
FIGURES_DIR: Final = PROJECT_ROOT / "figures"
