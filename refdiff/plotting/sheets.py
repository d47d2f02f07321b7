"""Pictures of small images."""

from typing import Any

import numpy as np

from refdiff.core.arrays import Array
from refdiff.plotting.style import new_figure, picture


@picture
def sheet(samples: Array, neighbours: Array, names: list[str], *, heading: str = "") -> Any:
    """Samples by class, each beside its nearest training image.

    Parameters
    ----------
    samples, neighbours : ndarray
        (C, N, H, W): N samples of each class, and the training image nearest to each.
    names : list of str
        The classes.
    heading : str
        A line above the sheet.

    Returns
    -------
    matplotlib.figure.Figure
    """
    classes, n, height, width = samples.shape
    gap, pair = 1, 2 * width + 1
    canvas = np.full((classes * (height + gap) + gap, n * (pair + 2 * gap) + gap), np.nan)
    nearest = np.zeros_like(canvas, dtype=bool)
    for c in range(classes):
        for i in range(n):
            top, left = gap + c * (height + gap), gap + i * (pair + 2 * gap)
            canvas[top : top + height, left : left + width] = samples[c, i]
            canvas[top : top + height, left + width : left + 2 * width] = neighbours[c, i]
            nearest[top : top + height, left + width : left + 2 * width] = True
    figure = new_figure(canvas.shape[1] / 16 + 0.6, canvas.shape[0] / 16 + 0.8)
    figure.suptitle(heading)
    ax = figure.subplots()
    ax.imshow(np.where(nearest, np.nan, canvas), cmap="Blues", vmin=-1, vmax=1, interpolation="nearest")
    ax.imshow(np.where(nearest, canvas, np.nan), cmap="Greys", vmin=-1, vmax=1.6, interpolation="nearest")
    ax.set(xticks=[], yticks=[gap + height / 2 + c * (height + gap) for c in range(classes)], yticklabels=names)
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    return figure


@picture
def rows(images: Array, names: list[str], *, heading: str = "") -> Any:
    """Images in rows, each row with its name.

    Parameters
    ----------
    images : ndarray
        (R, N, H, W) or (R, N, H, W, 3) in [-1, 1], clipped to it; NaN is left blank. Grey ones are drawn as ink.
    names : list of str
        One a row; none for rows without.
    heading : str
        A line above.

    Returns
    -------
    matplotlib.figure.Figure
    """
    count, n, height, width = images.shape[:4]
    gap = max(1, width // 12)
    down, right = height + gap, width + gap
    canvas = np.full((count * down - gap, n * right - gap, *images.shape[4:]), np.nan)
    for r in range(count):
        for i in range(n):
            canvas[r * down : r * down + height, i * right : i * right + width] = images[r, i]
    scale, longest = 0.55 / max(height, width), max(map(len, names), default=0)  # inches a pixel, letters
    figure = new_figure(canvas.shape[1] * scale + 0.3 + 0.1 * longest, canvas.shape[0] * scale + 0.4)
    figure.suptitle(heading)
    ax = figure.subplots()
    if images.ndim == 5:
        ax.imshow(np.nan_to_num(np.clip((canvas + 1) / 2, 0, 1), nan=1.0), interpolation="nearest")
    else:
        ax.imshow(canvas, cmap="Blues", vmin=-1, vmax=1, interpolation="nearest")
    ax.set(xticks=[], yticks=[height / 2 - 0.5 + r * down for r in range(len(names))], yticklabels=names)
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    return figure
