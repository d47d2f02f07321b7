"""One look for every picture: sizes, colours, and how a picture is saved."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec

INK, BLUE, PINK, TEAL, GOLD = "#1f2430", "#3949ab", "#d81b60", "#00897b", "#b7791f"
PAPER = "#ffffff"

HOW_TO_GET_PICTURES = 'no pictures: matplotlib is not installed (pip install "refdiff[plot]")'

P = ParamSpec("P")


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib's settings for all pictures of the package, restored afterwards."""
    import matplotlib as mpl
    from cycler import cycler

    with mpl.rc_context(
        {
            "figure.facecolor": PAPER,
            "figure.constrained_layout.use": True,
            "axes.facecolor": PAPER,
            "axes.edgecolor": "#9aa0ac",
            "axes.labelcolor": INK,
            "axes.titlesize": 11,
            "axes.titlecolor": INK,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": cycler(color=[BLUE, PINK, TEAL, GOLD]),
            "font.size": 10,
            "legend.frameon": False,
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
        }
    ):
        yield


def picture(draw: Callable[P, Any]) -> Callable[P, Any]:
    """Make a function that draws on a new `matplotlib.figure.Figure` draw it in the package's style."""

    @wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Any:
        with style():
            return draw(*args, **kwargs)

    return styled


def new_figure(width: float, height: float) -> Any:
    """An empty figure of the given size in inches, free of pyplot and of any display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def png(figure: Any, dpi: int = 120) -> bytes:
    """The figure as a PNG file's bytes."""
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": "refdiff"})
    return buffer.getvalue()


def have_matplotlib() -> bool:
    """Whether pictures can be drawn here."""
    from importlib.util import find_spec

    return find_spec("matplotlib") is not None
