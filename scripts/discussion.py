"""Write methods and discussion paragraphs from saved fits, without refitting."""

from models.interface.cli import run

from pathlib import Path

from cyclopts import App

app = App(help=__doc__, version_flags=[])


@app.default
def discussion(*, fits: Path | None = None, out: Path | None = None) -> None:
    """Write discussion.md, and the table that says where each of its numbers is from.

    Parameters
    ----------
    fits
        Folder of saved fits: that of scripts/reproduce.py (by default the project's
        figures/fits), or the folder named with --out when scripts/pool.py or scripts/subgroups.py
        ran on your own review.
    out
        Folder to write to; by default the one above the fits for the paper's data, and the folder
        of the fits for your own.
    """
    from models.common.constants import FIGURES_DIR
    from models.interface.reproduce import discuss
    from models.render.escape import say

    written = discuss(fits or FIGURES_DIR / "fits", out)
    say(f"written: {', '.join(str(path) for path in written)}")


if __name__ == "__main__":
    run(app)
