"""The plainest perceptron: four hidden layers, no norms and no skips; the network of most first diffusion scripts."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.trees import Tree
from refdiff.nn import Composed, Layer, Linear, Sequential, SiLU, Sinusoidal, Trace


@dataclass(frozen=True)
class Plain(Composed):
    """h = in(x) + time(t), then silu and an affine map, `depth` times; made of the library's layers."""

    n_in: int
    width: int = 128
    depth: int = 4
    waves: int = 64
    scale: float = 30.0
    max_period: float = 100.0

    @cached_property
    def parts(self) -> dict[str, Layer]:
        """The layers by name."""
        w = self.width
        hidden = [layer for _ in range(self.depth - 1) for layer in (SiLU(), Linear(w, w))]
        return {
            "time": Sequential(Sinusoidal(self.waves, self.scale, self.max_period), Linear(self.waves, w)),
            "in": Linear(self.n_in, w),
            "body": Sequential(*hidden, SiLU(), Linear(w, self.n_in)),
        }

    def __call__(self, params: Tree, x: Array, t: Array, labels: None = None, *, rng: Rng | None = None) -> Any:
        """The raw output (B, D) at points (B, D), and its pullback to (grads, dx, dt, None)."""
        run = Trace(self.parts, params, rng)
        e = run("time", t)
        y = run("body", run("in", x) + e)

        def pull(dy: Array) -> Any:
            back = run.reverse()
            dh = back("body", dy)
            dx = back("in", dh)
            dt = back("time", dh if e.ndim == 2 else dh.sum(axis=0))
            return back.grads, dx, dt, None

        return y, pull
