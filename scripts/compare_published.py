"""Recompute every published value and set it beside the printed one."""

from pathlib import Path

from cyclopts import App

from models.interface.cli import fail, run

app = App(help=__doc__, version_flags=[])


@app.default
def compare_published(*, out: Path = Path("figures")) -> None:
    """Write the comparison and print its summary.

    The exit code is 1 if a value disagrees that is not listed as a known disagreement, or if a
    listed one has begun to agree.

    Parameters
    ----------
    out
        Folder of the results; tables/published_comparison.csv and .md are written there.
    """
    from rich.console import Console

    from models.analyses.paper.pages import unexpected, write_comparison
    from models.analyses.paper.recompute import agreement_counts, compare_published
    from models.evidence.load import load_evidence

    evidence = load_evidence()
    comparison = compare_published(evidence)
    written = write_comparison(comparison, out)
    console = Console(highlight=False)
    console.print(agreement_counts(comparison).to_string())
    for row in comparison[comparison["status"] == "differs"].itertuples():
        console.print(f"differs: {row.id} {row.outcome} {row.subgroup}: {row.reason}")
    console.print(f"written: {', '.join(str(path) for path in written)}")
    if changed := unexpected(comparison, evidence):
        fail(f"the list of known disagreements no longer holds: {', '.join(changed)}", 1)


if __name__ == "__main__":
    run(app)
