"""Sampling with an exact denoiser."""

from benchmarks.harness import Benchmark

BENCHMARKS: list[Benchmark] = []
