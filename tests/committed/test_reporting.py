"""Results that the lists of reporting point to are there."""

import pandas as pd

from models.common.constants import FIGURES_DIR, PROJECT_ROOT


def test_every_result_that_is_pointed_to_is_there() -> None:
    items = pd.read_csv(FIGURES_DIR / "paper" / "items.csv", keep_default_na=False)
    wanted = [FIGURES_DIR / place for place in items["where"] if place]
    listed = pd.read_csv(FIGURES_DIR / "paper" / "reporting.csv", keep_default_na=False)
    wanted += [PROJECT_ROOT / place for place in listed["where"] if place]
    assert [str(path) for path in wanted if not path.is_file()] == []
