"""Pictures of points, laws and motions in the plane."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from refdiff.core.arrays import Array
from refdiff.plotting.style import BLUE, GOLD, INK, PINK, TEAL, new_figure, picture


def _bare(ax: Any, reach: float, title: str = "") -> None:
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[], title=title)
    for side in ax.spines.values():
        side.set_visible(False)


def _dots(ax: Any, x: Array, colour: str = BLUE, size: float = 3.0) -> None:
    ax.scatter(x[:, 0], x[:, 1], s=size, c=colour, alpha=0.55, linewidths=0, rasterized=True)


def _ellipse(ax: Any, mean: Array, cov: Array, colour: str, **line: Any) -> None:
    """The contour two standard deviations from the mean."""
    var, axes = np.linalg.eigh(cov)
    angle = np.linspace(0, 2 * np.pi, 121)
    rim = mean + 2 * (np.sqrt(np.maximum(var, 0)) * np.stack([np.cos(angle), np.sin(angle)], 1)) @ axes.T
    ax.plot(rim[:, 0], rim[:, 1], color=colour, **line)


@picture
def strip(states: Sequence[Array], titles: Sequence[str], *, reach: float = 2.6, heading: str = "") -> Any:
    """States of one cloud of points, from left to right.

    Parameters
    ----------
    states : sequence of ndarray
        Each (N, 2).
    titles : sequence of str
        One a state.
    reach : float
        The panels show [-reach, reach] in both coordinates.
    heading : str
        A line above all panels.

    Returns
    -------
    matplotlib.figure.Figure
    """
    return _side_by_side(states, titles, reach, heading, [BLUE] * len(states), (1.9, 2.3), 3.0)


@picture
def clouds(points: Sequence[Array], titles: Sequence[str], *, reach: float = 2.6, heading: str = "") -> Any:
    """Clouds of points side by side, large enough to compare.

    Parameters
    ----------
    points : sequence of ndarray
        (N, 2) each.
    titles : sequence of str
        One a cloud.
    reach : float
        The panels show [-reach, reach] in both coordinates.
    heading : str
        A line above all panels.

    Returns
    -------
    matplotlib.figure.Figure
    """
    colours = [GOLD if title == "data" else BLUE for title in titles]
    return _side_by_side(points, titles, reach, heading, colours, (4.0, 4.4), 5.0)


def _side_by_side(
    clouds: Sequence[Array], titles: Sequence[str], reach: float, heading: str, colours: Sequence[str],
    panel: tuple[float, float], dot: float,
) -> Any:  # fmt: skip
    figure = new_figure(panel[0] * len(clouds), panel[1])
    figure.suptitle(heading)
    for ax, x, title, colour in zip(
        np.atleast_1d(figure.subplots(1, len(clouds))), clouds, titles, colours, strict=True
    ):
        _dots(ax, x, colour, dot)
        _bare(ax, reach, title)
    return figure


@picture
def forward(
    states: Sequence[Array], covs: Sequence[Array], means: Sequence[Array], titles: Sequence[str], gap: Array
) -> Any:
    """Data under the forward process, with the ellipse of their exact covariance, and how it becomes the unit circle.

    Parameters
    ----------
    states, covs, means : sequences of ndarray
        (N, 2) points, (2, 2) exact covariances and (2,) exact means, one a panel.
    titles : sequence of str
        One a panel.
    gap : ndarray
        (T, 3): time, and the two eigenvalues of the covariance there.

    Returns
    -------
    matplotlib.figure.Figure
    """
    n = len(states)
    figure = new_figure(1.9 * n + 3.0, 2.9)
    figure.suptitle("Forward: data dissolve into noise, and their covariance (pink) into the unit circle (dashed)")
    axes = figure.subplots(1, n + 1, width_ratios=[1.0] * n + [1.5])
    for ax, x, cov, mean, title in zip(axes, states, covs, means, titles, strict=False):
        _dots(ax, x)
        _ellipse(ax, np.zeros(2), np.eye(2), INK, ls="--", lw=0.9)
        _ellipse(ax, mean, cov, PINK, lw=1.8)
        _bare(ax, 4.2, title)
    end = axes[-1]
    end.plot(gap[:, 0], gap[:, 1:], color=PINK, lw=1.8)
    end.axhline(1, color=INK, ls="--", lw=0.9)
    end.set(xlabel="time t", title="eigenvalues of Cov(x_t)", ylim=(0, None))
    return figure


@picture
def two_ends(
    upper: Sequence[Array], lower: Sequence[Array], titles: Sequence[str], names: tuple[str, str], box: float
) -> Any:
    """Two diffusions of the same start, one above the other: between walls, and with a pull to the origin.

    Parameters
    ----------
    upper, lower : sequences of ndarray
        (N, 2) points, of the diffusion between walls and of the other.
    titles : sequence of str
        One a column.
    names : tuple of str
        What the rows are.
    box : float
        The walls stand at -box and box.

    Returns
    -------
    matplotlib.figure.Figure
    """
    columns = len(titles)
    figure = new_figure(1.9 * columns + 2.2, 4.6)
    figure.suptitle("Where does diffusion end? Between walls: uniform. With a pull to the origin: Gaussian")
    grid = figure.subplots(2, columns + 1, width_ratios=[1.0] * columns + [1.2])
    for walled, row, states, colour, name in zip((True, False), grid, (upper, lower), (TEAL, BLUE), names, strict=True):
        for ax, x, title in zip(row, states, titles, strict=False):
            _dots(ax, x, colour)
            _bare(ax, 3.4, title if walled else "")
            if walled:
                ax.plot(*(box * np.array([[-1, 1, 1, -1, -1], [-1, -1, 1, 1, -1]])), color=INK, lw=0.9)
        row[0].set_ylabel(name, labelpad=8)
        last = row[-1]
        last.hist(states[-1][:, 0], bins=40, range=(-3.4, 3.4), density=True, color=colour, alpha=0.35)
        u = np.linspace(-3.4, 3.4, 301)
        limit = (np.abs(u) <= box) / (2 * box) if walled else np.exp(-u * u / 2) / np.sqrt(2 * np.pi)
        last.plot(u, limit, color=INK, lw=1.2, ls="--")
        last.set(yticks=[], xticks=[-3, 0, 3], title="first coordinate at the end\n(dashed: the limit)")
        last.title.set_fontsize(9)
    return figure


@picture
def fields(x: Array, arrows: Sequence[Array], names: Sequence[str], data: Array, *, heading: str = "") -> Any:
    """Direction fields side by side, over the data.

    Parameters
    ----------
    x : ndarray
        (N, 2), where the arrows start.
    arrows : sequence of ndarray
        (N, 2) each, one field a panel, on one scale.
    names : sequence of str
        One a panel.
    data : ndarray
        (M, 2), drawn faintly behind.
    heading : str
        A line above all panels.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(3.6 * len(arrows), 4.0)
    figure.suptitle(heading)
    length = float(np.quantile(np.hypot(*np.concatenate(list(arrows)).T), 0.98))
    for ax, arrow, name in zip(np.atleast_1d(figure.subplots(1, len(arrows))), arrows, names, strict=True):
        _dots(ax, data, GOLD, 2.0)
        ax.quiver(*x.T, *arrow.T, color=BLUE, angles="xy", scale_units="xy", scale=length / 0.33, width=0.004)
        _bare(ax, 2.6, name)
    return figure


@picture
def paths(runs: Sequence[Array], names: Sequence[str], background: Array, *, heading: str = "") -> Any:
    """Paths of single samples from noise to data, one panel a sampler.

    Parameters
    ----------
    runs : sequence of ndarray
        (steps + 1, N, 2) each: the states of N samples.
    names : sequence of str
        One a panel.
    background : ndarray
        (M, 2), the data, drawn faintly behind.
    heading : str
        A line above all panels.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(3.3 * len(runs), 3.8)
    figure.suptitle(heading)
    for ax, run, name in zip(np.atleast_1d(figure.subplots(1, len(runs))), runs, names, strict=True):
        _dots(ax, background, GOLD, 2.0)
        ax.plot(run[..., 0], run[..., 1], color=BLUE, lw=0.6, alpha=0.55)
        ax.plot(*run[0].T, "o", color=INK, ms=2.2, label="start: noise")
        ax.plot(*run[-1].T, "o", color=PINK, ms=3.2, label="end: sample")
        _bare(ax, 2.9, name)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
