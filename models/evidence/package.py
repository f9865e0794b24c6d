"""The data as a Frictionless Data Package: tables, columns, types and keys, for other programs.

Made from the schemas that the data are checked by and from the dictionary in ``data/README.md``, so
it says nothing that is not said and checked there.

References
----------
Data Package and Table Schema, version 1: https://specs.frictionlessdata.io.
"""

from pathlib import Path
from typing import Any, Final

import pandera.pandas as pa

from models.common.constants import DATA_DIR
from models.evidence.schemas import SCHEMAS

FILE: Final = DATA_DIR / "datapackage.json"
_TYPES: Final = {"int64": "integer", "Int64": "integer", "float64": "number"}
_REFERRED: Final = {"arm_id": "arms", "publication_id": "publications", "fault_id": "known_faults"}
"""Columns that name a row of another table, where they are its key."""


def dictionary(readme: Path = DATA_DIR / "README.md") -> dict[str, list[dict[str, str]]]:
    """Return the dictionary of columns in the README of the data, by table."""
    text = readme.read_text(encoding="utf-8").split("## Dictionary")[1]
    tables: dict[str, list[dict[str, str]]] = {}
    for section in text.split("\n### ")[1:]:
        name = section[1 : section.index(".csv")]
        lines = [line for line in section.splitlines() if line.startswith("|")]
        head, _, *rows = [[c.strip() for c in line.strip("|").split(" | ")] for line in lines]
        tables[name] = [dict(zip(head, row, strict=True)) for row in rows]
    return tables


def data_package() -> dict[str, Any]:
    """Return the descriptor of the data package."""
    meanings = dictionary()
    return {
        "profile": "tabular-data-package",
        "name": "ici-sarcoma-evidence",
        "title": "Immune checkpoint inhibitors in soft tissue sarcoma: arms of a meta-analysis",
        "description": "Counts, composition and published values, transcribed from the article, "
        "with every correction; README.md describes each column.",
        "licenses": [
            {
                "name": "MIT",
                "title": "MIT License; the data are facts from the cited article",
                "path": "https://opensource.org/license/mit",
            }
        ],
        "sources": [
            {
                "title": "Cao et al. 2025, Int Immunopharmacol",
                "path": "https://doi.org/10.1016/j.intimp.2025.114070",
            }
        ],
        "resources": [_resource(name, table, meanings[name]) for name, table in SCHEMAS.items()],
    }


def _resource(
    name: str, table: pa.DataFrameSchema, meanings: list[dict[str, str]]
) -> dict[str, Any]:
    fields = [
        _field(column, meaning)
        for column, meaning in zip(table.columns.values(), meanings, strict=True)
    ]
    schema: dict[str, Any] = {"fields": fields, "missingValues": [""]}
    key = list(table.unique or ())
    # a primary key is never missing; a key that may be is checked by the project's own schema
    if key and not any(table.columns[column].nullable for column in key):
        schema["primaryKey"] = key
    references = [
        {"fields": [column], "reference": {"resource": other, "fields": [column]}}
        for column, other in _REFERRED.items()
        if column in table.columns and name != other and list(SCHEMAS[other].unique) == [column]
    ]
    if references:
        schema["foreignKeys"] = references
    return {
        "profile": "tabular-data-resource",
        "name": name,
        "path": f"{name}.csv",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "schema": schema,
    }


def _field(column: pa.Column, meaning: dict[str, str]) -> dict[str, Any]:
    constraints: dict[str, Any] = {}
    if not column.nullable:
        constraints["required"] = True
    if column.unique:
        constraints["unique"] = True
    for check in column.checks:
        found = check.statistics or {}
        if check.name == "isin":
            constraints["enum"] = list(found["allowed_values"])
        elif check.name == "in_range":
            constraints |= {"minimum": found["min_value"], "maximum": found["max_value"]}
        elif check.name == "str_matches":
            constraints["pattern"] = str(found["pattern"]).removeprefix("^").removesuffix("$")
    field: dict[str, Any] = {"name": column.name, "type": _TYPES.get(str(column.dtype), "string")}
    field["description"] = meaning["meaning"]
    if meaning["unit"] != "-":
        field["unit"] = meaning["unit"]
    field["basis"] = column.metadata["basis"]
    if constraints:
        field["constraints"] = constraints
    return field
