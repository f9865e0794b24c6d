"""The rooms of models/: who may import whom, how large a room may be, and no circle anywhere."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.common.constants import PROJECT_ROOT

MODELS = PROJECT_ROOT / "models"
FILES_IN_A_ROOM = 16
LINES_IN_A_FILE = 400

ABOVE: dict[str, tuple[str, ...]] = {
    "common": (),
    "numerics": (),
    "render": (),
    "priors": (),
    "frequentist": ("numerics",),
    "grid": ("numerics", "priors"),
    "reviews": ("numerics",),
    "evidence": ("numerics", "reviews"),
    "models": ("priors", "reviews", "numerics"),
    "estimands": ("models", "grid", "reviews", "numerics", "priors"),
}
"""What each room may import besides ``common`` and itself; a model is a room of its own."""
for _room in ("fitting", "validation", "analyses", "report", "interface"):
    ABOVE[_room] = tuple(ABOVE)
ANALYSES = (
    "paper",
    "pools",
    "groups",
    "subtypes",
    "case_mix",
    "regression",
    "outcomes",
    "next_trial",
    "update",
    "survival",
    "checks",
    "review",
)
"""Parts of the re-analysis; each may import those before it."""


def room_of(module: str) -> str:
    """Return the room of a module of ``models``; the statistical models share one."""
    parts = module.split(".")
    return parts[1] if len(parts) > 2 or parts[1] in ABOVE else "models"


def module_of(path: Path, package: Path) -> str:
    """Return the dotted name of a file."""
    parts = (package.name, *path.relative_to(package).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path, package: Path) -> Iterator[str]:
    """Yield every module of the package that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            names = [f"{source}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            while name.split(".")[0] == package.name:
                inner = package.joinpath(*name.split(".")[1:])
                if inner.with_suffix(".py").is_file() or (inner / "__init__.py").is_file():
                    yield name
                    break
                name = name.rpartition(".")[0]


def graph_of(package: Path) -> dict[str, set[str]]:
    """Return what each module imports of the package."""
    return {
        module_of(path, package): set(imports_of(path, package)) - {module_of(path, package)}
        for path in sorted(package.rglob("*.py"))
    }


def violations(graph: dict[str, set[str]]) -> list[str]:
    """Return every import that goes down, and every module outside a room."""
    found = []
    for module, imported in graph.items():
        if module == "models":
            continue
        room = room_of(module)
        if room not in ABOVE:
            found.append(f"{module}: no such room")
            continue
        for name in sorted(imported):
            other = "" if name == "models" else room_of(name)
            if other not in {room, "common", *ABOVE[room]}:
                found.append(f"{module} imports {name}")
            if room == other == "analyses" and len(name.split(".")) > 3 < len(module.split(".")):
                part, before = module.split(".")[2], name.split(".")[2]
                if ANALYSES.index(before) > ANALYSES.index(part):
                    found.append(f"{module} imports {name}, a later part")
    return found


def circles(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules that reach themselves."""
    reached = {module: set(imported) for module, imported in graph.items()}
    changed = True
    while changed:
        changed = False
        for seen in reached.values():
            new = set().union(*(reached.get(name, set()) for name in seen)) - seen
            if new:
                seen |= new
                changed = True
    return sorted(module for module, seen in reached.items() if module in seen)


GRAPH = graph_of(MODELS)


def test_a_room_imports_only_rooms_above_it() -> None:
    assert violations(GRAPH) == []


def test_no_circle() -> None:
    assert circles(GRAPH) == []


def test_statistical_models_stand_alone_at_the_top() -> None:
    """Every file there builds a model, but for the priors."""
    for path in MODELS.glob("*.py"):
        if path.stem not in ("__init__", "priors"):
            assert f"def build_{path.stem}_model(" in path.read_text(encoding="utf-8"), path


def test_rooms_say_what_they_are_and_stay_small() -> None:
    for folder in (MODELS, *(p.parent for p in MODELS.rglob("__init__.py"))):
        tree = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
        assert ast.get_docstring(tree), folder
        files = [p for p in folder.glob("*.py") if p.stem != "__init__"]
        assert len(files) <= FILES_IN_A_ROOM, folder
    for path in MODELS.rglob("*.py"):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= LINES_IN_A_FILE, f"{path}: {lines}"


@pytest.mark.parametrize(
    ("module", "text", "found"),
    [
        ("numerics/moves", "def f():\n    from models.grid import band\n", "imports models.grid"),
        (
            "numerics/moves",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import models.fitting.fit\n",
            "models.numerics.moves imports models.fitting.fit",
        ),
        ("pooled", "from models.fitting import fit\n", "models.pooled imports models.fitting.fit"),
        ("attic/old", "", "models.attic.old: no such room"),
        (
            "analyses/pools/run",
            "from models.analyses.checks.run import run\n",
            "models.analyses.pools.run imports models.analyses.checks.run, a later part",
        ),
    ],
)
def test_a_planted_violation_is_found(tmp_path: Path, module: str, text: str, found: str) -> None:
    package = tmp_path / "models"
    planted = {"grid/band": "", "fitting/fit": "", "analyses/checks/run": "def run(): ...\n"}
    for name, content in (planted | {module: text}).items():
        path = package / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(content, encoding="utf-8")
    assert any(found in line for line in violations(graph_of(package)))


def test_a_planted_circle_is_found(tmp_path: Path) -> None:
    package = tmp_path / "models"
    package.mkdir()
    (package / "a.py").write_text("import models.b\n", encoding="utf-8")
    (package / "b.py").write_text("def f():\n    import models.c\n", encoding="utf-8")
    (package / "c.py").write_text("from models.a import x\n", encoding="utf-8")
    assert circles(graph_of(package)) == ["models.a", "models.b", "models.c"]
