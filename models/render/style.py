"""One look for all figures: sizes for print, colours safe for colour-blind readers.

A figure is drawn at the size at which it is printed, one column or one page wide. A colour has one
meaning: this analysis, published, observed; alternatives within this analysis have another marker
or an open one. Words are in ink.
"""

from collections.abc import Sequence
from io import StringIO
from math import ceil
from pathlib import Path
from typing import Final, Protocol

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, fontManager
from matplotlib.patches import Polygon
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Transform

from models.common.files import replacing

BAYES: Final = "#0072B2"
PUBLISHED: Final = "#D55E00"
OBSERVED: Final = "#8c8c8c"
"""This analysis, what was published, what was observed; from Okabe and Ito's palette, which is
distinguishable with every common form of colour blindness."""
THIRD: Final = "#009E73"
INK: Final = "#1a1a1a"
FAINT: Final = "#5f5f5f"
"""Of words: 6.4 to 1 on white."""
BAND: Final = "#edf2f6"
"""Ground of rows that are to be seen together."""
MARKERS: Final = ("o", "s", "D", "^", "v", "P", "X", "*")
"""Of groups of arms; a group is told by marker and label."""

COLUMN: Final = 85 / 25.4
PAGE: Final = 180 / 25.4
TEXT_WIDTH: Final = PAGE
"""Inches: one column and the full width of a page of print."""
FONT: Final = 8.0
SMALL: Final = 7.0
"""Points, as printed; nothing is smaller than 6.5."""

# Liberation Sans has the widths of Arial and Helvetica, which an SVG viewer may use in its place
for _face in sorted(Path(__file__).with_name("fonts").glob("*.ttf")):
    fontManager.addfont(_face)

rcParams.update(
    {
        "font.family": ["sans-serif", "DejaVu Sans"],
        "font.sans-serif": ["Liberation Sans", "Arial", "Helvetica", "DejaVu Sans"],
        "font.size": FONT,
        "axes.titlesize": FONT,
        "axes.labelsize": FONT,
        "xtick.labelsize": FONT,
        "ytick.labelsize": FONT,
        "legend.fontsize": FONT,
        "axes.linewidth": 0.6,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "axes.unicode_minus": True,
        "pdf.fonttype": 42,
        "svg.fonttype": "none",
        # without a salt the ids in the SVG change at every run
        "svg.hashsalt": "sarcoma",
    }
)


class RowWriter(Protocol):
    """Writes a text at a position."""

    def __call__(
        self,
        x: float,
        y: float,
        text: str,
        *,
        align: str = ...,
        bold: bool = ...,
        colour: str = ...,
        size: float = ...,
    ) -> None:
        """Write it."""
        ...


def diamond(axes: Axes, y: float, estimate: float, lower: float, upper: float, colour: str) -> None:
    """Draw a pooled estimate as a diamond that spans its interval."""
    points = [(lower, y), (estimate, y + 0.32), (upper, y), (estimate, y - 0.32)]
    axes.add_patch(Polygon(points, closed=True, facecolor=colour, edgecolor=colour, lw=0.5))


def interval(
    axes: Axes,
    y: float,
    estimate: float,
    lower: float,
    upper: float,
    colour: str,
    *,
    marker: str = "o",
    size: float = 3.0,
    width: float = 1.2,
    filled: bool = True,
) -> None:
    """Draw an estimate with its interval on one row."""
    axes.plot([lower, upper], [y, y], color=colour, lw=width, solid_capstyle="butt", zorder=2)
    axes.plot(
        [estimate],
        [y],
        marker=marker,
        ms=size,
        color=colour,
        mfc=colour if filled else "white",
        mew=0.8,
        zorder=3,
    )


def row_writer(axes: Axes, transform: Transform, *, baseline: bool = False) -> RowWriter:
    """Return a function that writes the text of a row: counts, estimates, headings.

    Parameters
    ----------
    axes
        Where the rows are.
    transform
        Of the position: mostly inches or axes fractions across and data units down.
    baseline
        Align by baseline, so that letters below the line do not shift a row.
    """

    def write(
        x: float,
        y: float,
        text: str,
        *,
        align: str = "left",
        bold: bool = False,
        colour: str = INK,
        size: float = FONT,
    ) -> None:
        axes.text(
            x,
            y,
            text,
            transform=transform,
            ha=align,
            va="center_baseline" if baseline else "center",
            fontweight="bold" if bold else "normal",
            color=colour,
            clip_on=False,
            fontsize=size,
        )

    return write


def text_width(text: str, *, size: float = FONT, bold: bool = False) -> float:
    """Return how wide a line of text is drawn, in inches."""
    font = FontProperties(size=size, weight="bold" if bold else "normal")
    points, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(points) / 72


def wrapped(text: str, width: float, *, bold: bool = False, size: float = FONT) -> list[str]:
    """Break a label into lines by its drawn width.

    Parameters
    ----------
    text
        The label; nothing of it is dropped.
    width
        Inches.
    bold, size
        Of the font.

    Returns
    -------
    list of str
        One line or more, broken at spaces, and within a word only if the word alone is too wide.
    """
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".strip()
        if text_width(joined, size=size, bold=bold) <= width:
            lines[-1] = joined
            continue
        lines += [""] if lines[-1] else []
        for character in word:
            if lines[-1] and text_width(lines[-1] + character, size=size, bold=bold) > width:
                lines.append("")
            lines[-1] += character
    return lines


def shortened(text: str, width: float) -> str:
    """Return a label that fits a width in inches, with an ellipsis if it had to be cut."""
    line = " ".join(text.split())
    while text_width(line) > width:
        line = line.removesuffix("…")[:-1].rstrip() + "…"
    return line


def rate_axis(largest: float) -> tuple[float, list[float]]:
    """Return the end and the ticks of a rate axis that holds the largest value."""
    step = 0.1 if largest <= 0.6 else 0.2
    # an interval that ends on a tick must not end on the frame
    end = min(1.0, step * ceil((largest + 0.01) / step))
    return end, [step * i for i in range(round(end / step) + 1)]


def bare_rows(axes: Axes, top: float, bottom: float) -> None:
    """Prepare axes whose rows are labelled by text: no y ticks, only the bottom spine."""
    axes.set_ylim(bottom, top)
    axes.set_yticks([])
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=2.5, pad=2)


def percent_axis(axes: Axes, ticks: Sequence[float]) -> None:
    """Label a probability axis in per cent."""
    axes.set_xticks(list(ticks))
    axes.set_xticklabels([f"{100 * t:g}" for t in ticks])


def mark_failed(figure: Figure) -> None:
    """Mark a figure of a fit that did not pass the gate."""
    figure.text(
        0.5,
        0.5,
        "FIT DID NOT PASS THE GATE",
        rotation=35,
        ha="center",
        va="center",
        fontsize=26,
        color="red",
        alpha=0.35,
        zorder=100,
    )


_UNDATED: Final[dict[str, dict[str, None]]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def save(figure: Figure, path: Path) -> list[Path]:
    """Save as PNG (300 dpi), SVG and PDF, byte for byte the same for the same figure.

    Parameters
    ----------
    figure
        The figure.
    path
        Path without suffix.

    Returns
    -------
    list of pathlib.Path
        The three files.
    """
    written = []
    for suffix, metadata in _UNDATED.items():
        target = path.with_name(path.name + suffix)
        with replacing(target) as temporary:
            figure.savefig(temporary, dpi=300, metadata=metadata)
        written.append(target)
    return written


def svg(figure: Figure) -> str:
    """Return a figure as the text of an SVG file."""
    text = StringIO()
    figure.savefig(text, format="svg", metadata=_UNDATED[".svg"])
    return text.getvalue()


def save_png(figure: Figure, path: Path, dpi: int) -> Path:
    """Save a working plot (diagnostics) as PNG only, at screen resolution."""
    target = path.with_name(path.name + ".png")
    with replacing(target) as temporary:
        figure.savefig(temporary, dpi=dpi, metadata={"Software": None})
    return target
