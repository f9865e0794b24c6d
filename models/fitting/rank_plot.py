"""Rank plots of a fit, which show whether the chains draw from the same distribution."""

from typing import TYPE_CHECKING, Final

import arviz_plots as azp
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

if TYPE_CHECKING:
    import xarray as xr


SCALARS: Final = (
    "mu",
    "sigma_group",
    "sigma_subtype",
    "sigma_treatment",
    "sigma_interaction",
    "tau",
    "tau_child",
    "rho",
)
"""Parameters shown, where a model has them."""


def rank_plot(tree: "xr.DataTree", title: str) -> Figure:
    """Draw the rank ECDFs of the scalar parameters of a fit (ArviZ ``plot_rank``).

    Parameters
    ----------
    tree
        A fit; its scalar free variables are drawn.
    title
        Name of the fit.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a parameter; lines that stay within the grey band are chains that agree.
    """
    posterior = tree["posterior"].to_dataset()
    names = [name for name in SCALARS if name in posterior and posterior[name].ndim == 2]
    plot = azp.plot_rank(
        tree, var_names=names, figure_kwargs={"figsize": (2.4 * max(2, len(names)), 2.4)}
    )
    figure: Figure = plot.viz["figure"].item()
    figure.suptitle(title, fontsize=9)
    plt.close(figure)  # ArviZ draws through pyplot, which would keep every figure open
    return figure
