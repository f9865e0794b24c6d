"""The README says of the layout what is there."""

import re

from models.common.constants import PROJECT_ROOT

README = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
MODELS = PROJECT_ROOT / "models"


def test_the_tree_names_every_model_and_every_room():
    tree = re.search(r"```text\nmodels/\n(.*?)```", README, re.DOTALL)
    assert tree is not None
    named = re.findall(r"(?<![\w/.])([a-z_]+(?:\.py|/))", tree[1])
    files = {path.name for path in MODELS.glob("*.py")} - {"__init__.py"}
    rooms = {f"{path.parent.name}/" for path in MODELS.glob("*/__init__.py")}
    assert set(named) - {"run.py", "pages.py"} == files | rooms


def test_every_place_that_the_readme_names_is_there():
    linked = re.findall(r"\]\(([^)#:]+)\)", README)
    assert len(linked) > 10
    assert [place for place in linked if not (PROJECT_ROOT / place).exists()] == []
    scripts = re.findall(r"scripts/[\w/]+\.(?:py|R)", README)
    assert [place for place in scripts if not (PROJECT_ROOT / place).exists()] == []
