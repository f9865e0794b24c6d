"""Recover the responders of each subtype by treatment cell from the printed rows of Fig. 4.

Exits with 1 if the recovered cells differ from data/subtype_treatment.csv or from the paper's text.
"""

from models.interface.cli import fail, run

from cyclopts import App

app = App(help=__doc__, version_flags=[])


@app.default
def recover_cells() -> None:
    """Enumerate all allocations of every row and compare the solutions with the data."""
    from models.analyses.paper.cells import recover_cells as recover
    from models.analyses.paper.cells_checks import cell_differences, text_checks
    from models.evidence.load import load_evidence
    from models.interface.console_cells import print_checks, print_rows

    evidence = load_evidence()
    rows = recover(evidence)
    print_rows(rows)
    checks = text_checks(evidence, rows)
    print_checks(checks)
    differences = cell_differences(rows, evidence.subtype_treatment)
    differences += [
        f"{check.id}: printed {check.printed}, recovered {check.recovered}"
        for check in checks.itertuples()
        if not check.agrees
    ]
    for line in differences:
        print(line)
    if differences:
        fail(f"{len(differences)} differences from the recovered cells", 1)
    print("data/subtype_treatment.csv agrees with every cell.")


if __name__ == "__main__":
    run(app)
