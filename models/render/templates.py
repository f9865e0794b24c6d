"""Pages from templates: Markdown in which the sentences can be read, with places for numbers."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, PackageLoader, StrictUndefined, Template


def render(template: Path | tuple[str, str], **context: object) -> str:
    """Return a page.

    Parameters
    ----------
    template
        A file; or a package and the file's name in it.
    context
        What the template names; a name that is not given is an error.

    Raises
    ------
    jinja2.TemplateError
        If the template is not there, cannot be read, or names what is not given.
    """
    return _template(template).render(context)


@cache
def _template(template: Path | tuple[str, str]) -> Template:
    if isinstance(template, Path):
        return _environment(FileSystemLoader(template.parent)).get_template(template.name)
    package, name = template
    return _environment(PackageLoader(package, "")).get_template(name)


def _environment(loader: FileSystemLoader | PackageLoader) -> Environment:
    return Environment(
        loader=loader,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown; cells are escaped where tables are made
    )
