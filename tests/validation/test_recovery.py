"""Parameter recovery: the summary, and the stored results."""

import numpy as np
import pandas as pd
import pytest

from models.validation.recovery.run import (
    run_replicates,
    summarise_recovery,
)


def test_summary_of_replicates_worked_by_hand() -> None:
    base = {"k": 5, "rate": 0.15, "tau": 0.0, "quadrature_error": 0.0}
    rows = [
        {
            **base,
            "replicate": i,
            "parameter": name,
            "truth": truth,
            "median": truth + shift,
            "lower": truth + low,
            "upper": truth + 1.0 + i,
        }
        for name, truth in (("mu", -1.0), ("tau", 0.0))
        for i, (shift, low) in enumerate([(0.3, -1.0), (-0.1, 0.1)])
    ]
    found = summarise_recovery(pd.DataFrame(rows)).set_index("parameter")
    mu = found.loc["mu"]
    assert mu["bias"] == pytest.approx(0.1)
    assert mu["rmse"] == pytest.approx(np.sqrt((0.09 + 0.01) / 2))
    assert mu["coverage"] == 0.5
    assert mu["coverage_mc_error"] == pytest.approx(np.sqrt(0.25 / 2))
    assert mu["bias_mc_error"] == pytest.approx(0.2)
    assert mu["width"] == pytest.approx((2.0 + 1.9) / 2)
    # at tau = 0 coverage does not exist
    assert pd.isna(found.loc["tau", "coverage"])
    assert found.loc["tau", "upper_50"] == pytest.approx(1.5)


def test_replicates_are_repeatable_and_hold_their_truths() -> None:
    first = run_replicates(5, 0.15, 0.5, 3, 5, 1)
    again = run_replicates(5, 0.15, 0.5, 4, 5, 1)
    pd.testing.assert_frame_equal(first[first["replicate"] == 4].reset_index(drop=True), again)
    truth = again.set_index("parameter")["truth"]
    assert truth["mu"] == pytest.approx(np.log(0.15 / 0.85))
    assert truth["typical_rate"] == 0.15
    # rates below one half: the average lies above the typical rate
    assert truth["average_rate"] > 0.15
    assert (again["lower"] < again["median"]).all()
    assert (again["median"] < again["upper"]).all()
