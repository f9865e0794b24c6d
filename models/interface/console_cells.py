"""The cells behind Fig. 4 on the terminal: how each row was shared out, and what the text says."""

from typing import TYPE_CHECKING

from models.analyses.paper.cells import RecoveredRow
from models.analyses.paper.cells_checks import recovered_cells
from models.evidence.vocabulary import TREATMENTS

if TYPE_CHECKING:
    import pandas as pd


def print_rows(rows: list[RecoveredRow]) -> None:
    """Print each row of the figure with its solution, and how many allocations were tried."""
    from rich.console import Console
    from rich.table import Table

    out = Console(highlight=False)
    table = Table(
        title="Rows of Fig. 4: responders shared out among the treatment groups",
        title_justify="left",
        caption="Cells: responders/patients in ICI monotherapy, dual, + TKI, + chemotherapy, "
        "+ immunomodulator; - no patients",
        caption_justify="left",
        box=None,
        pad_edge=False,
    )
    for heading in ("row", "responders", "allocations", "solutions"):
        table.add_column(heading, justify="left" if heading == "row" else "right")
    table.add_column("cells")
    table.add_column("decided by")
    for row in rows:
        table.add_row(
            row.subtype,
            str(row.responders),
            f"{row.allocations:,}",
            str(len(row.solutions)),
            _cells(row),
            row.decided_by,
        )
    out.print(table)
    shared = [row for row in rows if len(row.patients) > 1]
    tried = sum(row.allocations for row in shared)
    unique = sum(row.unique for row in shared)
    out.print(
        f"\n{len(recovered_cells(rows))} cells; {tried:,} allocations tried in the {len(shared)} "
        f"rows with more than one cell: {unique} have one solution, {len(shared) - unique} are "
        "decided by further evidence."
    )


def print_checks(checks: "pd.DataFrame") -> None:
    """Print the values of the text beside those of the recovered cells."""
    print(
        f"The text's subtype by treatment values, which played no part: {checks['agrees'].sum()} "
        f"of {len(checks)} agree with the cells at every printed digit."
    )
    for check in checks.itertuples():
        sign = "agrees" if check.agrees else "DIFFERS"
        print(
            f"  {check.id}  {check.subtype} x {check.treatment}: printed {check.printed}, "
            f"recovered {check.recovered}: {sign}"
        )


def _cells(row: RecoveredRow) -> str:
    """Write the cells of a row, one place a treatment group."""
    pairs = zip(row.events, row.patients, strict=True)
    counts = dict(zip(row.treatments, pairs, strict=True))
    return "  ".join(
        "{}/{}".format(*counts[treatment]) if treatment in counts else "-"
        for treatment in TREATMENTS
    )
