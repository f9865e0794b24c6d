"""What is to be calibrated: how many simulations of which engine."""

from typing import Final

CASE_MIX: Final = "case_mix"


SIMULATIONS: Final = {"nuts": 500, "grid": 2000, "arms": 200, "lattice": 400}
