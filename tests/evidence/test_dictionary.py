"""The dictionary in data/README.md against the files and their schemas."""

import csv

from models.common.constants import DATA_DIR
from models.evidence.schemas import SCHEMAS


def dictionary() -> dict[str, list[dict[str, str]]]:
    """Read the tables of data/README.md's dictionary, by file."""
    text = (DATA_DIR / "README.md").read_text(encoding="utf-8").split("## Dictionary")[1]
    tables: dict[str, list[dict[str, str]]] = {}
    for section in text.split("\n### ")[1:]:
        name = section[1 : section.index(".csv")]
        lines = [line for line in section.splitlines() if line.startswith("|")]
        head, _, *rows = [[c.strip() for c in line.strip("|").split(" | ")] for line in lines]
        tables[name] = [dict(zip(head, row, strict=True)) for row in rows]
    return tables


def test_dictionary_names_every_column_of_every_file() -> None:
    files = {path.stem for path in DATA_DIR.glob("*.csv")}
    assert files == set(SCHEMAS) == set(dictionary())
    for name, rows in dictionary().items():
        with (DATA_DIR / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            header = next(csv.reader(file))
        assert [row["column"].strip("`") for row in rows] == header


def test_dictionary_agrees_with_the_schemas() -> None:
    types = {"int64": "integer", "Int64": "integer", "float64": "number"}
    for name, rows in dictionary().items():
        for row, column in zip(rows, SCHEMAS[name].columns.values(), strict=True):
            assert row["basis"] == column.metadata["basis"], (name, row)
            assert row["type"] == types.get(str(column.dtype), "text"), (name, row)
            assert (row["missing means"] != "never missing") == column.nullable, (name, row)
