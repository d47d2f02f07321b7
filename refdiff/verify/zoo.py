"""All samplers in their usual settings, one list: the common tests, the table of orders and the commands read it."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.validate import choice
from refdiff.samplers import (
    ancestral,
    dpmpp,
    flows,
    langevin,
    multistep,
    ode,
    runge_kutta,
    sde,
    singlestep,
    stochastic,
    unified,
    variances,
)  # fmt: skip
from refdiff.samplers.sampler import Sampler
from refdiff.schedules import grids
from refdiff.schedules.level import Level
from refdiff.schedules.schedule import SmoothSchedule
from refdiff.verify.truth import dop853

Options = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A sampler in one setting.

    Parameters
    ----------
    name : str
        What the field calls it.
    sampler : Sampler
        Its record.
    order : int
        The order of its error: of states along the probability flow, or of mean and variance where it draws noise;
        for multistep methods from an exact history.
    fixed : dict
        The options that make the setting.
    by_steps : callable
        Options that depend on how many steps are taken.
    noise : float or None
        Which reverse SDE it tends to: the square of its noise level, 0 being the flow; None where it tends to none.
    claimed : int, optional
        The order that its source claims, where that is another.
    only_first : int
        How many steps hold inner levels, where it is not all of them.
    work : int, optional
        Evaluations of the denoiser a step, where walks back add to those of the sampler's stages.
    steps : tuple of int, optional
        Numbers of steps with which its errors are asymptotic and above rounding, where those of others are not.
    """

    name: str
    sampler: Sampler
    order: int
    fixed: Options
    by_steps: Callable[[int], Options]
    noise: float | None = 0.0
    claimed: int | None = None
    only_first: int | None = None
    steps: tuple[int, ...] | None = None
    work: int | None = None

    def levels(self, path: SmoothSchedule, levels: Sequence[Level]) -> list[Level]:
        """The levels with the inner ones that it asks for."""
        inner = self.sampler.inner or ((0.5,) if self.only_first else ())
        if not inner:
            return list(levels)
        n = self.only_first or len(levels) - 1
        return [*grids.refine(path, levels[: n + 1], inner, self.sampler.by)[:-1], *levels[n:]]

    def options(self, path: SmoothSchedule, steps: int) -> Options:
        """The options for a run of so many steps on a path, but for `rng` and `history`."""
        asked = inspect.signature(self.sampler.algorithm).parameters
        return {**({"path": path} if "path" in asked else {}), **self.fixed, **self.by_steps(steps)}

    @property
    def draws(self) -> bool:
        """Whether it draws noise in this setting."""
        return self.sampler.stochastic and not (self.sampler is ancestral.ddim and not self.fixed.get("eta"))


def _nothing(steps: int) -> Options:
    return {}


def _case(name: str, sampler: Sampler, order: int | None = None, **record: Any) -> Case:
    """A case; options whose names are fields of `Case` are given with an underscore behind them."""
    known = {"noise", "claimed", "only_first", "by_steps", "steps", "work"}
    fixed = {k.removesuffix("_"): v for k, v in record.items() if k not in known}
    rest = {k: v for k, v in record.items() if k in known}
    return Case(name, sampler, sampler.order if order is None else order, fixed, rest.pop("by_steps", _nothing), **rest)


def half(x: Array, t: Level) -> Array:
    """A learned variance halfway between the two fixed ones."""
    return np.full((len(x), *[1] * (x.ndim - 1)), 0.5)


CASES: tuple[Case, ...] = (
    _case("ddpm", ancestral.ddpm, noise=1.0),
    _case("ddpm-large", ancestral.ddpm, variance="large", noise=1.0),
    _case("ddpm-learned-range", variances.learned_range, fraction=half, noise=1.0),
    _case("analytic-dpm", variances.analytic, spread=lambda t: 0.5 * t.sigma**2 / (t.alpha**2 + t.sigma**2), noise=1.0),
    _case("ddim", ancestral.ddim),
    _case("ddim-eta-0.5", ancestral.ddim, eta=0.5, noise=0.25),
    _case("ddim-eta-1", ancestral.ddim, eta=1.0, noise=1.0),
    _case("euler", ode.euler, chart="ratio"),
    _case("euler-angle", ode.euler, chart="angle"),
    _case("euler-ancestral", stochastic.euler_ancestral, noise=1.0),
    _case("heun", ode.heun, chart="ratio"),
    _case("heun-angle", ode.heun, chart="angle"),
    _case("edm-churn", stochastic.churned, churn=4.0, noise=None),
    _case("restart", stochastic.restart, work=4, noise=None,
          by_steps=lambda n: {"intervals": [(3 * n // 4, n // 4, 2)]}),
    _case("midpoint", runge_kutta.midpoint),
    _case("dpm-2", runge_kutta.dpm_2),
    _case("rk4", runge_kutta.rk4, steps=(32, 48, 64)),
    _case("dop853", dop853, rtol=1e30, steps=(6, 8, 12)),
    _case("lms-2", multistep.lms, 2, order_=2),
    _case("lms-3", multistep.lms, 3, order_=3),
    _case("lms-4", multistep.lms, 4, order_=4),
    _case("plms", multistep.plms),
    _case("pndm", multistep.pndm, only_first=3),
    _case("deis-2", multistep.deis, 2, order_=2),
    _case("deis-3", multistep.deis, 3, order_=3),
    _case("dpm-solver-1", singlestep.dpm_solver_1),
    _case("dpm-solver-2", singlestep.dpm_solver_2),
    _case("dpm-solver-3", singlestep.dpm_solver_3),
    _case("dpm-solver-2m", dpmpp.dpm_solver_2m),
    _case("dpmpp-2s", singlestep.dpmpp_2s),
    _case("dpmpp-3s", singlestep.dpmpp_3s),
    _case("dpmpp-2m", dpmpp.dpmpp_2m),
    _case("dpmpp-3m", dpmpp.dpmpp_3m),
    _case("dpmpp-3m-published", dpmpp.dpmpp_3m_published, claimed=3),
    _case("dpmpp-sde-1", sde.dpmpp_sde_1, noise=1.0),
    _case("dpmpp-sde", sde.dpmpp_sde, noise=1.0),
    _case("dpmpp-2m-sde", sde.dpmpp_2m_sde, noise=1.0),
    _case("dpmpp-2m-sde-eta-0.5", sde.dpmpp_2m_sde, eta=0.5, noise=0.5, steps=(128, 192, 256)),
    _case("dpmpp-3m-sde", sde.dpmpp_3m_sde, noise=1.0, steps=(256, 384, 512)),
    _case("unipc-1", unified.unipc, 2, order_=1),
    _case("unipc-2", unified.unipc, 3, order_=2),
    _case("unipc-3", unified.unipc, 4, order_=3),
    _case("unipc-2-vary-published", unified.unipc_vary, 1, order_=2, claimed=3),
    _case("flow-euler", flows.flow_euler),
    _case("flow-midpoint", flows.flow_midpoint),
    _case("flow-heun", flows.flow_heun),
    _case("euler-maruyama", sde.euler_maruyama, noise=1.0),
    _case("euler-maruyama-half", sde.euler_maruyama, noise_=0.5, noise=0.25),
    _case("predictor-corrector", langevin.predictor_corrector, snr=None, noise=None,
          by_steps=lambda n: {"rate": 1 / n}),
)  # fmt: skip
"""Every sampler that walks down a list of levels."""


def find(name: str) -> Case:
    """The case of a name; a `ValueError` with the nearest names for an unknown one."""
    known = {case.name: case for case in CASES}
    choice("sampler", name, known)
    return known[name]
