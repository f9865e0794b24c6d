"""Labels that would act if they could: each target must show them and do nothing else."""

import html
import io
import re

import pandas as pd
import pytest
from markdown_it import MarkdownIt
from rich.console import Console
from rich.table import Table

from models.common.constants import PROJECT_ROOT
from models.render import escape
from models.render.format import frame_markdown, latex, latex_text
from models.render.templates import render

HOSTILE = (
    "[/foo]",
    "[red]x",
    r"[red\]x",
    "x\\",
    ":warning:",
    r"\input{x}",
    r"\[4in] $x$ ~^{}#%&_ <>",
    "[x](http://y)",
    "![x](y)",
    "[x]: http://y",
    "[^1]",
    "<script>alert(1)</script>",
    "<!-- x",
    "<http://y>",
    "&lt;b&gt;",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "@SUM(A1)",
    "-2+3",
    "a|b",
    r"a\|b",
    "*x*",
    "**x**",
    "_x_",
    "~~x~~",
    "`x`",
    "``",
    "# x",
    "> x",
    ">= x",
    "- x",
    "1. x",
    "---",
    "*",
)
PLAIN = (
    "ICI + TKI",
    "D'Angelo 2018",
    "rhat_max",
    "pool_P001",
    "mu ~ N(0, 1), tau ~ HalfNormal(0.5)",
    "C08 0.94 (+5) [mu ~ N(0, 1)]",
    "0.94 *",
    "< 0.001",
    ">= second line",
    "a & b",
    "-5.9 to 24.6 %",
    "≥ 100",
    "",
)
CONTROL = {
    "a\nb": "a b",
    "a\r\n b": "a b",
    "a\tb": "a b",
    "a\u2028b": "a b",
    "\x1b[31mred": r"\x1b[31mred",
    "\x1b]0;title\x07": r"\x1b]0;title\x07",
    "\x9b2J": r"\x9b2J",
    "a\u202eb": r"a\u202eb",
    "a\udc80": r"a\udc80",
    "a\x00b": r"a\x00b",
}
ALL = (*HOSTILE, *PLAIN, *CONTROL)
IN_FRAMES = tuple(label for label in ALL if "\udc80" not in label)
"""Columns of texts hold Unicode only."""


def shown(label: str) -> str:
    """Return what a reader is to see."""
    return CONTROL.get(label, label)


def text_of(markdown: str, tables: bool = False) -> tuple[list[str], set[str]]:
    """Return the texts that a page shows, and the kinds of what acts in it."""
    parser = MarkdownIt("commonmark", {"html": True}).enable("strikethrough")
    tokens = (parser.enable("table") if tables else parser).parse(markdown)
    inline = [token for token in tokens if token.type == "inline"]
    kinds = {part.type for token in inline for part in token.children or ()}
    outer = {t.type for t in tokens if t.nesting >= 0 and t.type != "inline"}
    texts = ["".join(part.content for part in token.children or ()) for token in inline]
    return texts, kinds | outer


@pytest.mark.parametrize("label", ALL)
def test_a_label_in_a_sentence_is_shown_and_does_nothing(label: str) -> None:
    """First, last and within a line, and as an item of a list."""
    safe = escape.markdown(label)
    for before, after in (("", " ends"), ("begins ", ""), ("(", ")"), ("x ", ": y"), ("", ": y")):
        texts, kinds = text_of(f"{before}{safe}{after}")
        assert texts == [f"{before}{shown(label)}{after}".strip()]
        assert kinds <= {"text", "text_special", "paragraph_open"}, kinds
    texts, kinds = text_of(f"- {safe}: x")
    assert texts == [f"{shown(label)}: x"]
    assert kinds <= {"text", "bullet_list_open", "list_item_open", "paragraph_open"}, kinds


@pytest.mark.parametrize("label", IN_FRAMES)
def test_a_label_in_a_table_is_shown_and_does_nothing(label: str) -> None:
    frame = pd.DataFrame({"name": [label, "after"], "y": ["1", "2"]})
    texts, kinds = text_of(frame_markdown(frame), tables=True)
    assert texts == ["name", "y", shown(label), "1", "after", "2"]
    tags = ("table_open", "thead_open", "tbody_open", "tr_open", "th_open", "td_open")
    assert kinds <= {"text", "text_special", *tags}, kinds
    header, _ = text_of(frame_markdown(frame.rename(columns={"name": label})), tables=True)
    assert header[0] == shown(label)


@pytest.mark.parametrize("label", PLAIN)
def test_a_plain_label_passes_unchanged(label: str) -> None:
    assert escape.printable(label) == label
    assert escape.markdown_cell(label) == label
    assert str(escape.terminal(label)) == label


def test_columns_that_are_markdown_stay_so() -> None:
    frame = pd.DataFrame({"a": ["*x*"], "b": ["*x*"]})
    assert frame_markdown(frame, marked=["b"]).endswith("| \\*x\\* | *x* |")


def test_the_cells_of_the_committed_pages_pass_unchanged() -> None:
    """All but two pages, which emphasise cells."""
    cells = 0
    for path in (PROJECT_ROOT / "figures").rglob("*.md"):
        if path.name in ("subtype_by_treatment.md", "simulation.md"):
            continue
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("| ") and not line.startswith("| ---"):
                for cell in re.split(r"(?<!\\)\|", line)[1:-1]:
                    raw = re.sub(r"\\([^\w\s])", r"\1", cell)
                    assert escape.markdown_cell(raw) == cell, path
                    cells += 1
    assert cells > 5000


def spelled(source: str) -> str:
    """Return what LaTeX would print, and refuse every command that is not a printed character."""
    for name, character in (
        ("textbackslash", "\\"),
        ("textasciitilde", "~"),
        ("textasciicircum", "^"),
    ):
        source = source.replace(rf"\{name}{{}}", f"\x00{ord(character)};")
    source = re.sub(r"\$([<>])\$", lambda found: f"\x00{ord(found[1])};", source)
    source = re.sub(r"\\([{}$#%&_])", lambda found: f"\x00{ord(found[1])};", source)
    assert not re.search(r"[\\{}$#%&_~^<>]", source), source
    return re.sub(r"\x00(\d+);", lambda found: chr(int(found[1])), source)


@pytest.mark.parametrize("label", IN_FRAMES)
def test_a_label_in_latex_is_printed(label: str) -> None:
    assert spelled(escape.latex(label)) == shown(label)
    table = latex(pd.DataFrame({label: [label], "y": [label]}), label)
    lines = table.splitlines()
    assert spelled(re.sub(r"^\\caption{(.*)}$", r"\1", lines[1])) == shown(label)
    for row in (lines[4], lines[6]):
        cells = re.split(r"(?<!\\) & ", row.removesuffix(r" \\"))
        # the end of the row above would take a bracket or a star as its own
        assert not cells[0].startswith(("[", "*"))
        assert spelled(cells[0].removeprefix("{}")) == shown(label)
    page = latex_text(f"# T\n\nSee {escape.markdown(label)} here.\n")
    assert spelled(page.splitlines()[2]) == f"See {shown(label).strip()} here."


def test_a_markdown_page_becomes_latex() -> None:
    page = "# A\n\n## B & C\n\nOne **two** `x_y` 5 %.\n\n- a\n- b\n\nEnd.\n"
    assert latex_text(page) == (
        "\\section*{A}\n\n\\subsection*{B \\& C}\n\nOne \\textbf{two} x\\_y 5 \\%.\n\n"
        "\\noindent --- a\\par\n\\noindent --- b\\par\n\nEnd.\n"
    )


@pytest.mark.parametrize("label", ALL)
def test_a_label_in_the_terminal_is_printed(label: str) -> None:
    out = io.StringIO()
    console = Console(file=out, width=200, force_terminal=True, color_system="truecolor")
    console.print(escape.terminal(label))
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_row(escape.terminal(label), "y")
    console.print(table)
    first, second = out.getvalue().splitlines()
    assert first == shown(label)
    assert second.split("  y")[0].strip() == f"{shown(label)} y".removesuffix(" y").strip()
    assert "\x1b" not in out.getvalue()


@pytest.mark.parametrize("label", ALL)
def test_a_label_in_a_spreadsheet_is_no_formula(label: str) -> None:
    cell = escape.spreadsheet(label)
    assert cell.removeprefix("'") == shown(label)
    assert not cell.lstrip().startswith(("=", "+", "@"))
    assert not cell.startswith("-") or re.fullmatch(r"-|-[\d.]+", cell)


def test_numbers_of_a_spreadsheet_stay_numbers() -> None:
    for text in ("-4.3", "+5", "-1e-3", "-", "-12 %", ".5"):
        assert escape.spreadsheet(text) == text
    frame = pd.DataFrame({"=a": ["=b", None], "n": [-1.5, 2.0], "mixed": [-3, "@c"]})
    safe = escape.spreadsheet_frame(frame)
    assert list(safe.columns) == ["'=a", "n", "mixed"]
    assert safe["'=a"].iloc[0] == "'=b"
    assert pd.isna(safe["'=a"].iloc[1])
    assert safe["n"].dtype == float
    assert list(safe["mixed"]) == [-3, "'@c"]
    assert list(frame.columns) == ["=a", "n", "mixed"]


@pytest.mark.parametrize("label", IN_FRAMES)
def test_html_is_escaped_by_its_template(label: str, tmp_path) -> None:
    (tmp_path / "p.html.j2").write_text('<p title="{{ label }}">{{ label }}</p>')
    page = render(tmp_path, "p.html.j2", label=label)
    title, text = re.fullmatch(r'<p title="([^"]*)">([^<>]*)</p>', page).groups()
    assert html.unescape(title) == html.unescape(text) == label
