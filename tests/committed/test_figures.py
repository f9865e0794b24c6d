"""The committed figures are fit for print: width, letters, formats, a legend each."""

import re
from pathlib import Path

import pytest

from models.common.constants import FIGURES_DIR
from models.evidence.load import load_evidence
from models.render.style import COLUMN, PAGE
from models.report.captions import all_captions, captions_markdown
from models.report.material import read_material

SVGS = sorted(FIGURES_DIR.glob("*/*.svg"))


@pytest.mark.parametrize("path", SVGS, ids=lambda path: path.stem)
def test_a_figure_is_drawn_at_the_size_of_print(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    size = re.search(r'<svg[^>]* height="([\d.]+)pt"[^>]* width="([\d.]+)pt"', text) or re.search(
        r'<svg[^>]* width="(?P<w>[\d.]+)pt" height="(?P<h>[\d.]+)pt"', text
    )
    assert size is not None
    width, height = (
        (float(size["w"]), float(size["h"]))
        if size.groupdict()
        else (float(size[2]), float(size[1]))
    )
    assert min(abs(width / 72 - wanted) for wanted in (COLUMN, PAGE)) < 1e-3
    assert height / 72 * 25.4 <= 230
    letters = [float(n) for n in re.findall(r"font(?:-size)?: [^;]*?([\d.]+)px", text)]
    assert letters
    assert min(letters) >= 6.5
    assert "Liberation Sans" in text
    assert path.with_suffix(".pdf").is_file()
    assert path.with_suffix(".png").is_file()


def test_the_legends_are_those_of_the_figures_that_are_there() -> None:
    material = read_material(FIGURES_DIR, load_evidence())
    captions = all_captions(material.cite)
    page = (FIGURES_DIR / "captions.md").read_text(encoding="utf-8")
    assert page == captions_markdown(captions, material.figures)
    assert page.count("\n## Figure ") == len(material.figures)
