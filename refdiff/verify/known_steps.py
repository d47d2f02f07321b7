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


def asked_for(like: str | Sampler, options: Mapping[str, Any] | None, steps: int) -> tuple[Sampler, dict[str, Any]]:
    """The sampler of a path, of a path's last word, or of a name in the table of samplers, with that case's options
    for a run of so many steps.

    Raises
    ------
    ValueError
        For an unknown name, with the nearest ones; for a sampler whose steps do not stand alone, with all that do.
    """
    name = like.name if isinstance(like, Sampler) else like
    case = None if name is not like else next((case for case in CASES if case.name == name), None)
    fixed: dict[str, Any] = {**case.fixed, **case.by_steps(steps)} if case else {}
    every = {case.sampler.name: case.sampler for case in CASES}
    name = case.sampler.name if case else next((k for k in every if k == name or k.endswith(f".{name}")), name)
    if name in every and name not in ONE_STEP:
        require(
            False, "like", "be a sampler whose steps stand alone",
            f"{name}, which {NOT_ONE_STEP.get(name, 'remembers earlier beliefs')}",
            f"Known: {', '.join(k.rpartition('.')[2] for k in ONE_STEP)}. For others, orders are measured: "
            "refdiff samplers.",
        )  # fmt: skip
    if name not in ONE_STEP:
        words = [k.rpartition(".")[2] for k in ONE_STEP]
        choice("like", name, ONE_STEP if "." in str(name) else [*words, *(c.name for c in CASES)])
    return ONE_STEP[name], {**fixed, **(options or {})}
