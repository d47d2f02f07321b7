"""The command line: `refdiff tour`, `train`, `sample`, `results`, `verify`, `eq ID`, `samplers`."""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from refdiff import __version__


class Parser(argparse.ArgumentParser):
    """A parser that answers bad arguments with one clear line and exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Print one line and leave."""
        self.exit(2, f"{self.prog}: {message}. Try {self.prog} --help.\n")


def parser() -> Parser:
    """The parser of all commands."""
    top = Parser(prog="refdiff", description="The reference for diffusion models, in NumPy alone.")
    top.add_argument("--version", action="version", version=f"refdiff {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)

    tour = commands.add_parser("tour", help="see, learn and prove diffusion models, in about a minute")
    tour.add_argument(
        "--out", metavar="DIR", default="refdiff-tour", help="folder for the report (default: %(default)s)"
    )
    tour.add_argument("--fast", action="store_true", help="a shorter tour, at most 20 CPU-seconds")
    tour.add_argument("--seed", type=_seed, default=0, metavar="N", help="of all randomness (default: %(default)s)")
    tour.add_argument("--open", action="store_true", help="open the report in a browser when it first exists")
    tour.set_defaults(run=_tour)

    train = commands.add_parser("train", help="train a network: digits, fashion, moons, or images of your own")
    train.add_argument("data", metavar="DATA", help="digits, fashion, moons or another toy; a folder of PNGs; an .npz")
    train.add_argument("--config", metavar="FILE", help="TOML with fields of the recipe to change, as steps = 2000")
    train.add_argument("--steps", type=_seed, metavar="N", help="of the run, in place of the recipe's")
    train.add_argument("--seed", type=_seed, default=0, metavar="N", help="of all randomness (default: %(default)s)")
    train.add_argument("--sheets", type=_seed, default=5, metavar="N", help="of samples on the way (default: 5)")
    train.add_argument("-o", "--output", metavar="DIR", help="a folder, or an .npz (default: refdiff-DATA)")
    train.set_defaults(run=_train)

    results = commands.add_parser("results", help="a model of the digits, honestly judged beside baselines: 3 minutes")
    results.add_argument("checkpoint", metavar="CKPT", help="digits, in the package; or from refdiff train digits")
    results.add_argument("--seed", type=_seed, metavar="N", default=0, help="of all randomness (default: %(default)s)")
    results.add_argument("--json", metavar="FILE", help="write the rows here as well")
    results.set_defaults(run=_results)

    verify = commands.add_parser("verify", help="check the mathematics against exact answers")
    verify.add_argument("--json", action="store_true", help="print rows of JSON instead of a table")
    verify.set_defaults(run=_verify)

    eq = commands.add_parser("eq", help="an equation: formula, source, code, proofs")
    eq.add_argument("id", nargs="?", metavar="ID", help="such as forward.posterior; without it, all ids")
    eq.set_defaults(run=_eq)

    samplers = commands.add_parser("samplers", help="all samplers, their orders measured now: about 15 s")
    samplers.add_argument("name", nargs="?", metavar="NAME", help="one of them alone, such as dpmpp-3m")
    samplers.add_argument("--json", action="store_true", help="print a list of rows of JSON instead of a table")
    samplers.set_defaults(run=_samplers)

    sample = commands.add_parser("sample", help="draw from a trained network; or from a known law, with its paths")
    sample.add_argument("checkpoint", nargs="?", metavar="CKPT", help="from refdiff train; or digits, in the package")
    sample.add_argument("--law", metavar="LAW", help="mixture, gaussian or points: an exact denoiser in place of CKPT")
    sample.add_argument("--sampler", metavar="NAME", help="as in refdiff samplers (default: the recipe's; heun)")
    sample.add_argument("--steps", type=_seed, metavar="N", help="at least 2 (default: the recipe's; 20 with --law)")
    sample.add_argument("--guidance", type=float, metavar="G", help="classifier-free guidance, 1 for none")
    sample.add_argument("-n", type=_seed, metavar="N", help="samples of each class, or in all without classes")
    sample.add_argument("--seed", type=_seed, metavar="N", default=0, help="of the noise (default: %(default)s)")
    sample.add_argument("-o", "--output", metavar="FILE", help="a PNG (default: sheet.png; paths.png with --law)")
    sample.set_defaults(run=_sample)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code."""
    top = parser()
    arguments = top.parse_args(argv)
    if arguments.command is None:
        top.print_help()
        return 0
    try:
        return int(arguments.run(arguments))
    except ValueError as refusal:
        print(f"refdiff {arguments.command}: {refusal}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\nrefdiff {arguments.command}: stopped by Ctrl-C", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of a pipe has gone, as after `| head`
        sys.stderr.close()
        return 0
    except OSError as error:
        print(f"refdiff {arguments.command}: {error}", file=sys.stderr)
        return 1


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 0; got {text!r}")
    return int(text)


def _tour(arguments: argparse.Namespace) -> int:
    from refdiff.systems.tour import tour

    return tour(arguments.out, fast=arguments.fast, seed=arguments.seed, show=arguments.open)


def _results(a: argparse.Namespace) -> int:
    from refdiff.systems.results import results_command

    return results_command(a.checkpoint, seed=a.seed, out=a.json)


def _verify(arguments: argparse.Namespace) -> int:
    from refdiff.verify.report import print_checks

    return print_checks(as_json=arguments.json)


def _eq(arguments: argparse.Namespace) -> int:
    from refdiff.verify.report import print_equation

    return print_equation(arguments.id)


def _samplers(arguments: argparse.Namespace) -> int:
    from refdiff.systems.zoo_commands import print_samplers

    return print_samplers(as_json=arguments.json, only=arguments.name)


def _train(a: argparse.Namespace) -> int:
    from refdiff.systems.train_command import train_command

    return train_command(a.data, config=a.config, steps=a.steps, seed=a.seed, out=a.output, sheets=a.sheets)


def _sample(a: argparse.Namespace) -> int:
    if a.checkpoint is None:
        from refdiff.systems.zoo_commands import draw_sample

        if a.guidance is not None:
            raise ValueError("guidance must stand beside a checkpoint; got a known law. Try refdiff sample digits.")
        steps, many = 20 if a.steps is None else a.steps, {} if a.n is None else {"samples": a.n}
        out = a.output or "paths.png"
        return draw_sample(a.law or "mixture", a.sampler or "heun", steps, out, seed=a.seed, **many)
    from refdiff.systems.sample_command import sample_command

    if a.law is not None:
        raise ValueError(f"law must stand alone; got {a.checkpoint} beside it. Leave out one of the two.")
    return sample_command(
        a.checkpoint, sampler=a.sampler, steps=a.steps, guidance=a.guidance, n=a.n, seed=a.seed,
        out=a.output or "sheet.png",
    )  # fmt: skip
