"""How every fit passed its gate, as a table."""

import pandas as pd

from models.fitting.fit import ESCALATION, Fit, Wanted
from models.fitting.gate import BFMI_MIN, ESS_MIN, RHAT_MAX


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
    # Only here: a fit that is judged needs no templates.
    from models.render.templates import page

    shown = table.drop(columns=["model", "seed"]).copy()
    for column, digits in (
        ("rhat_max", 4),
        ("ess_bulk_min", 0),
        ("ess_tail_min", 0),
        ("bfmi_min", 2),
    ):
        shown[column] = [f"{value:.{digits}f}" for value in shown[column]]
    return page(
        "fitting/diagnostics.md",
        rhat=RHAT_MAX,
        ess=f"{ESS_MIN:.0f}",
        bfmi=BFMI_MIN,
        factor=max(factor for factor, _ in ESCALATION),
        targets=[target for _, target in ESCALATION if target is not None],
        failed=int((table["gate"] != "passed").sum()),
        fits=shown,
    )
