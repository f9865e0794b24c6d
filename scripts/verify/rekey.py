"""Show that changed code computes what stored results hold, and give these its key.

Every stored calibration, recovery study and simulation names the hash of the code it rests on. For
each whose hash has changed, the first simulations are computed by the code of a revision and by
the present code; where they are equal to the last bit, the new hash is written. Exits with 1 if a
result stays stale: it must be made anew.
"""

from models.interface.cli import fail, run

from typing import Annotated

from cyclopts import App, Parameter

app = App(help=__doc__, version_flags=[])


@app.default
def rekey(
    *, base: Annotated[str, Parameter(help="Revision whose code the stored results belong to.")]
) -> None:
    """Compare, print what was compared, and write the keys."""
    from models.validation.rekey import rekey

    left = rekey(base, print)
    if left:
        fail(f"stale results: {', '.join(left)}", 1)
    print("every stored result has the key of the present code")


if __name__ == "__main__":
    run(app)
