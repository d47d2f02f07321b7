"""How long the library takes to learn real images, judged by classifiers that have seen real images only."""

from benchmarks.harness import Benchmark

BENCHMARKS: list[Benchmark] = []
