"""One thread for all sides."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from refdiff.training import blas_threads, keep_freed_memory


@contextmanager
def one_thread() -> Iterator[None]:
    """Within the block NumPy's BLAS and PyTorch keep to one thread, and JAX if it has not been imported before.

    Freed memory is kept by the process, as in any run of `training.train`; PyTorch has that benefit too.
    """
    flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()
    try:
        import torch
    except ImportError:
        pass
    else:
        torch.set_num_threads(1)
    keep_freed_memory()
    with blas_threads(1):
        yield
