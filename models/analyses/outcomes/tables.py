"""Tables of the joint analysis for the terminal."""

import pandas as pd

from models.analyses.outcomes.summary import JointAnalysis
from models.analyses.regression.tables import print_frame
from models.estimands.contrasts import NOT_RANDOMISED
from models.estimands.joint import CONTRASTED, RATES
from models.render.escape import terminal, titled
from models.render.format import points, probability, rate

HEADINGS = {
    "cr": "complete response",
    "pr": "partial response",
    "sd": "stable disease",
    "pd": "progression",
    "orr": "response",
    "dcr": "disease control",
    "trae": "grade 3-5 adverse events",
}


def treatments_frame(analysis: JointAnalysis) -> pd.DataFrame:
    """Return the rates as a frame of texts, one row an outcome and one column a treatment."""
    columns = {
        row["treatment"]: [
            rate(row[name]["median"], row[name]["lower"], row[name]["upper"]) for name in RATES
        ]
        for row in analysis.treatments
    }
    return pd.DataFrame({"average rate": [HEADINGS[name] for name in RATES], **columns})


def contrasts_frame(analysis: JointAnalysis) -> pd.DataFrame:
    """Return the contrasts as a frame of texts."""
    rows = []
    for row in analysis.contrasts:
        even = row["break_even"]
        rows.append(
            {
                "a": row["a"],
                "b": row["b"],
                **{
                    f"{HEADINGS[name]} (points)": points(
                        row[name]["median"], row[name]["lower"], row[name]["upper"]
                    )
                    for name in CONTRASTED
                },
                "P(more response)": probability(row["p_more_response"]),
                "P(more toxicity)": probability(row["p_more_toxicity"]),
                "P(more response without more toxicity)": probability(
                    row["p_more_response_without_more_toxicity"]
                ),
                "break-even weight": "-" if even is None else f"{even:.2f}",
            }
        )
    return pd.DataFrame(rows)


def print_analysis(analysis: JointAnalysis, source: str) -> None:
    """Print rates, correlations, contrasts and the gate."""
    from rich.console import Console

    out = Console(highlight=False)
    frame = analysis.frame
    reported = ", ".join(
        f"{frame[name].notna().sum()} {word}"
        for name, word in (
            ("responders", "response"),
            ("cr", "complete response"),
            ("controlled", "disease control"),
            ("toxicity", "toxicity"),
        )
    )
    out.print(titled(source, f"{len(frame)} arms, of which report: {reported}"))
    out.print("Rates are population averages over arms, median and 95 % interval.")
    print_frame(treatments_frame(analysis))
    for row in analysis.correlations:
        out.print(
            f"  correlation between arms, {row['a']} and {row['b']}  "
            f"{rate(row['median'], row['lower'], row['upper'], 2)}, P(> 0) "
            f"{probability(row['p_above_zero'])}"
        )
    if analysis.contrasts:
        out.print(NOT_RANDOMISED)
        print_frame(contrasts_frame(analysis))
        out.print(
            "  break-even weight: how many responses a patient with such an event may count for "
            "before the balance turns (the posterior median of the net benefit is then zero); a "
            "dash where it turns at no weight"
        )
    out.print(terminal(f"  gate: {analysis.fit.gate.sentence()}"))
