"""The orders of the quadrature, held against half and double the resolution.

Every rule is spectral: halving the step squares the error about. What is asked is less: at half
the resolution that a fit ends with means and standard deviations are within the tolerance of its
refinement, and from there to double it the error falls a hundredfold, or to where sums of some
thousand doubles stop being exact (1e-9).
"""

import numpy as np
import pytest

from models.evidence.groupings import grouped_outcome
from models.evidence.load import Evidence
from models.grid.data import TreeData
from models.grid.distributions import HalfNormal, Normal
from models.grid.placement import find_plan
from models.grid.plan import lay_grid
from models.grid.solve import TOLERANCE, _moments, solve
from models.grid.tree import propagate

MU, SCALE = Normal(0.0, 1.5), HalfNormal(1.0)
ROUNDING = 1e-9


def data_of(name: str, evidence: Evidence) -> TreeData:
    if name == "subgroups":
        frame = grouped_outcome(evidence, "orr", "treatment")
        parent = frame["group"].cat.codes.to_numpy(np.intp)
    elif name == "subtypes":
        frame = evidence.strata()
        parent = np.where(frame["parent"].notna(), 0, -1).astype(np.intp)
    else:
        frame = evidence.outcome(name)
        parent = np.full(len(frame), -1, dtype=np.intp)
    counts = (frame[column].to_numpy(np.float64) for column in ("events", "total"))
    return TreeData(*counts, parent, int(parent.max()) + 1)


def rare_and_extreme(seed: int) -> TreeData:
    rng = np.random.default_rng(seed)
    total = np.array([200.0, 5.0, 1.0, 60.0, 362.0, 12.0])
    events = np.where(rng.random(6) < 0.5, 0.0, total)
    return TreeData(events, total, np.full(6, -1, dtype=np.intp), 0)


def check(data: TreeData) -> None:
    inner = SCALE if data.families else None
    solution = solve(data, MU, SCALE, inner)
    plan = find_plan(data, MU, SCALE, inner)

    def moments(factor: float) -> np.ndarray:
        resolution = solution.resolution * factor
        return _moments(propagate(data, lay_grid(data, plan, SCALE, inner, resolution), MU))

    half, whole, double = (moments(factor) for factor in (0.5, 1.0, 2.0))
    at_half, at_whole = np.abs(half - double).max(), np.abs(whole - double).max()
    assert solution.quadrature_error <= TOLERANCE
    # what is reported bounds what is left, up to the last digits
    assert at_whole <= solution.quadrature_error + ROUNDING
    assert at_whole <= max(at_half / 100.0, ROUNDING)


@pytest.mark.parametrize("name", ["orr", "dcr", "trae", "subgroups", "subtypes"])
def test_orders_on_the_papers_data(name: str, evidence: Evidence) -> None:
    check(data_of(name, evidence))


@pytest.mark.parametrize("seed", range(6))
def test_orders_on_rare_and_extreme_units(seed: int) -> None:
    check(rare_and_extreme(seed))
