"""What the report of a run is made of: its tables, pages and figures, and the data."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from markupsafe import Markup

from models.render.citations import STORED, Citations, read_tables
from models.render.format import printed, probability
from models.render.html import Cell, cells, figure, prose
from models.report.captions import Caption, all_captions

if TYPE_CHECKING:
    from models.evidence.load import Evidence


@dataclass(frozen=True)
class Material:
    """What a report is made of.

    Attributes
    ----------
    tables
        Frames by name, as texts cite them.
    places
        Where each table lies, ``pools/pools``, in order.
    pages
        Markdown by place, ``checks/checks``.
    figures
        SVG by place, ``pools/forest_orr``.
    evidence
        The data.
    """

    tables: Mapping[str, pd.DataFrame]
    places: Mapping[str, str]
    pages: Mapping[str, str]
    figures: Mapping[str, str]
    evidence: "Evidence"

    @property
    def cite(self) -> Citations:
        """Formats numbers of the tables."""
        return Citations(self.tables)

    def captions(self) -> dict[str, Caption]:
        """Return the legends by place."""
        return all_captions(self.cite)

    def drawn(self, *places: str) -> Markup:
        """Return the figures of some places, in order, those that the run drew."""
        captions = self.captions()
        return Markup("").join(
            figure(
                place.replace("/", "-"),
                self.figures[place],
                captions[place].title,
                captions[place].rest,
            )
            for place in places
            if place in self.figures and place in captions
        )

    def told(self, place: str, below: int = 3) -> Markup:
        """Return a page of the run without its title, its headings below a level; or nothing."""
        text = self.pages.get(place, "")
        title, _, rest = text.partition("\n")
        return prose(rest if title.startswith("# ") else text, below - 1)


def read_material(out: Path, evidence: "Evidence") -> Material:
    """Return the tables, pages and figures that the parts of a run wrote to a folder."""
    folders = [p for p in sorted(out.glob("*/")) if p.name not in ("fits", "validation")]
    folders += [out / name for name in STORED if (out / name).is_dir()]

    def found(kind: str) -> dict[str, Path]:
        paths = [path for folder in (out, *folders) for path in sorted(folder.glob(f"*.{kind}"))]
        return {str(path.relative_to(out).with_suffix("")): path for path in paths}

    return Material(
        tables=read_tables(out),
        places={path.stem: place for place, path in found("csv").items()},
        pages={place: path.read_text(encoding="utf-8") for place, path in found("md").items()},
        figures={place: path.read_text(encoding="utf-8") for place, path in found("svg").items()},
        evidence=evidence,
    )


def percents(rates: pd.DataFrame, prefix: str = "") -> pd.Series:
    """Return proportions with their intervals in per cent, ``16 (12–21)``; nothing for none."""
    names = [f"{prefix}{part}" for part in ("median", "lower", "upper")]
    return cells(
        "" if pd.isna(numbers[0]) else Cell.of(printed(*(100 * v for v in numbers)), numbers[0])
        for numbers in rates[names].itertuples(index=False, name=None)
    )


def chances(values: "pd.Series") -> pd.Series:
    """Return probabilities as texts, with a bar each; nothing for none."""
    bar = Markup('{} <meter min="0" max="1" value="{}">{}</meter>')
    return cells(
        "" if pd.isna(p) else Cell.of(bar.format(probability(p), f"{p:.3f}", ""), p) for p in values
    )
