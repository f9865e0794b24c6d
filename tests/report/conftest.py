"""The report, built once from the committed results."""

from pathlib import Path

import pytest

from models.common.constants import FIGURES_DIR
from models.evidence.load import load_evidence
from models.report.material import Material, read_material
from models.report.report import report_html


@pytest.fixture(scope="session")
def material() -> Material:
    """Return what the report of the committed results is made of."""
    return read_material(FIGURES_DIR, load_evidence())


@pytest.fixture(scope="session")
def report(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the report of the committed results as a file."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(report_html(material), encoding="utf-8")
    return path
