"""What the commands `refdiff samplers` and `refdiff sample` do."""

import json
import re
import shutil

import numpy as np

from refdiff.core.validate import choice, count
from refdiff.oracles import Mixture
from refdiff.schedules import VP, grids
from refdiff.systems.own_files import picture_file, write_whole
from refdiff.verify.orders import GAUSSIAN, measure_case
from refdiff.verify.zoo import CASES, Case, find

WIDE = 140  # columns that hold whole sources
BUDGET = 48  # evaluations of the denoiser at which errors are compared
LAWS = {
    "mixture": Mixture([0.7, 0.3], [[-1.0], [1.5]], [0.2, 0.1]),
    "gaussian": Mixture([1.0], [[0.4]], 0.25),
    "points": Mixture([0.35, 0.25, 0.4], [[-1.4], [0.2], [1.3]], 0.004),
}


def print_samplers(*, as_json: bool = False, only: str | None = None) -> int:
    """Measure the order of every sampler and print the records; rows of JSON, in a list, if asked.

    On N(0.4, 0.25) and VP, between log-SNR -1 and 3. The error is that of one run of 48 evaluations of the denoiser.

    Returns
    -------
    int
        0, the exit code.
    """
    chosen = CASES if only is None else (find(only.replace("_", "-")),)
    brief = shutil.get_terminal_size((WIDE, 24)).columns < WIDE  # a pipe has room
    if not as_json:
        print(f"{'sampler':22}  {'order':>5}  {'found':>5}  {'cold':>5}  noise  calls  {'error':>7}  source")
    for k, case in enumerate(chosen):
        row = measured_row(case)
        if as_json:
            print(f"{'[' if k == 0 else ','}{json.dumps(row)}", flush=True)
        else:
            print(_told(row, brief=brief), flush=True)
    if as_json:
        print("]")
    else:
        print(
            "order: of states, or of mean and variance where noise is drawn; (3): as claimed.\n"
            "found: the order measured just now. cold: of a method with memory, begun without.\n"
            f"calls: evaluations of the denoiser in a step. error: with {BUDGET} of them."
        )
    return 0


def measured_row(case: Case) -> dict[str, object]:
    """The record of a sampler in one setting, with what was measured of it."""
    cold = measure_case(case, cold=True).order if case.sampler.memory and not case.draws else None
    work = case.work or case.sampler.stages
    return {
        "name": case.name,
        "order": case.order,
        "measured_order": round(measure_case(case).order, 3),
        "claimed": case.claimed or case.order,
        "cold_order": None if cold is None else round(cold, 3),
        "stochastic": case.draws,
        "stages": work,
        "error": float(measure_case(case, GAUSSIAN, steps=(BUDGET // work,)).error[0]),
        "source": case.sampler.source,
        "code": case.sampler.name,
    }


def _told(row: dict[str, object], *, brief: bool) -> str:
    """A line of the table; of its source the key alone if it must be brief."""
    claim = f"({row['claimed']})" if row["claimed"] != row["order"] else ""
    cold = "" if row["cold_order"] is None else f"{row['cold_order']:.2f}"
    source = re.split(r"[ ,]", str(row["source"]))[0] if brief else row["source"]
    return (
        f"{row['name']:22}  {claim:>3}{row['order']:>2}  {row['measured_order']:5.2f}  {cold:>5}  "
        f"{'yes' if row['stochastic'] else '':5}  {row['stages']:>5}  {row['error']:7.1e}  {source}"
    )


def draw_sample(law: str, sampler: str, steps: int, out: str, *, seed: int = 0, samples: int = 4000) -> int:
    """Sample a law in one dimension with its exact denoiser and draw the paths into a PNG.

    Returns
    -------
    int
        0, the exit code.

    Raises
    ------
    ValueError
        For unknown names, with the nearest, and as for `own_files.picture_file`.
    """
    from refdiff.plotting import png
    from refdiff.plotting.walks import walks

    choice("law", law, LAWS)
    case, n, many = find(sampler.replace("_", "-")), count("steps", steps, least=2), count("n", samples)
    file = picture_file(out)
    data, path, rng = LAWS[law], VP(), np.random.default_rng(seed)
    ends = [*grids.log_snr(path, n - 1, -8.0, 8.0), path.at(0.0)]
    x = data.at(ends[0]).sample(many, rng=rng)
    options = case.options(path, n) | ({"rng": rng} if case.sampler.stochastic else {})
    states = np.stack([x, *case.sampler.steps(data.denoise, x, case.levels(path, ends), **options)])[..., 0]
    figure = walks(
        states,
        np.array([float(t.angle) for t in ends]) / (np.pi / 2),
        lambda k, at: np.exp(data.at(ends[k]).log_prob(at[:, None])),
        heading=f"{case.name}: {n} steps from noise to the {law}",
    )
    write_whole(file, png(figure))
    print(f"{file}: {many} samples of the {law} by {case.name} ({case.sampler.name}), {n} steps, the exact denoiser")
    return 0
