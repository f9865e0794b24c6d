"""How every fit passed its gate, as a table."""

import pandas as pd

from models.fitting.fit import Fit, Wanted
from models.render.format import frame_markdown


def gate_row(wanted: Wanted, fit: Fit) -> dict[str, object]:
    """Return the line of the diagnostics table for one fit."""
    numbers, sampling = fit.gate.numbers, fit.sampling
    return {
        "fit": wanted.name,
        "model": wanted.model.name,
        "description": wanted.description,
        "gate": "passed" if fit.gate.passed else "FAILED",
        **{key: value for key, value in fit.gate.as_dict().items() if key != "passed"},
        "saturated_trees": numbers.get("saturated_trees"),
        "bfmi_min": numbers.get("bfmi_min"),
        "parameters": numbers.get("parameters"),
        "draws": sampling["draws"] * sampling["chains"],
        "target_accept": sampling.get("target_accept"),
        "escalations": sampling.get("escalations"),
        "seed": sampling["seed"],
    }


def diagnostics_markdown(table: pd.DataFrame) -> str:
    """Return the diagnostics table for readers."""
    shown = table.drop(columns=["model", "seed"]).copy()
    for column, digits in (
        ("rhat_max", 4),
        ("ess_bulk_min", 0),
        ("ess_tail_min", 0),
        ("bfmi_min", 2),
    ):
        shown[column] = [f"{value:.{digits}f}" for value in shown[column]]
    failed = int((table["gate"] != "passed").sum())
    head = f"**{failed} fits did not pass: do not use their results.**" if failed else ""
    return (
        "# Diagnostics of every fit\n\n"
        "Gate: R-hat at most 1.01, bulk and tail effective sample size at least 400, no "
        "divergence, no saturated tree, BFMI at least 0.3, over every free variable and every "
        "estimand. A fit that fails is refitted with twice the draws and tuning and a target "
        "acceptance of 0.99, then 0.999 (column escalations); the seed is never changed.\n\n"
        f"{head}\n\n{frame_markdown(shown)}\n"
    )
