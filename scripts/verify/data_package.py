"""Write data/datapackage.json from the schemas and the dictionary of the data."""

from models.interface.cli import run

from cyclopts import App

app = App(help=__doc__, version_flags=[])


@app.default
def data_package() -> None:
    """Write the descriptor of the data package and say where it is."""
    from models.common.files import write_json
    from models.evidence.package import FILE
    from models.evidence.package import data_package as descriptor
    from models.render.escape import say

    write_json(FILE, descriptor())
    say(f"{FILE}: {len(descriptor()['resources'])} tables")


if __name__ == "__main__":
    run(app)
