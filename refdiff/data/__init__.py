"""What is learned: laws in the plane, pictures made of points, and small real images."""

from refdiff.data.folders import Folder, png_folder
from refdiff.data.idx import fashion_full, read_idx
from refdiff.data.images import DIGITS_WIDTH, FASHION_CLASSES, FASHION_WIDTH, Labelled, Split, digits, fashion
from refdiff.data.shapes import SHAPES, shape
from refdiff.data.toys import (
    TOYS,
    Toy,
    box,
    checkerboard,
    circle,
    circles,
    eight_gaussians,
    ring_centres,
    swiss_roll,
    toy,
    two_moons,
)

__all__ = [
    "DIGITS_WIDTH",
    "FASHION_CLASSES",
    "FASHION_WIDTH",
    "SHAPES",
    "TOYS",
    "Folder",
    "Labelled",
    "Split",
    "Toy",
    "box",
    "checkerboard",
    "circle",
    "circles",
    "digits",
    "eight_gaussians",
    "fashion",
    "fashion_full",
    "png_folder",
    "read_idx",
    "ring_centres",
    "shape",
    "swiss_roll",
    "toy",
    "two_moons",
]
