"""The lock: every package with its hashes, no host, and what pyproject.toml asks for."""

import re
import tomllib
from importlib.metadata import version

import pytest
from packaging.requirements import Requirement

from models.common.constants import PROJECT_ROOT

LOCK = (PROJECT_ROOT / ".lock" / "requirements.txt").read_text(encoding="utf-8")
ENTRIES = LOCK.replace("\\\n", "").splitlines()
PROJECT = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WANTED = [
    Requirement(text)
    for text in (*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"])
]


def locked() -> dict[str, Requirement]:
    found = {}
    for entry in ENTRIES[1:]:
        one = Requirement(entry.split(" --hash=")[0].strip())
        found.setdefault(one.name, one)
    return found


def test_every_package_has_a_version_and_hashes_and_no_host_is_named() -> None:
    assert ENTRIES[0] == "-e ."
    assert len(ENTRIES) > 50
    for entry in ENTRIES[1:]:
        pattern = r"[\w.-]+==[\w.+!]+( ; [^\n]+?)?( +--hash=sha256:[0-9a-f]{64})+"
        assert re.fullmatch(pattern, entry), entry
    assert "://" not in LOCK
    assert "index" not in LOCK


@pytest.mark.parametrize("wanted", WANTED, ids=lambda wanted: wanted.name)
def test_the_lock_holds_what_is_asked_for_and_what_is_installed(wanted: Requirement) -> None:
    (pin,) = locked()[wanted.name].specifier
    assert wanted.specifier.contains(pin.version)
    assert version(wanted.name) == pin.version
