"""The legends of the figures: one text, of which README and report take what they show."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from models.render.citations import Citations
from models.render.templates import page
from models.report.paper import cited

_ENTRY = re.compile(r"<!-- (?P<place>\S+) -->\n+\*\*(?P<title>.+?)\*\* ?(?P<rest>.*)")


@dataclass(frozen=True)
class Caption:
    """The legend of a figure: what it shows in a sentence, and the rest, Markdown."""

    title: str
    rest: str


def all_captions(cite: Citations) -> dict[str, Caption]:
    """Return the legends by the place of the figure, ``pools/forest_orr``, in order."""
    subtypes = cite.tables["subtypes"]
    strata = subtypes[subtypes["kind"] == "stratum"].drop_duplicates("subtype")
    short = strata[strata["subtype"] != strata["full_name"]]
    names = "; ".join(
        f"{a}: {b}" for a, b in zip(short["subtype"], short["full_name"], strict=True)
    )
    claims = cite.tables["claims"][["claim_id", "claim"]].itertuples(index=False, name=None)
    text = cited(cite, "captions", subtypes=len(strata), names=names, claims=list(claims))
    return {
        found["place"]: Caption(found["title"], found["rest"].strip())
        for found in _ENTRY.finditer(text)
    }


def captions_markdown(captions: dict[str, Caption], drawn: Iterable[str]) -> str:
    """Return the page of the legends of the figures that are there, numbered."""
    there = set(drawn)
    shown = [(place, caption) for place, caption in captions.items() if place in there]
    return page("report/figures.md", captions=shown)
