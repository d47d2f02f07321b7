"""Pictures: drawn from the data they are given, in a terminal and in Matplotlib."""

import numpy as np
import pytest

from refdiff.plotting import (
    beside,
    blocks,
    fields,
    forward,
    loss_against_floor,
    paths,
    png,
    sheet,
    strip,
    table,
    two_ends,
)

RNG = np.random.default_rng(0)


def test_blocks_put_points_where_they_are():
    rows = blocks(np.array([[1.9, 1.9], [-1.9, -1.9]]), width=8, height=4, reach=2)
    assert rows == ["       █", "        ", "        ", "█       "]


def test_blocks_without_points_are_blank():
    assert blocks(np.zeros((0, 2)), width=3, height=2) == ["   ", "   "]


def test_pictures_side_by_side():
    assert beside(["a", "b"], ["c", "d"], gap="|") == "a|c\nb|d"


def test_a_table_aligns_and_wraps_its_first_column_to_fit_the_width():
    text = table(["claim", "value"], [["one two three four five six", "1.0"], ["seven", "22"]], width=31)
    assert text.splitlines() == [
        "claim                    value",
        "-----------------------  -----",
        "one two three four five",
        "six                        1.0",
        "seven                       22",
    ]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: strip([RNG.standard_normal((9, 2))] * 2, ["a", "b"]),
        lambda: forward([np.zeros((3, 2))], [np.eye(2)], [np.zeros(2)], ["t"], np.ones((4, 3))),
        lambda: two_ends([np.zeros((3, 2))] * 2, [np.ones((3, 2))] * 2, ["a", "b"], ("up", "down"), 1.7),
        lambda: fields(np.zeros((3, 2)), [np.ones((3, 2))] * 2, ["a", "b"], np.zeros((5, 2))),
        lambda: paths([RNG.standard_normal((4, 5, 2))], ["a"], np.zeros((5, 2))),
        lambda: loss_against_floor(np.arange(3.0), np.ones(3), np.zeros(3), np.ones((4, 2)), 0.5),
        lambda: sheet(np.zeros((2, 3, 8, 8)), np.zeros((2, 3, 8, 8)), ["a", "b"]),
    ],
)
def test_every_picture_is_a_png_with_something_on_it(draw):
    figure = draw()
    assert png(figure, dpi=40).startswith(b"\x89PNG")
    figure.canvas.draw()
    assert np.ptp(np.asarray(figure.canvas.buffer_rgba())[..., :3]) > 100


def test_walls_are_drawn_about_the_upper_row_only():
    figure = two_ends([np.zeros((3, 2))] * 2, [np.ones((3, 2))] * 2, ["a", "b"], ("up", "down"), 1.7)
    lines = [len(ax.lines) for ax in figure.axes]
    assert lines == [1, 1, 1, 0, 0, 1]  # two panels and a histogram a row


def test_drawing_leaves_matplotlibs_settings_alone():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    png(strip([np.zeros((3, 2))], ["a"]), dpi=40)
    assert dict(mpl.rcParams) == before
