"""Training as a generator: steps, averages, checkpoints, and how it is getting on."""

from refdiff.training.accumulate import accumulated
from refdiff.training.bands import Bands, fitted_variances, gaussian_loss
from refdiff.training.checkpoint import describe, export, load, load_params, save
from refdiff.training.loop import Batch, Diverged, Objective, Record, State, begin, train
from refdiff.training.machine import blas_threads, keep_freed_memory
from refdiff.training.progress import progress

__all__ = [
    "Bands",
    "Batch",
    "Diverged",
    "Objective",
    "Record",
    "State",
    "accumulated",
    "begin",
    "blas_threads",
    "describe",
    "export",
    "fitted_variances",
    "gaussian_loss",
    "keep_freed_memory",
    "load",
    "load_params",
    "progress",
    "save",
    "train",
]
