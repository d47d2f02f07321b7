"""Other people's samplers, coefficient by coefficient: which one is wrong, at which timesteps, and by how much."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from refdiff.core.arrays import Array
from refdiff.core.noise import Rng
from refdiff.core.validate import choice, count, positive, require, scalar
from refdiff.process.predict import Denoiser
from refdiff.samplers.sampler import Sampler
from refdiff.schedules.level import Level
from refdiff.verify.known_steps import ONE_STEP, asked_for
from refdiff.verify.looks import taken
from refdiff.verify.measuring import measure_moments, measure_units
from refdiff.verify.references import PREDICTS, SAID, Walk, coefficients
from refdiff.verify.several_looks import compared
from refdiff.verify.subjects import parameters_of, roles_of
from refdiff.verify.verdict import Finding, Row, judge, told
from refdiff.verify.visits import walk_over
from refdiff.verify.whole_runs import as_loop, compared_whole

KINDS = {"samplers.ancestral.ddpm": "ddpm", "samplers.ancestral.ddim": "ddim", "samplers.ode.euler": "euler"}
NOISE = ("argument", "numpy", "torch", "moments")


@dataclass(frozen=True)
class Report:
    """What was found; it prints as a table with the findings below.

    Parameters
    ----------
    ok : bool
        Whether every coefficient held at every step.
    rows : tuple of Row
        One a coefficient: wanted, got, the worst relative error and where.
    findings : tuple of Finding
        What is wrong or worth knowing, with the likeliest reason.
    title : str
        What was checked against what.
    """

    ok: bool
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]
    title: str

    def __str__(self) -> str:
        return told(self.title, self.rows, self.findings, self.ok)

    def __repr__(self) -> str:
        return str(self)

    def __bool__(self) -> bool:
        return self.ok


def check(
    step: Callable[..., Any],
    *,
    like: str | Sampler = "samplers.ancestral.ddpm",
    betas: Any = None,
    alphas_cumprod: Any = None,
    sigmas: Any = None,
    levels: Sequence[Level] | None = None,
    timesteps: Any = None,
    first: int = 0,
    final_alpha_cumprod: float = 1.0,
    predicts: str = "eps",
    variance: str = "small",
    eta: float = 0.0,
    options: Mapping[str, Any] | None = None,
    clip: float | None = None,
    noise: str | None = None,
    arguments: Sequence[str] | None = None,
    tol: float = 1e-9,
) -> Report:
    """Check somebody's sampler against one of the library: a step, at every timestep, or a whole loop and its memory.

    x_s = a x_t + b output + c z

    The step is fed unit vectors in place of state, model output and noise, and its three coefficients are read off. No
    network is needed and no random number is drawn. Wrong coefficients are compared with those of the usual slips.
    Where a step looks several times, at Heun's two levels or DPM-Solver-3's three, each answer of the model has a
    coefficient, and so has each state at which the model is asked.

    Parameters
    ----------
    step : callable
        Takes and returns arrays: NumPy's, PyTorch's, or anything `np.asarray` takes. Its arguments are recognised by
        their names: x (or x_t, sample, img), t (timestep, i), eps (model_output, noise_pred, x0, v), noise (z), rng
        (generator), t_prev (s), eta, sigma, sigma_next; or a model, which is called and answers with the output. It
        returns the next state, or a tuple or object that holds it (`prev_sample`). A function that takes x and a model
        but no time is a whole loop. With an argument `sigmas` it is handed two of them at a time, and so is checked
        step by step; otherwise, and for samplers with memory, it runs once over all levels.
    like : str or Sampler
        "samplers.ancestral.ddpm", "samplers.ancestral.ddim" or "samplers.ode.euler" (in sigma/alpha, which is DDIM with
        eta = 0, and on the straight path x + (s - t) v). Or any other that remembers nothing: the last word of its
        path will do, such as `dpm_solver_2`, or its name in the table of `refdiff samplers`, such as "dpm-solver-2";
        "DPM++ 2M" and "euler a" are understood. Samplers with memory are for whole loops.
        Solvers in a chart step in sigma/alpha unless `options` say otherwise. A step that looks several times must
        take the model itself.
    betas, alphas_cumprod : array_like, optional
        A chain, (T,). The step receives t in 0 ... T - 1, and t_prev = -1 for the data, unless `first` says otherwise.
    sigmas : array_like, optional
        Falling noise levels with alpha = 1, as in k-diffusion; the last may be 0.
    levels : sequence of Level, optional
        Any falling levels; t is their time. Exactly one of these four says what the noise levels are.
    timesteps : array_like, optional
        Falling timesteps of the chain, where the sampler skips some; the last step goes to the data.
    first : int
        The timestep of the chain's first noise level: 0 as in most libraries; 1 where index 0 is the data.
    final_alpha_cumprod : float
        alpha_bar at which the last step ends: 1 for the data; alphas_cumprod[0] where a library ends at its first noise
        level, as CompVis' code and diffusers' `set_alpha_to_one=False` do.
    predicts : {"eps", "x0", "v", "score", "velocity"}
        What the output stands for; diffusers' "epsilon", "sample" and "v_prediction" are understood.
    variance : {"small", "large"}
        DDPM's: beta-tilde or beta.
    eta : float
        DDIM's; that of others stands in `options`.
    options : mapping, optional
        Of the sampler in `like`, such as {"eta": 0.5} for Euler ancestral or {"path": Flow()} for flow Euler, whose
        times are then those of `levels`. A path also says where levels inside a step lie; unless it is given they lie
        on the variance-preserving, the exploding or the straight path, whichever the levels are of.
    clip : float, optional
        The bound to which x0 is meant to be clipped, with eps made to fit.
    noise : {"argument", "numpy", "torch", "moments"}, optional
        Where the step's noise comes from: an argument; NumPy's or PyTorch's generators, whose normal draws are replaced
        while the probe runs; or elsewhere, so that only mean and variance of many draws can be tested. Found out unless
        given.
    arguments : sequence of str, optional
        The roles of the positional arguments in order, such as ("x", "t", "output"), where names do not tell.
    tol : float
        The relative error up to which a coefficient holds. What single precision explains holds too, and is said.

    Returns
    -------
    Report
        With `ok`, `rows` and `findings`; print it.

    Raises
    ------
    ValueError
        For arguments that cannot be understood, and where the step cannot be called or fails at a timestep.

    References
    ----------
    Equation: conformance.check
    ho2020 (arXiv 2006.11239v2), algorithm 2
    song2021ddim (arXiv 2010.02502v4), eq. 12 and 16
    karras2022 (arXiv 2206.00364v2), algorithm 1
    """
    predicts = SAID.get(predicts, predicts)
    choice("predicts", predicts, PREDICTS)
    choice("variance", variance, ("small", "large"))
    require(0 <= scalar("eta", eta) <= 1, "eta", "lie in [0, 1]", f"{eta:g}", "0 is deterministic, 1 is DDPM.")
    positive("tol", tol)
    if clip is not None:
        positive("clip", clip)
    if noise is not None:
        choice("noise", noise, NOISE)
    if noise == "torch":
        _import_torch()
    roles = roles_of(step, arguments)
    require(
        noise != "argument" or "noise" in roles.values(), "noise", "be an argument of the step",
        f"arguments for {', '.join(roles.values())}", 'Name it noise, or pass arguments=("x", "t", "output", "noise").',
    )  # fmt: skip
    final = scalar("final_alpha_cumprod", final_alpha_cumprod)
    walk, tables = walk_over(betas, alphas_cumprod, sigmas, levels, timesteps, count("first", first, least=0), final)
    loop = as_loop(step, roles)
    roles = roles if loop is None else loop
    sampler, options = asked_for(like, options, len(walk.here), whole=loop is not None)
    pairs = loop is not None and "sigmas" in roles.values() and sampler.name in ONE_STEP
    if sampler.name != "samplers.ancestral.ddim":
        roles, eta = _own_eta(step, roles, options, eta)
    walk = replace(walk, predicts=PREDICTS[predicts], variance=variance, eta=float(eta))
    given = {**tables, "eta": float(eta), **({"sigmas": None} if pairs else {})}
    subject = _Subject(step, roles, given, noise, clip, tol)
    if loop is not None and not pairs:
        require(clip is None, "clip", "be None for a whole loop", clip, "Clip within the model.")
        settings = _settings(sampler, options, variance, eta)
        rows, findings, how = compared_whole(step, roles, walk, given, sampler, settings, torch=subject.torch, tol=tol)
    elif sampler.stages > 1:
        require(clip is None, "clip", "be None where a step looks several times", clip, "Clip within the model.")
        require(
            noise != "moments", "noise", "be dealt where a step looks several times", '"moments"',
            "Hand it in, or draw it from NumPy's or PyTorch's generators.",
        )  # fmt: skip
        rows, findings, how = compared(step, roles, walk, subject.given, sampler, options, torch=subject.torch, tol=tol)
    else:
        rows, findings, how, walk = _one_look(subject, walk, sampler, options)
    ok = all(row.held for row in rows) and not any(f.serious for f in findings)
    return Report(ok, rows, findings, _title(step, sampler.name, walk, predicts, how))


def _settings(sampler: Sampler, options: Mapping[str, Any], variance: str, eta: float) -> dict[str, Any]:
    """A sampler's options for a whole run: DDPM's variance and DDIM's eta come as arguments of their own."""
    own: dict[str, dict[str, Any]] = {"ddpm": {"variance": variance}, "ddim": {"eta": eta}}
    return {**own.get(sampler.name.rpartition(".")[2], {}), **options}


def _own_eta(
    step: Callable[..., Any], roles: Mapping[str, str], options: Mapping[str, Any], eta: float
) -> tuple[dict[str, str], float]:
    """An `eta` that is not DDIM's is the sampler's option, or else keeps the default that the step gives it."""
    keeps = {p.name for p in parameters_of(step) if p.default is not p.empty} if "eta" not in options else set()
    kept = {name: role for name, role in roles.items() if role != "eta" or name not in keeps}
    return kept, float(options.get("eta", eta))


@dataclass(frozen=True)
class _Subject:
    """Somebody's step, and how it is to be called and judged."""

    step: Callable[..., Any]
    roles: Mapping[str, str]
    given: Mapping[str, Any]
    noise: str | None
    clip: float | None
    tol: float

    @property
    def torch(self) -> bool:
        """Whether it wants tensors."""
        return self.noise == "torch" or (self.noise is None and _knows_torch(self.step))


def _one_look(
    a: _Subject, walk: Walk, sampler: Sampler, options: Mapping[str, Any]
) -> tuple[tuple[Row, ...], tuple[Finding, ...], str, Walk]:
    """Rows and findings of a step with three coefficients, how they were measured, and on which steps."""
    name = sampler.name
    options = taken(sampler, options)
    kind = {"kind": KINDS[name]} if _plain(name, options) else {"kind": "", "step": _step(name, options)}
    walk = replace(walk, **kind)
    want, measured = coefficients(walk), None
    if a.noise != "moments":
        measured = measure_units(a.step, a.roles, walk, a.given, torch=a.torch, clip=a.clip)
        drawn = a.noise not in ("numpy", "torch") or measured.draws > 0 or not np.any(want.noise > 0)
        require(
            drawn or not measured.unseen, "noise", "be drawn where it is said to be",
            f"draws that {a.noise}'s generators do not make", 'Pass noise="moments", or hand the noise in.',
        )  # fmt: skip
    if measured is None or measured.unseen:
        measured = measure_moments(a.step, a.roles, walk, a.given, torch=a.torch)
        want = coefficients(measured.walk)
    return *judge(measured, want, clip=a.clip, tol=a.tol), measured.how, measured.walk


def _plain(name: str, options: Mapping[str, Any]) -> bool:
    """Whether it is one of the three that `references` knows as formulas; Euler in the chart of sigma/alpha only."""
    return name in KINDS and (not options or (name.endswith("euler") and options == {"chart": "ratio"}))


def _step(name: str, options: Mapping[str, Any]) -> Callable[[Denoiser, Array, list[Level], Rng], Array]:
    """One step of a sampler of the library, its own refusals left to it."""
    sampler = ONE_STEP[name]

    def step(denoise: Denoiser, x: Array, levels: list[Level], rng: Rng) -> Array:
        noise = {"rng": rng} if sampler.stochastic else {}
        return sampler(denoise, x, levels, **options, **noise)

    return step


def _import_torch() -> None:
    try:
        import torch  # type: ignore[import-not-found, unused-ignore]  # noqa: F401
    except ImportError:
        raise ValueError(
            'noise must be drawn by an installed library; got "torch", which cannot be imported. '
            "Run the check where the step itself runs."
        ) from None


def _knows_torch(step: Any) -> bool:
    function = getattr(step, "func", step)
    function = getattr(function, "__func__", function)
    function = function if hasattr(function, "__globals__") else type(function).__call__
    torch = sys.modules.get("torch")
    return torch is not None and any(v is torch for v in getattr(function, "__globals__", {}).values())


def _title(step: Any, like: str, walk: Walk, predicts: str, how: str) -> str:
    name = getattr(step, "__name__", None) or type(step).__name__
    options = {"ddpm": f", variance {walk.variance}", "ddim": f", eta {walk.eta:g}"}.get(walk.kind, "")
    n = len(walk.here)
    return f"{name} as {like}{options}: {n} steps, output read as {predicts}, {how}"
