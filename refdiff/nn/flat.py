"""One flat vector worked on a block at a time, so that what is in between stays in the cache."""

from refdiff.core.arrays import Array

BLOCK = 1 << 14  # numbers; in float32 a block stays below the 128 KiB that glibc maps afresh


def blocks(size: int) -> list[slice]:
    """The slices of a vector of so many numbers."""
    return [slice(start, start + BLOCK) for start in range(0, size, BLOCK)]


def toward(new: Array, mean: Array, share: float) -> None:
    """mean <- mean + share (new - mean), in place, with one array in between."""
    step = new - mean
    step *= share
    mean += step
