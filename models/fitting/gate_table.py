"""How every fit passed its gate, as a table."""

import pandas as pd

from models.fitting.fit import Fit
from models.fitting.records import SavedFit
from models.render.format import frame_markdown


def gate_row(name: str, description: str, fit: "Fit") -> dict[str, object]:
    """Return the line of the diagnostics table for one fit."""
    return {
        "fit": name,
        "model": fit.model,
        "description": description,
        "gate": "passed" if fit.gate.passed else "FAILED",
        **{key: value for key, value in fit.gate.as_dict().items() if key != "passed"},
        "saturated_trees": fit.gate.saturated_trees,
        "bfmi_min": fit.gate.bfmi_min,
        "parameters": len(fit.gate.table),
        "draws": fit.settings.draws * fit.settings.chains,
        "target_accept": fit.settings.target_accept,
        "escalations": fit.escalations,
        "seed": fit.settings.seed,
    }


def saved_gate_row(name: str, description: str, fit: "SavedFit") -> dict[str, object]:
    """Return the same line from a run record."""
    gate, sampling = fit.record["diagnostics"], fit.record["sampling"]
    return {
        "fit": name,
        "model": fit.record["model"],
        "description": description,
        "gate": "passed" if gate["passed"] else "FAILED",
        **{key: value for key, value in fit.gate.as_dict().items() if key != "passed"},
        "saturated_trees": gate["saturated_trees"],
        "bfmi_min": gate["bfmi_min"],
        "parameters": gate["parameters"],
        "draws": sampling["draws"] * sampling["chains"],
        "target_accept": sampling["target_accept"],
        "escalations": sampling["escalations"],
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
