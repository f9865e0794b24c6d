"""The dictionary in data/README.md against the files and their schemas."""

import csv

from models.common.constants import DATA_DIR
from models.evidence.package import dictionary
from models.evidence.schemas import SCHEMAS


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
