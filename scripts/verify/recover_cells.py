"""Recover the responders of each subtype by treatment cell from the printed rows of Fig. 4.

Exits with 1 if the recovered cells differ from data/subtype_treatment.csv or from the paper's text.
"""

from models.interface.cli import fail, run

from cyclopts import App

app = App(help=__doc__, version_flags=[])


@app.default
def recover_cells() -> None:
    """Enumerate all allocations of every row and compare the solutions with the data."""
    from rich.console import Console
    from rich.table import Table

    from models.analyses.paper.cells import recover_cells as recover
    from models.analyses.paper.cells_checks import cell_differences, recovered_cells, text_checks
    from models.evidence.load import load_evidence

    evidence = load_evidence()
    rows = recover(evidence)
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
            _cells(row.treatments, row.events, row.patients),
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

    checks = text_checks(evidence, rows)
    out.print(
        f"The text's subtype by treatment values, which played no part: {checks['agrees'].sum()} "
        f"of {len(checks)} agree with the cells at every printed digit."
    )
    for check in checks.itertuples():
        sign = "agrees" if check.agrees else "DIFFERS"
        out.print(
            f"  {check.id}  {check.subtype} x {check.treatment}: printed {check.printed}, "
            f"recovered {check.recovered}: {sign}"
        )

    differences = cell_differences(rows, evidence.subtype_treatment)
    differences += [
        f"{check.id}: printed {check.printed}, recovered {check.recovered}"
        for check in checks.itertuples()
        if not check.agrees
    ]
    for line in differences:
        out.print(f"[bold red]{line}[/]")
    if differences:
        fail(f"{len(differences)} differences from the recovered cells", 1)
    out.print("data/subtype_treatment.csv agrees with every cell.")


def _cells(treatments: tuple[str, ...], events: tuple[int, ...], patients: tuple[int, ...]) -> str:
    """Write the cells of a row, one place a treatment group."""
    from models.evidence.vocabulary import TREATMENTS

    counts = dict(zip(treatments, zip(events, patients, strict=True), strict=True))
    return "  ".join(
        "{}/{}".format(*counts[treatment]) if treatment in counts else "-"
        for treatment in TREATMENTS
    )


if __name__ == "__main__":
    run(app)
