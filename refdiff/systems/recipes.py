"""Recipes: all that makes a training run, in one record that a checkpoint carries and a file can change."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from refdiff.core.validate import choice, count, positive, require, scalar
from refdiff.data import TOYS
from refdiff.losses import DenoisingLoss, draws
from refdiff.losses.draws import Draw
from refdiff.models import MLP, DiT, UNet
from refdiff.nn import Average, Optimizer, adam, ema, rates
from refdiff.process import EPS, X0, Parameterization, V, edm, velocity
from refdiff.schedules import EDM, VP, Cosine, Flow, SmoothSchedule

Net = UNet | DiT | MLP
Plain = dict[str, Any]

NETWORKS: dict[str, type[UNet] | type[DiT] | type[MLP]] = {"UNet": UNet, "DiT": DiT, "MLP": MLP}
PATHS: dict[str, SmoothSchedule] = {"cosine": Cosine(), "vp": VP(), "flow": Flow(), "edm": EDM()}
TARGETS = ("eps", "x0", "v", "velocity", "edm")
LAWS_OF_LEVELS = ("time", "angle", "log-normal", "logit-normal")


@dataclass(frozen=True)
class Recipe:
    """What is learned, by which network, how, and how samples are drawn afterwards.

    Everything is a number, a word or a network of numbers and words, so that a recipe can be written as JSON (`plain`)
    or changed by a few lines of TOML (`changed`).

    Parameters
    ----------
    data : str
        "digits", "fashion", "fashion-full", the name of a toy, a folder of PNG files, or an `.npz` file: see
        `sources.source`.
    network : UNet, DiT or MLP
        With as many `labels` as the data have classes, or 0 to leave them out; its `drop` is the share of labels
        hidden for classifier-free guidance.
    target : {"eps", "x0", "v", "velocity", "edm"}
        What the network predicts.
    path : {"cosine", "vp", "flow", "edm"}
        The noising path.
    levels : {"time", "angle", "log-normal", "logit-normal"}
        The law of the noise levels in training, from `losses.draws`; the first two spread each batch evenly.
    data_std : float
        Standard deviation of the data that target "edm" is told.
    steps, batch : int
        Steps of the run, and samples a step.
    accumulate : int
        In how many parts a batch is worked through, to save memory; it divides `batch`.
    threads : int
        How many parts of a batch are worked on at a time, each on a core of its own: 2 pays from images of 16 x 16 on.
        The batch is then cut into `accumulate * threads` parts. Another number is another run, since noise is drawn
        part by part.
    rate : float
        Top learning rate of Adam, from which half a cosine falls to 0.
    warmup : int
        Steps of the rise to it; at most a tenth of the run is taken.
    beta2 : float
        Adam's memory of squares.
    ema : float
        Decay of the average of the parameters, from which samples are drawn.
    clip : float
        Greatest length of the gradient; 0 for any.
    flip : bool
        Whether images are mirrored left to right at random.
    size : int
        Of the squares to which the pictures of a folder are cut and scaled; 0 takes them as they are.
    sampler, sample_steps, guidance : str, int, float
        How samples are drawn unless something else is asked for: a name of `refdiff samplers`, its steps, and the
        scale of classifier-free guidance (1 is none).
    """

    data: str
    network: Net
    target: str = "v"
    path: str = "cosine"
    levels: str = "time"
    data_std: float = 0.5
    steps: int = 4000
    batch: int = 256
    accumulate: int = 1
    threads: int = 1
    rate: float = 2e-3
    warmup: int = 100
    beta2: float = 0.99
    ema: float = 0.999
    clip: float = 1.0
    flip: bool = False
    size: int = 0
    sampler: str = "heun"
    sample_steps: int = 18
    guidance: float = 1.0

    def __post_init__(self) -> None:
        choice("target", self.target, TARGETS)
        choice("path", self.path, PATHS)
        choice("levels", self.levels, LAWS_OF_LEVELS)
        endless = self.path == "edm" and self.levels in ("time", "logit-normal")
        require(not endless, "levels", "be log-normal or angle on the path edm, whose times have no end", self.levels,
                'Add levels = "log-normal".')  # fmt: skip
        for name in ("steps", "batch", "accumulate", "threads", "warmup", "size", "sample_steps"):
            count(name, getattr(self, name), {"warmup": 0, "size": 0, "sample_steps": 2}.get(name, 1))
        positive("rate", self.rate), positive("data_std", self.data_std), scalar("guidance", self.guidance)
        require(scalar("clip", self.clip) >= 0, "clip", "be at least 0", self.clip, "0 clips nothing.")
        for name, parts in (("accumulate", self.accumulate), ("threads", self.parts)):
            told = parts if name == "accumulate" else f"{self.threads} threads for {parts} parts"
            require(self.batch % parts == 0, name, f"divide the batch of {self.batch}", told, "Parts are of one size.")
        _ = self.optimizer, self.average  # whose own doors look at the rest

    @property
    def schedule(self) -> SmoothSchedule:
        """The noising path."""
        return PATHS[self.path]

    @property
    def parameterization(self) -> Parameterization:
        """What the network's output stands for."""
        known = {"eps": EPS, "x0": X0, "v": V}
        if self.target in known:
            return known[self.target]
        return velocity(self.schedule) if self.target == "velocity" else edm(self.data_std)

    @property
    def loss(self) -> DenoisingLoss:
        """The plain squared error of the network's output."""
        return DenoisingLoss(self.parameterization)

    @property
    def draw(self) -> Draw:
        """The law of the noise levels in training."""
        if self.levels in ("time", "angle"):
            return (draws.in_time if self.levels == "time" else draws.in_angle)(self.schedule, even=True)
        return (draws.log_normal if self.levels == "log-normal" else draws.logit_normal)(self.schedule)

    @property
    def optimizer(self) -> Optimizer:
        """Adam with a rise and half a cosine."""
        return adam(rates.cosine(self.rate, self.steps, warmup=min(self.warmup, self.steps // 10)), 0.9, self.beta2)

    @property
    def average(self) -> Average:
        """The exponential moving average of the parameters."""
        return ema(self.ema)

    @property
    def longest(self) -> float:
        """The greatest length of a gradient; infinite where none is set."""
        return self.clip or math.inf

    @property
    def parts(self) -> int:
        """Into how many parts a batch is cut."""
        return self.accumulate * self.threads

    def plain(self) -> Plain:
        """The recipe as a dict of numbers, words and lists, which `of_plain` reads again."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        network = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self.network).items()}
        return plain | {"network": {"kind": type(self.network).__name__, **network}}


def of_plain(plain: Mapping[str, Any], where: str = "recipe") -> Recipe:
    """A recipe from what `Recipe.plain` wrote, or from TOML that says all that has no default.

    Parameters
    ----------
    plain : mapping
        Fields by name; "network" is a mapping of its own, with its "kind".
    where : str
        What refusals name.

    Raises
    ------
    ValueError
        For a field that does not exist, with the nearest; for a value of another type; for one that is missing.
    """
    known = _fitting(Recipe, {k: v for k, v in plain.items() if k != "network"}, where, also=("network",))
    network = plain.get("network")
    kind_given = isinstance(network, Mapping) and "kind" in network
    require(kind_given, where, "say the network's kind", network, 'Add kind = "UNet" under [network].')
    made: Recipe = _made(Recipe, {**known, "network": _network(dict(plain["network"]), where)}, where)
    return made


def changed(recipe: Recipe, changes: Mapping[str, Any], where: str = "recipe") -> Recipe:
    """The recipe with some of its fields replaced.

    Parameters
    ----------
    recipe : Recipe
        What stands where nothing is said.
    changes : mapping
        Fields by name; under "network" those of the network. Another "kind" keeps `n_in`, `labels` and `drop`.
    where : str
        What refusals name: a file.

    Raises
    ------
    ValueError
        As for `of_plain`.
    """
    rest = _fitting(Recipe, {k: v for k, v in changes.items() if k != "network"}, where, also=("network",))
    asked = changes.get("network", {})
    require(isinstance(asked, Mapping), where, "hold a table [network]", asked, 'Its kind: kind = "UNet".')
    was = recipe.plain()["network"]
    if asked.get("kind", was["kind"]) != was["kind"]:
        was = {k: was[k] for k in ("n_in", "labels", "drop")}
    made: Recipe = _made(replace, {**rest, "network": _network({**was, **asked}, where)}, where, recipe)
    return made


def read_toml(path: str | Path) -> Plain:
    """The fields in a TOML file.

    Raises
    ------
    ValueError
        If there is no such file, or it is no TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"config must be a file to read; got {path} ({error.strerror}). Check its name.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"config must be TOML; got {path} ({error}). A line of it: steps = 2000.") from None


def _network(plain: Plain, where: str) -> Net:
    kind = plain.pop("kind")
    choice(f"{where}: network.kind", kind, NETWORKS)
    wanted = NETWORKS[kind]
    net: Net = _made(wanted, _fitting(wanted, plain, f"{where}: network"), f"{where}: network")
    return net


def _made(make: Any, options: Plain, where: str, *first: Any) -> Any:
    """make(*first, **options), its refusals and what is missing told with where they arose."""
    if not first:
        for field in fields(make):
            missing = field.default is MISSING and field.name not in options
            require(not missing, where, f"say {field.name}", "nothing", f"Add a line: {field.name} = ...")
    try:
        return make(*first, **options)
    except ValueError as refusal:
        raise ValueError(f"{where}: {refusal}") from None


def _fitting(kind: type[Any], plain: Mapping[str, Any], where: str, also: tuple[str, ...] = ()) -> Plain:
    """The values with the types that the fields of a dataclass have; unknown names are refused."""
    types = {field.name: field.type for field in fields(kind)}
    for name in plain:
        choice(f"{where}: field", name, (types.keys() - set(also)) | set(also))
    return {name: _value(f"{where}: {name}", types[name], value) for name, value in plain.items()}


def _value(name: str, kind: Any, value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int and number and math.isfinite(value) and value == int(value):
        return int(value)
    if kind is float and number:
        return float(value)
    if kind in (str, bool) and isinstance(value, kind):
        return value
    if kind not in (int, float, str, bool) and isinstance(value, list | tuple):
        return tuple(_value(name, int, part) for part in value)
    must = {int: "be a whole number", float: "be a number", str: "be a word", bool: "be true or false"}
    told = must.get(kind, "be a list of whole numbers")
    raise ValueError(f"{name} must {told}; got {value!r}. See systems.recipes.Recipe.")


def _toy(name: str) -> Recipe:
    return Recipe(
        name, MLP(2, width=128, depth=2), steps=3000, batch=256, rate=4e-3, warmup=50, ema=0.998, sample_steps=25
    )


DIGITS = Recipe(
    "digits", UNet(1, (32, 32), labels=10, dropout=0.1), steps=4000, batch=64, rate=2e-3, warmup=50,
    sampler="dpmpp-2m", sample_steps=12, guidance=1.5,
)  # fmt: skip
FASHION = Recipe(
    "fashion", UNet(1, (32, 64), labels=10, dropout=0.1, patch=2), levels="angle", steps=1600, batch=64, rate=2e-3,
    ema=0.998, sampler="dpmpp-2m", sample_steps=12, guidance=2.0,
)  # fmt: skip
FASHION_FULL = replace(  # so many images that few are seen twice: nothing need be left out
    FASHION, data="fashion-full", network=UNet(1, (32, 64), labels=10, patch=2)
)

RECIPES: dict[str, Recipe] = {
    "digits": DIGITS, "fashion": FASHION, "fashion-full": FASHION_FULL, "moons": _toy("two_moons"),
    **{name: _toy(name) for name in TOYS},
}  # fmt: skip
"""The presets of `refdiff train` by name."""
