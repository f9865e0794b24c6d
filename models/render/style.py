"""One look for all figures: sizes for print, colours safe for colour-blind readers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from matplotlib.transforms import Transform

from models.common.files import replacing

BAYES: Final = "#0072B2"
PUBLISHED: Final = "#D55E00"
OBSERVED: Final = "#8c8c8c"
THIRD: Final = "#009E73"
INK: Final = "#1a1a1a"
"""Okabe and Ito's palette: distinguishable with every common form of colour blindness."""

FONT: Final = 7.5
TEXT_WIDTH: Final = 6.3
"""Inches: the text column of an A4 page; fonts are in true points at this width."""

rcParams.update(
    {
        "font.family": "DejaVu Sans",
        "font.size": FONT,
        "axes.titlesize": FONT + 1,
        "axes.linewidth": 0.6,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
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
        x: float, y: float, text: str, *, align: str = "left", bold: bool = False, colour: str = INK
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
            fontsize=FONT - 0.5,
        )

    return write


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


def save(figure: Figure, path: Path) -> list[Path]:
    """Save as PNG (300 dpi) and SVG, byte for byte the same for the same figure.

    Parameters
    ----------
    figure
        The figure.
    path
        Path without suffix.

    Returns
    -------
    list of pathlib.Path
        The two files.
    """
    written = []
    for suffix, metadata in (
        (".png", {"Software": None}),
        (".svg", {"Date": None, "Creator": None}),
    ):
        target = path.with_name(path.name + suffix)
        with replacing(target) as temporary:
            figure.savefig(temporary, dpi=300, metadata=metadata)
        written.append(target)
    return written


def save_png(figure: Figure, path: Path, dpi: int) -> Path:
    """Save a working plot (diagnostics) as PNG only, at screen resolution."""
    target = path.with_name(path.name + ".png")
    with replacing(target) as temporary:
        figure.savefig(temporary, dpi=dpi, metadata={"Software": None})
    return target
