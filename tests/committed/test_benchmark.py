"""Committed results: what benchmark stored."""

import json

import pandas as pd

from models.validation.benchmark.run import (
    RESULTS,
)
from models.validation.benchmark.tables import (
    benchmark_markdown,
)


def test_the_committed_page_is_what_the_tables_say() -> None:
    around = json.loads((RESULTS / "benchmark.json").read_text(encoding="utf-8"))
    page = (RESULTS / "benchmark.md").read_text(encoding="utf-8")
    assert benchmark_markdown(pd.read_csv(RESULTS / "benchmark.csv"), around) == page
