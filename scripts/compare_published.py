"""Recompute every published value and set it beside the printed one."""

from models.interface.cli import fail, run

from pathlib import Path

from cyclopts import App

app = App(help=__doc__, version_flags=[])


@app.default
def compare_published(*, out: Path | None = None) -> None:
    """Write the comparison and print its summary.

    The exit code is 1 if a value disagrees that is not listed as a known disagreement, or if a
    listed one has begun to agree.

    Parameters
    ----------
    out
        Folder for published_comparison.csv and .md; nothing is written without it.
    """
    from models.analyses.paper.pages import comparison_markdown, unexpected
    from models.analyses.paper.recompute import agreement_counts, compare_published
    from models.evidence.load import load_evidence
    from models.interface.options import check_outputs
    from models.render.escape import say
    from models.render.output import Output, write_output

    check_outputs(out=out)
    evidence = load_evidence()
    table = compare_published(evidence)
    name = "published_comparison"
    pages = {f"{name}.md": comparison_markdown(table)}
    written = write_output(Output(tables={name: table}, pages=pages), out) if out else []
    print(agreement_counts(table).to_string())
    for row in table[table["status"] == "differs"].itertuples():
        print(f"differs: {row.id} {row.outcome} {row.subgroup}: {row.reason}")
    if written:
        say(f"written: {', '.join(map(str, written))}")
    if changed := unexpected(table, evidence):
        fail(f"the list of known disagreements no longer holds: {', '.join(changed)}", 1)


if __name__ == "__main__":
    run(app)
