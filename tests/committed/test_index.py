"""The index of the committed results names every file, and nothing else."""

from fnmatch import fnmatchcase

from models.common.constants import FIGURES_DIR
from models.report.index import PARTS, SHOWS, index_markdown, result_files, shows


def test_every_committed_result_has_its_line():
    files = result_files(FIGURES_DIR)
    assert len(files) > 100
    assert [str(path) for path in files if shows(str(path.with_suffix(""))) is None] == []
    assert {str(path.parent) if path.parent.name else "" for path in files} <= set(PARTS)
    assert (FIGURES_DIR / "README.md").read_text(encoding="utf-8") == index_markdown(files)


def test_every_line_is_about_a_file_that_is_there():
    stems = {str(path.with_suffix("")) for path in result_files(FIGURES_DIR)}
    unused = [p for p in SHOWS if not any(fnmatchcase(stem, p) for stem in stems)]
    assert unused == []
