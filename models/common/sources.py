"""Which code a stored result rests on, as one hash: of what the code computes, not of its bytes.

A result is stale when a definition that its numbers depend on has changed. Those definitions are
found by following names: from the functions that make the result to every function, class and
constant of the project that they use (or name in a text, ``"module:name"``), and on from there.
Each is parsed and written again without docstrings, comments, annotations and imports, so a
definition may be documented, annotated or moved to another module and the hash stays; a changed
constant, formula or name changes it.
"""

import ast
import copy
import hashlib
import importlib.metadata
import platform
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from models.common.constants import PROJECT_ROOT

PACKAGES: Final = (
    "pymc",
    "pytensor",
    "nutpie",
    "arviz",
    "arviz-stats",
    "numpy",
    "scipy",
    "pandas",
    "xarray",
)
"""What a result depends on beside this project."""

_PLACE: Final = re.compile(r"[a-z_]+(?:\.[a-z_]+)+:[A-Za-z_]+")
"""A definition named by a text, as the registry of models names builders."""

type Place = tuple[str, str]
"""Module and name of a definition."""


@dataclass(frozen=True)
class _Module:
    """A parsed module: what its names mean.

    Attributes
    ----------
    definitions
        Every statement at the top level that defines or changes a name, by name.
    imported
        Where a name comes from: module and name there, or a module and ``""`` for itself.
    """

    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imported: dict[str, Place] = field(default_factory=dict)


class _Bare(ast.NodeTransformer):
    """Removes what a definition computes nothing with: docstrings, annotations, imports."""

    def _body(self, node: ast.AST) -> None:
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            return
        kept = [
            statement
            for statement in body
            if not isinstance(statement, ast.Import | ast.ImportFrom)
            and not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
            and not _only_for_types(statement)
        ]
        node.body = kept or [ast.Pass()]  # type: ignore[attr-defined]

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Visit any node."""
        self._body(node)
        if hasattr(node, "returns"):
            node.returns = None
        if isinstance(node, ast.AnnAssign):
            # of a field without a value the grammar requires it; it says nothing
            node.annotation = ast.Constant(value=None)
            if node.value is not None:
                plain = ast.Assign([node.target], node.value)
                return super().generic_visit(ast.copy_location(plain, node))
        elif hasattr(node, "annotation"):
            node.annotation = None
        if hasattr(node, "type_params"):
            node.type_params = []
        return super().generic_visit(node)


def _only_for_types(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.If)
        and isinstance(statement.test, ast.Name)
        and statement.test.id == "TYPE_CHECKING"
    )


class Sources:
    """The parsed modules of a package, read as they are asked for.

    Parameters
    ----------
    folder
        The package's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._modules: dict[str, _Module] = {}
        self._paths: dict[str, Path | None] = {}
        self._known: dict[Place, tuple[str, list[Place]]] = {}

    def path(self, module: str) -> Path | None:
        """Return the file of a module, None if there is none."""
        if module not in self._paths:
            package, *inner = module.split(".")
            base = self._folder.joinpath(*inner)
            files = (base.with_suffix(".py"), base / "__init__.py")
            ours = package == self._folder.name
            self._paths[module] = next((p for p in files if ours and p.is_file()), None)
        return self._paths[module]

    def definitions(self, *roots: str, stop: Iterable[str] = ()) -> dict[Place, str]:
        """Return every definition that some functions rest on, as bare source text.

        Parameters
        ----------
        roots
            ``"module:name"`` of the functions, classes or constants to start from.
        stop
            Names that are not followed, for example a table of all models.

        Raises
        ------
        LookupError
            If a root is not defined where it is said to be.
        """
        waiting: list[Place] = []
        for root in roots:
            module, _, name = root.partition(":")
            place = self._resolve(module, name)
            if place is None:
                raise LookupError(f"{root}: not defined there")
            waiting.append(place)
        left_out, found = set(stop), dict[Place, str]()
        while waiting:
            place = waiting.pop()
            if place in found or place[1] in left_out:
                continue
            found[place], uses = self._definition(place)
            waiting += uses
        return found

    def _definition(self, place: Place) -> tuple[str, list[Place]]:
        """Return the bare text of a definition, and the definitions that it mentions."""
        if place not in self._known:
            module, name = place
            parts, uses = [], list[Place]()
            for statement in self._read(module).definitions[name]:
                # a copy: the parsed module is kept
                bare = _Bare().visit(copy.deepcopy(statement))
                parts.append(ast.unparse(bare))
                uses += sorted(self._uses(module, bare, statement))
            self._known[place] = "\n".join(parts), uses
        return self._known[place]

    def code_hash(self, *roots: str, stop: Iterable[str] = ()) -> str:
        """Return the SHA-256 of all that some functions compute; parameters as `definitions`.

        Modules and their order do not count, so a definition may move.
        """
        texts = sorted(set(self.definitions(*roots, stop=stop).values()))
        return hashlib.sha256("\n\n".join(texts).encode()).hexdigest()

    def _imports(self, tree: ast.AST, module: str) -> Iterator[tuple[str, Place]]:
        """Yield the package's names that the imports below a node bind."""
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                if node.module.split(".")[0] != self._folder.name:
                    continue
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    place = (inner, "") if self.path(inner) else (node.module, alias.name)
                    yield alias.asname or alias.name, place
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if self.path(alias.name) and alias.asname:
                        yield alias.asname, (alias.name, "")

    def _read(self, module: str) -> _Module:
        if module not in self._modules:
            path = self.path(module)
            if path is None:
                raise LookupError(f"{module}: no such module")
            tree = ast.parse(path.read_bytes())
            found = _Module(imported=dict(self._imports(tree, module)))
            statements = list(tree.body)
            while statements:
                statement = statements.pop(0)
                if isinstance(statement, ast.If | ast.Try | ast.With):
                    statements = [*statement.body, *getattr(statement, "orelse", []), *statements]
                    continue
                for name in _names_bound(statement):
                    found.definitions.setdefault(name, []).append(statement)
            self._modules[module] = found
        return self._modules[module]

    def _resolve(self, module: str, name: str) -> Place | None:
        """Follow a name to where it is defined; None if it is none of the package's."""
        seen: set[Place] = set()
        while (module, name) not in seen:
            seen.add((module, name))
            if not name or self.path(module) is None:
                return None
            parsed = self._read(module)
            if name in parsed.definitions:
                return module, name
            if name not in parsed.imported:
                return None
            module, name = parsed.imported[name]
        return None

    def _uses(self, module: str, bare: ast.AST, original: ast.AST) -> set[Place]:
        """Return the definitions of the package that a definition mentions."""
        parsed = self._read(module)
        scope = parsed.imported | dict(self._imports(original, module))
        found: set[Place] = set()
        for node in ast.walk(bare):
            place: Place | None = None
            if isinstance(node, ast.Name):
                local = node.id in parsed.definitions or node.id not in scope
                place = (module, node.id) if local else scope[node.id]
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                source, name = scope.get(node.value.id, ("", ""))
                place = (source, node.attr) if source and not name else None
            elif isinstance(node, ast.Constant) and _PLACE.fullmatch(str(node.value)):
                source, _, name = str(node.value).partition(":")
                place = (source, name)
            if place is not None and (resolved := self._resolve(*place)) is not None:
                found.add(resolved)
        return found


def _names_bound(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        targets: Iterable[ast.expr] = statement.targets
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign):
        targets = [statement.target]
    else:
        return []
    return [n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]


_PROJECT: Final = Sources(PROJECT_ROOT / "models")


def code_hash(*roots: str, stop: Iterable[str] = ()) -> str:
    """Return the hash of what functions of this project compute (see `Sources.code_hash`)."""
    return _PROJECT.code_hash(*roots, stop=stop)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a result depends on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
