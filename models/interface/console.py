"""Results on the terminal."""

from models.analyses.groups.pages import contrasts_frame, groups_frame, headline
from models.analyses.groups.summary import SubgroupAnalysis
from models.estimands.contrasts import NOT_RANDOMISED


def print_analysis(analysis: SubgroupAnalysis, margin: float) -> None:
    """Print groups and contrasts to the terminal."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    out = Console(highlight=False)
    out.print(NOT_RANDOMISED)
    out.print(headline(analysis))
    best = "highest" if analysis.higher_is_better else "lowest"
    frames = [(f"Groups (best: {best})", groups_frame(analysis))]
    if len(analysis.groups) > 1:
        width = f"margin {100 * margin:g} points"
        frames += [
            (f"Contrasts of typical rates, {width}", contrasts_frame(analysis)),
            (f"Contrasts of average rates, {width}", contrasts_frame(analysis, "average")),
        ]
    else:
        out.print("a single group: there is nothing to contrast")
    for title, frame in frames:
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        for column in frame.columns:
            table.add_column(str(column), overflow="fold")
        for row in frame.itertuples(index=False):
            table.add_row(*[escape(str(cell)) for cell in row])
        out.print(table)
    out.print(f"gate: {analysis.gate}")
