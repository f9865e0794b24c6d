"""Write methods and discussion paragraphs from saved fits, without refitting."""

from pathlib import Path

from cyclopts import App

from models.interface.cli import run

app = App(help=__doc__, version_flags=[])


@app.default
def discussion(*, fits: Path = Path("figures/fits"), out: Path | None = None) -> None:
    """Write discussion.md, and the table that says where each of its numbers is from.

    Parameters
    ----------
    fits
        Folder of saved fits: that of scripts/reproduce.py, or the folder named with --save when
        scripts/pool.py or scripts/subgroups.py ran on your own review.
    out
        Folder to write to; by default the one above the fits for the paper's data, and the folder
        of the fits for your own.
    """
    from models.report.user import GROUPS, POOL

    own = any((fits / f"{name}.nc").exists() for name in (POOL, GROUPS))
    folder = out or (fits if own else fits.parent)
    if own:
        from models.common.files import write_csv
        from models.render.citations import Citations
        from models.report.paper import write_discussion
        from models.report.user import user_markdown, user_tables

        tables, analysis = user_tables(fits)
        cite = Citations(tables)
        text = user_markdown(cite, analysis)
        for name, frame in tables.items():
            write_csv(frame, folder / "tables" / f"{name}.csv")
        written = write_discussion(text, cite, folder)
    else:
        from models.interface.job import discussion_from_fits

        written = discussion_from_fits(fits, folder)
    print(f"written: {', '.join(str(path) for path in written)}")


if __name__ == "__main__":
    run(app)
