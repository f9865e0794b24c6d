"""What a stored result rests on: found by names, blind to layout, not to what is computed."""

from pathlib import Path

import pytest

from models.common.constants import PROJECT_ROOT
from models.common.sources import Sources, code_hash

FILES = {
    "maths": '''
"""Doc."""
import numpy as np
from pkg.constants import SCALE as scale

def area(r: float) -> float:
    """Doc."""
    return _square(r) * scale

def _square(x):
    return x * x

def other(x):
    return x + 1
''',
    "constants": "SCALE = 3.14\nUNUSED = 1\n",
    "run": """
def run(radii):
    from pkg import maths
    return [maths.area(r) for r in radii]
""",
}


def _hash(folder: Path, edits: dict[str, tuple[str, str]], root: str = "pkg.run:run") -> str:
    """Write the package with some texts replaced and hash it."""
    package = folder / "pkg"
    package.mkdir(exist_ok=True)
    for name, text in FILES.items():
        if name in edits:
            assert edits[name][0] in text
            text = text.replace(*edits[name])
        (package / f"{name}.py").write_text(text, encoding="utf-8")
    return Sources(package).code_hash(root)


@pytest.mark.parametrize(
    "edits",
    [
        {"maths": ('    """Doc."""\n', '    """Another."""\n    # and a comment\n')},
        {"maths": ("import numpy as np\n", "import math\nimport sys\n")},
        {"maths": ("r: float) -> float", "r: int) -> object")},
        {"maths": ("return x + 1", "return x + 2")},
        {"constants": ("UNUSED = 1", "UNUSED = 2")},
    ],
    ids=["docstring", "import", "annotation", "function not used", "constant not used"],
)
def test_layout_and_strangers_leave_the_hash(tmp_path: Path, edits) -> None:
    assert _hash(tmp_path, edits) == _hash(tmp_path, {})


@pytest.mark.parametrize(
    "edits",
    [
        {"constants": ("3.14", "3.15")},
        {"maths": ("return x * x", "return x * x * x")},
        {"run": ("for r in radii", "for r in radii[1:]")},
    ],
    ids=["constant", "helper", "root"],
)
def test_what_is_computed_changes_the_hash(tmp_path: Path, edits) -> None:
    assert _hash(tmp_path, edits) != _hash(tmp_path, {})


def test_a_definition_may_move_to_another_module(tmp_path: Path) -> None:
    before = _hash(tmp_path, {})
    package = tmp_path / "pkg"
    text = (package / "maths.py").read_text(encoding="utf-8")
    helper = "def _square(x):\n    return x * x\n"
    (package / "elsewhere.py").write_text(helper, encoding="utf-8")
    moved = text.replace(helper, "").replace(
        "import numpy as np", "from pkg.elsewhere import _square"
    )
    (package / "maths.py").write_text(moved, encoding="utf-8")
    assert Sources(package).code_hash("pkg.run:run") == before


def test_a_definition_named_by_a_text_is_followed(tmp_path: Path) -> None:
    named = 'HELPER = "pkg.maths:other"\n\ndef run(radii, helper=HELPER):'
    _hash(tmp_path, {"run": ("def run(radii):", named)})
    found = Sources(tmp_path / "pkg").definitions("pkg.run:run")
    assert ("pkg.maths", "other") in found


def test_names_that_are_not_followed_and_roots_that_are_not_there(tmp_path: Path) -> None:
    stopped = Sources(tmp_path / "pkg")
    _hash(tmp_path, {})
    found = stopped.definitions("pkg.run:run", stop=("_square",))
    assert {name for _, name in found} == {"run", "area", "SCALE"}
    with pytest.raises(LookupError, match=r"pkg\.run:walk"):
        stopped.code_hash("pkg.run:walk")


def test_an_estimate_rests_on_its_engine_too() -> None:
    """The hand-kept list of the recovery study once left the grid out."""
    found = Sources(PROJECT_ROOT / "models").definitions(
        "models.validation.recovery.run:run_replicates", stop=("load_evidence",)
    )
    assert any(module.startswith("models.grid.") for module, _ in found)
    assert len(code_hash("models.pooled:build_pooled_model")) == 64
