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

TREATMENTS: Final = (
    "ICI monotherapy",
    "Dual Checkpoint Inhibitors",
    "ICI + TKI",
    "ICI + chemotherapy",
    "ICI + immunomodulator",
)
"""The five treatment groups as Fig. 2 of the paper prints them, in its order."""

OUTCOMES: Final = {
    "orr": "objective response",
    "dcr": "disease control",
    "trae": "grade 3-5 treatment-related adverse event",
}
"""Outcome codes and what is counted as an event."""
