"""What a step may be checked against: every sampler that remembers nothing from one step to the next."""

from collections.abc import Mapping
from typing import Any

from refdiff.core.validate import choice, require
from refdiff.samplers import pndm, restart
from refdiff.samplers.sampler import Sampler
from refdiff.verify.truth import dop853
from refdiff.verify.zoo import CASES

NOT_ONE_STEP = {
    pndm.name: "remembers earlier beliefs",
    restart.name: "goes back over several levels; check its Heun steps",
    dop853.name: "chooses by itself where to look",
}
"""Of those without a memory in their record, the ones whose steps do not stand alone, and why."""

ONE_STEP: dict[str, Sampler] = {
    case.sampler.name: case.sampler
    for case in CASES
    if case.sampler.memory == 0 and case.sampler.name not in NOT_ONE_STEP
}


EVERY: dict[str, Sampler] = {case.sampler.name: case.sampler for case in CASES if case.sampler is not dop853}
"""What a whole run may be checked against: every sampler with a fixed number of looks."""


def asked_for(
    like: str | Sampler, options: Mapping[str, Any] | None, steps: int, *, whole: bool = False
) -> tuple[Sampler, dict[str, Any]]:
    """The sampler of a path, of a path's last word, or of a name in the table of samplers, with that case's options
    for a run of so many steps. Case, spaces, "++" and a "k_" before it are read as people write them.

    Raises
    ------
    ValueError
        For an unknown name, with the nearest ones; for a sampler whose steps do not stand alone, with all that do,
        unless a whole run is asked for.
    """
    known = EVERY if whole else ONE_STEP
    name = like.name if isinstance(like, Sampler) else like
    words = {k: k for k in EVERY} | {k.rpartition(".")[2]: k for k in EVERY}
    names = {} if isinstance(like, Sampler) else {c.name: c for c in CASES}
    if name not in names and name not in words:
        name = _usual(name)
    case = names.get(name)
    fixed: dict[str, Any] = {**case.fixed, **case.by_steps(steps)} if case else {}
    name = case.sampler.name if case else words.get(name, name)
    if name not in known and (name in EVERY or name == dop853.name):
        require(
            False, "like", "be a sampler whose steps stand alone",
            f"{name}, which {NOT_ONE_STEP.get(name, 'remembers earlier beliefs')}",
            "Hand over the whole loop instead of a step, as a function of (x, model) or of (model, x, sigmas). "
            f"Known: {', '.join(k.rpartition('.')[2] for k in ONE_STEP)}.",
        )  # fmt: skip
    if name not in known:
        fit = {c.name for c in CASES if c.sampler.name in known}
        choice("like", like, {*fit, *(k.rpartition(".")[2] for k in known if _usual(k.rpartition(".")[2]) not in fit)})
    return known[name], {**fixed, **(options or {})}


def _usual(name: Any) -> Any:
    """A name as the table of samplers spells it: "DPM++ 2M" is dpmpp-2m, "sample_euler_a" is euler-ancestral."""
    if not isinstance(name, str):
        return name
    name = name.lower().replace("++", "pp").replace(" ", "-").replace("_", "-").removeprefix("sample-")
    name = name.removeprefix("k-").replace("dpm-solverpp", "dpmpp").removesuffix("-sampler")
    return {"euler-a": "euler-ancestral", "rectified-flow": "flow-euler", "edm": "edm-churn"}.get(name, name)
