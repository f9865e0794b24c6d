"""The paper, checked: every published value recomputed, the cells behind Fig. 4 recovered."""

from collections.abc import Mapping

from models.analyses.paper.cells import recover_cells, recovery_table
from models.analyses.paper.lps import lps_groups, lps_steps
from models.analyses.paper.pages import unexpected
from models.analyses.paper.recompute import compare_published
from models.analyses.paper.reporting import (
    bias,
    checklists,
    flow,
    flow_diagram,
    items_reproduced,
    table_one,
)
from models.evidence.load import Evidence
from models.fitting.fit import Fitter
from models.render.output import Output


def run(evidence: Evidence, fit: Fitter, done: Mapping[str, Output]) -> Output:
    """Recompute the published values; nothing is fitted here."""
    comparison = compare_published(evidence)
    changed = unexpected(comparison, evidence)
    steps = flow(evidence)
    return Output(
        tables={
            "published_comparison": comparison,
            "recovered_cells": recovery_table(recover_cells(evidence)),
            "lps_explained": lps_steps(evidence),
            "lps_groups": lps_groups(evidence),
            "table1": table_one(evidence),
            "flow": steps,
            "risk_of_bias": bias(evidence),
            "items": items_reproduced(evidence),
            "reporting": checklists(evidence),
        },
        figures={"flow": flow_diagram(steps)},
        problems=[f"new disagreements with the paper: {', '.join(changed)}"] if changed else [],
    )
