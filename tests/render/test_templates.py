"""Templates: strict about names and values, one line a paragraph."""

import ast

import jinja2
import numpy as np
import pandas as pd
import pytest

from models.common.constants import PROJECT_ROOT
from models.render.templates import flow, page, render

MODELS = PROJECT_ROOT / "models"
TEMPLATES = sorted(MODELS.rglob("*.j2"))


def test_a_name_that_nobody_gave_is_an_error(tmp_path) -> None:
    (tmp_path / "a.md").write_text("{{ x }} {{ y }}\n")
    assert render(tmp_path, "a.md", x=1, y="<b>") == "1 <b>\n"
    with pytest.raises(jinja2.UndefinedError, match="'y' is undefined"):
        render(tmp_path, "a.md", x=1)
    with pytest.raises(jinja2.TemplateNotFound):
        render(tmp_path, "b.md")


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
def test_a_missing_value_is_an_error(tmp_path, missing) -> None:
    (tmp_path / "a.md").write_text("{{ x }}")
    with pytest.raises(ValueError, match="missing value"):
        render(tmp_path, "a.md", x=missing)


def test_a_room_is_found_by_its_name() -> None:
    functions = dict.fromkeys(("number", "rate", "percent", "ratio"), lambda *_, id, **__: id)
    text = page("report/overall.md", **functions)
    assert text.startswith("For objective response, P001 of P001 patients in P001 arms")
    assert text.count("\n") == 1


def test_a_paragraph_is_one_line() -> None:
    text = (
        "# Title\nOne\n  two \nthree.\n\n- a\n  b\n- c\n  - d\n\n| x |\n| --- |\n| 1 |\nAfter\nit\n"
        "<!-- c -->\n```\na\nb\n```\n> 0.9 is\n-4.3\n"
    )
    assert flow(text) == (
        "# Title\nOne two three.\n\n- a b\n- c\n  - d\n\n| x |\n| --- |\n| 1 |\nAfter it\n"
        "<!-- c -->\n```\na\nb\n```\n> 0.9 is -4.3\n"
    )
    assert flow(flow(text)) == flow(text)


def test_every_template_is_named_somewhere() -> None:
    """A file that nothing names is a text that nobody reads."""
    assert TEMPLATES
    modules = (path.read_text(encoding="utf-8") for path in MODELS.rglob("*.py"))
    constants = {
        node.value
        for text in modules
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant)
    }
    texts = [path.read_text(encoding="utf-8") for path in TEMPLATES]
    for path in TEMPLATES:
        room = path.relative_to(MODELS).parent.parent.as_posix()
        stem = path.name.removesuffix(".j2")
        named = {path.name, stem, stem.partition(".")[0], f"{room}/{stem}"} & constants
        assert named or any(f'"{path.name}"' in text for text in texts), path
