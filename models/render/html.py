"""A report in one HTML file: prose, figures, tables and sections, as anybody's browser shows them.

Everything is in the file before a script runs: it prints, is searched, needs no network and is read
aloud. Scripts add sorting, filtering, copying and CSV files to what is there.
"""

import base64
import gzip
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final, Self

import pandas as pd
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup, escape

from models.render.escape import printable, spreadsheet_frame
from models.render.templates import render

PARTS: Final = Path(__file__).with_name("page")
"""Style sheet and scripts; sortable-tablesort 4.1.7 (public domain) with its licence beside it."""
SCALE: Final = 1.25
"""Figures are shown larger than they are printed: letters of 8 pt are small on a screen."""
DOI: Final = "https://doi.org/"
"""The only kind of address that a report points to."""


@dataclass(frozen=True)
class Section:
    """A section of a report.

    Attributes
    ----------
    anchor
        Its id.
    title
        Its heading and entry in the contents.
    body
        Its content, from the functions of this module.
    """

    anchor: str
    title: str
    body: Markup


@dataclass(frozen=True)
class Page:
    """A report.

    Attributes
    ----------
    title
        The heading of the page.
    lead
        What stands below it, Markdown.
    sections
        In order.
    facts
        What made it, one line each: data, checksum, versions.
    """

    title: str
    lead: str
    sections: Sequence[Section]
    facts: Mapping[str, str] = field(default_factory=dict)

    def html(self) -> str:
        """Return the file."""
        return render(
            "render",
            "page.html.j2",
            page=self,
            lead=prose(self.lead),
            style=Markup(_part("page.css")),
            scripts=Markup(_part("sortable.min.js") + _part("page.js")),
        )


@cache
def _part(name: str) -> str:
    return (PARTS / name).read_text(encoding="utf-8")


def prose(markdown: str, level: int = 2) -> Markup:
    """Return Markdown as HTML.

    Parameters
    ----------
    markdown
        Text; HTML in it is shown as it is written. Addresses other than DOIs become plain text.
    level
        How far headings are moved down: 2 makes ``#`` an ``h3``.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.add_render_rule("table_open", _table_open)
    parser.add_render_rule("table_close", _table_close)
    tokens = parser.parse(markdown)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1:]) + level)}"
        if token.children:
            token.children = list(_without_addresses(token.children))
    return Markup(parser.renderer.render(tokens, parser.options, {}))


def _table_open(renderer: RendererHTML, tokens: Sequence[Token], index: int, *_: object) -> str:
    return (
        '<div class="scroll" tabindex="0" role="group" aria-label="Table"><table class="sortable">'
    )


def _table_close(renderer: RendererHTML, tokens: Sequence[Token], index: int, *_: object) -> str:
    return "</table></div>"


def _without_addresses(tokens: Iterable[Token]) -> Iterable[Token]:
    """Yield tokens without links to anything but DOIs; images become their words."""
    dropped = 0
    for token in tokens:
        if token.type == "link_open" and not str(token.attrGet("href")).startswith(DOI):
            dropped += 1
        elif token.type == "link_close" and dropped:
            dropped -= 1
        elif token.type == "image":
            yield Token("text", "", 0, content=token.content)
        else:
            yield token


def doi(number: str) -> Markup:
    """Return a DOI as a link."""
    return Markup('<a href="{}{}">doi:{}</a>').format(DOI, number, number)


def figure(name: str, svg: str, title: str, caption: str = "") -> Markup:
    """Return a figure drawn inline.

    Parameters
    ----------
    name
        Unlike that of every other figure of the page; prefix of the ids in it.
    svg
        Text of an SVG file, see ``models.render.style.svg``.
    title
        What it shows, in a sentence: bold before the caption, and read aloud in its place.
    caption
        The rest of its legend, Markdown.
    """
    drawing = Markup(inline_svg(svg, name, title))
    legend = Markup("<strong>{}</strong> {}").format(title, _inline(caption))
    return Markup(
        '<figure id="figure-{}"><div class="scroll" tabindex="0" role="group" '
        'aria-label="{}">{}</div><figcaption>{}</figcaption></figure>\n'
    ).format(name, f"Figure: {title}", drawing, legend)


def _inline(markdown: str) -> Markup:
    text = prose(markdown).strip()
    return Markup(text.removeprefix("<p>").removesuffix("</p>"))


def inline_svg(text: str, prefix: str, label: str) -> str:
    """Return an SVG file as an element: ids prefixed and unique, labelled, font set by the page."""
    body = text[text.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    seen: set[str] = set()
    body = re.sub(r"<[^>]*>", lambda found: _prefixed(found[0], prefix, seen), body)
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    body = re.sub(r' transform="rotate\(-?0 [^)]*\)"', "", body)
    body = re.sub(r"(\d\.\d\d)\d+", r"\1", body)
    body = re.sub(r"<!--.*?-->|\n\s*", " ", body, flags=re.DOTALL)
    width = re.search(r'width="([\d.]+)pt"', body)
    assert width is not None
    size = f'style="width: {SCALE * float(width[1]):.0f}pt"'
    opening = f'<svg role="img" aria-label="{escape(label)}" {size} '
    head, _, rest = body.partition(">")
    head = re.sub(r' (?:width|height)="[\d.]+pt"', "", head.removeprefix("<svg "))
    return f"{opening}{head}>{rest}"


def _prefixed(tag: str, prefix: str, seen: set[str]) -> str:
    found = re.search(r'[ \n]id="([^"]*)"', tag)
    if found is not None and found[1] in seen:
        # marks of one kind share a name in a figure file; in a page only one may bear it
        tag = tag.replace(found[0], "")
    elif found is not None:
        seen.add(found[1])
        tag = tag.replace(found[0], f' id="{prefix}-{found[1]}"')
    tag = re.sub(r'(?:xlink:)?href="#', f'href="#{prefix}-', tag)
    return re.sub(r"url\(#", f"url(#{prefix}-", tag)


def number(value: object, digits: int = 4) -> str:
    """Return a cell's value as text: numbers to some significant digits, nothing for none."""
    if isinstance(value, float) or hasattr(value, "dtype"):
        if pd.isna(value):  # type: ignore[call-overload]
            return ""
        as_float = float(value)  # type: ignore[arg-type]
        if as_float.is_integer() and abs(as_float) < 1e15:
            return f"{as_float:.0f}".replace("-", "−")
        return f"{as_float:.{digits}g}".replace("-", "−")
    return "" if value is None or value is pd.NA else str(value)


def table(
    frame: pd.DataFrame,
    caption: str,
    details: Sequence[Markup] | None = None,
    *,
    filtered: bool = False,
) -> Markup:
    """Return a frame as a table that can be sorted, and scrolled where it is too wide.

    Parameters
    ----------
    frame
        Cells may be ``Markup``; numbers are shown, and sorted, to four significant digits.
    caption
        What it shows; unlike that of every other table of the page.
    details
        What a row opens to, one a row; its first cell is what is clicked.
    filtered
        With a box to filter its rows.
    """
    numeric = [pd.api.types.is_numeric_dtype(kind) for kind in frame.dtypes]
    kinds = [" class=n" if flag else "" for flag in numeric]
    heads = "".join(
        f"<th scope=col{kind}>{escape(printable(name))}"
        for name, kind in zip(frame.columns, kinds, strict=True)
    )
    rows = []
    for place, values in enumerate(frame.itertuples(index=False, name=None)):
        cells = [_cell(value) for value in values]
        head = f"<th scope=row{kinds[0]}>{cells[0]}"
        if details is not None:
            opens = opened(cells[0], Markup("<div>{}</div>").format(details[place]))
            head = f'<th scope=row data-sort="{escape(number(values[0]))}">{opens}'
        rest = (
            f"<td{kind}{_sort(value)}>{cell}"
            for cell, kind, value in zip(cells[1:], kinds[1:], values[1:], strict=True)
        )
        rows.append(f"<tr>{head}{''.join(rest)}")
    box = ' data-filter=""' if filtered else ""
    return Markup(
        f'<div class="scroll" tabindex="0" role="group" aria-label="{escape(caption)}">'
        f'<table class="sortable"{box}><caption>{escape(caption)}</caption>'
        f"<thead><tr>{heads}</thead><tbody>\n" + "\n".join(rows) + "</tbody></table></div>\n"
    )


def _cell(value: object) -> Markup:
    return value if isinstance(value, Markup) else escape(printable(number(value)))


class Cell(Markup):
    """A cell that is sorted by a number, not by its text."""

    sort: float

    @classmethod
    def of(cls, text: str, sort: float) -> Self:
        """Return a text, or markup, with the number that it is sorted by."""
        cell = cls(escape(text))
        cell.sort = float(sort)
        return cell


def cells(values: Iterable[object]) -> pd.Series:
    """Return a column whose cells stay what they are; a column of strings would lose marks."""
    return pd.Series(list(values), dtype=object)


def _sort(value: object) -> str:
    """Return what a cell is sorted by, where that is not what is shown."""
    if isinstance(value, Cell):
        return f" data-sort={value.sort:.4g}"
    shown = number(value)
    if isinstance(value, str) or not shown.startswith("−"):
        return ""
    return f" data-sort={shown.replace('−', '-')}"


def opened(summary: str | Markup, body: Markup, *, kind: str = "") -> Markup:
    """Return something that is shown when asked for."""
    klass = Markup(' class="{}"').format(kind) if kind else ""
    return Markup("<details{}><summary>{}</summary>{}</details>\n").format(klass, summary, body)


def csv(frame: pd.DataFrame, name: str) -> Markup:
    """Return a button that saves a frame, unrounded and safe for a spreadsheet, as a CSV file."""
    text = spreadsheet_frame(frame).to_csv(index=False).encode()
    packed = base64.b64encode(gzip.compress(text, mtime=0)).decode()
    return Markup(
        '<button hidden class="csv" data-name="{}" data-csv="{}">Save {}</button>'
    ).format(f"{name}.csv", packed, f"{name}.csv")


def copied(anchor: str, body: Markup) -> Markup:
    """Return a text with a button that copies it, as text and as HTML."""
    return Markup(
        '<p><button hidden class="copy" data-copy="{}">Copy this text</button> '
        '<span role="status"></span></p><div class="text" id="{}">{}</div>'
    ).format(anchor, anchor, body)


def chosen(name: str, legend: str, choices: Mapping[str, Markup]) -> Markup:
    """Return bodies of which the one that the reader picks is shown; all of them in print.

    Parameters
    ----------
    name
        Unlike that of every other choice of the page.
    legend
        What is picked.
    choices
        Bodies by label; at most twelve.
    """
    radios = [
        Markup('<label><input type="radio" name="{}" value="{}"{}> {}</label> ').format(
            name, place, Markup(" checked") if not place else "", label
        )
        for place, label in enumerate(choices)
    ]
    bodies = [
        Markup('<div class="choice" data-place="{}">{}</div>').format(place, body)
        for place, body in enumerate(choices.values())
    ]
    return Markup(
        '<div class="chooser"><fieldset><legend>{}</legend>{}</fieldset>{}</div>\n'
    ).format(legend, Markup("").join(radios), Markup("").join(bodies))
