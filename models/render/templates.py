"""Pages from templates: Jinja files in which the text is read, values put in as they are asked for.

A room keeps its templates in a folder ``templates`` beside its modules. A name that the template
asks for and nobody gave is an error, and so is a value that is missing (None, NaN).
"""

import re
from functools import cache
from pathlib import Path
from typing import Any, Final

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from models.render.escape import markdown
from models.render.format import frame_markdown, points, probability, rate

ROOMS: Final = Path(__file__).resolve().parents[1]


def _is_html(name: str | None) -> bool:
    return name is not None and name.removesuffix(".j2").endswith(".html")


def _present(value: Any) -> Any:
    """Refuse a missing value, which would be printed as a word."""
    if pd.api.types.is_scalar(value) and pd.isna(value):
        raise ValueError(f"a template prints a missing value ({value})")
    return value


@cache
def _environment(folder: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        autoescape=_is_html,
        finalize=_present,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"md": markdown, "probability": probability}
    environment.globals |= {
        "table": frame_markdown,
        "interval": rate,
        "points_interval": points,
    }
    return environment


def render(folder: Path | str, name: str, **context: Any) -> str:
    """Return a template with its values.

    Parameters
    ----------
    folder
        A folder of templates, or a room by its place in ``models/``: ``report``,
        ``analyses/groups``.
    name
        File in it. One that ends in ``.html`` or ``.html.j2`` has its values escaped; others take
        them as they are, a user's label through ``| md``.
    context
        Values by name.

    Raises
    ------
    jinja2.TemplateNotFound
        If there is no such file.
    jinja2.UndefinedError
        If the template asks for a name that was not given.
    ValueError
        If a value is None or NaN.
    """
    place = ROOMS / folder / "templates" if isinstance(folder, str) else folder
    return _environment(place).get_template(name).render(context)


def page(template: str, **context: Any) -> str:
    """Return a Markdown page or paragraph from a template of a room, each paragraph in one line.

    Parameters
    ----------
    template
        Room and name: ``report/limits.md`` is ``models/report/templates/limits.md.j2``.
    context
        Values by name. Templates have ``table(frame)`` besides, ``interval`` and
        ``points_interval`` (estimate, lower, upper), and the filters ``probability`` and ``md``.
    """
    room, _, name = template.rpartition("/")
    return flow(render(room, f"{name}.j2", **context))


_ALONE = re.compile(r"#{1,6} |\||<!--|```|\s*$")
"""Lines that are never part of a paragraph: heading, row of a table, comment, fence, nothing."""
_ITEM = re.compile(r"\s*- ")


def flow(text: str) -> str:
    """Put each paragraph and item of a list in one line; templates are wrapped to be read."""
    lines: list[str] = []
    fenced = False
    for line in text.split("\n"):
        apart = fenced or not lines or _ALONE.match(lines[-1]) or _ALONE.match(line)
        if apart or _ITEM.match(line):
            lines.append(line)
        else:
            lines[-1] = f"{lines[-1].rstrip()} {line.strip()}"
        fenced ^= line.startswith("```")
    return "\n".join(lines)
