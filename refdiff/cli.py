"""The command line: `refdiff tour`, `train`, `sample`, `results`, `verify`, `eq ID`, `samplers`."""

import argparse
import io
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from refdiff import __version__

RESULTS = b'{\n "weights"'  # how a file of `refdiff results --json` begins


class Parser(argparse.ArgumentParser):
    """A parser that answers bad arguments with one clear line and exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Print one line and leave."""
        self.exit(2, f"{self.prog}: {message}. Try {self.prog} --help.\n")


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    top = Parser(
        prog="refdiff", description="The reference for diffusion models, in NumPy alone.",
        epilog="Begin with: refdiff tour",
    )  # fmt: skip
    top.add_argument("--version", action="version", version=f"refdiff {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)

    def add(name: str, run: Callable[[argparse.Namespace], int], told: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=told, description=f"{told[0].upper()}{told[1:]}.")
        command.set_defaults(run=run)
        return command

    tour = add("tour", _tour, "see, learn and prove diffusion models, in a minute or two")
    tour.add_argument(
        "--out", metavar="DIR", default="refdiff-tour", help="folder for the report (default: %(default)s)"
    )
    tour.add_argument("--fast", action="store_true", help="a shorter tour, at most 20 CPU-seconds")
    _add_seed(tour, "of all randomness")
    tour.add_argument("--open", action="store_true", help="open the report in a browser when it first exists")
    _add_training(add("train", _train, "train a network: digits, fashion, moons, or images of your own"))
    _add_sampling(add("sample", _sample, "draw from a trained network; or from a known law, with its paths"))
    results = add("results", _results, "a model of the digits, honestly judged beside baselines: 3 minutes")
    results.add_argument("checkpoint", metavar="CKPT", help="digits, in the package; or from refdiff train digits")
    _add_seed(results, "of all randomness")
    results.add_argument("--json", metavar="FILE", help="write the rows here as well")
    verify = add("verify", _verify, "check the mathematics against exact answers")
    verify.add_argument("--json", action="store_true", help="print rows of JSON instead of a table")
    eq = add("eq", _eq, "an equation: formula, source, code, proofs")
    eq.add_argument("id", nargs="?", metavar="ID", help="such as forward.posterior; without it, all ids")
    samplers = add("samplers", _samplers, "all samplers, their orders measured now: about 15 s")
    samplers.add_argument("name", nargs="?", metavar="NAME", help="one of them alone, such as dpmpp-3m")
    samplers.add_argument("--json", action="store_true", help="print a list of rows of JSON instead of a table")
    return top


def _add_training(train: argparse.ArgumentParser) -> None:
    train.add_argument("data", metavar="DATA", help="digits, fashion, moons or another toy; a folder of PNGs; an .npz")
    train.add_argument("--config", metavar="FILE", help="TOML with fields of the recipe to change, as steps = 2000")
    train.add_argument("--steps", type=_whole, metavar="N", help="of the run, in place of the recipe's")
    _add_seed(train, "of all randomness")
    train.add_argument("--sheets", type=_whole, default=5, metavar="N", help="of samples on the way (default: 5)")
    train.add_argument("-o", "--output", metavar="DIR", help="a folder, or an .npz (default: refdiff-DATA)")
    train.epilog = (
        "A folder has the pictures themselves, or one subfolder for each class. Pictures of many sizes are cut to "
        "squares if FILE says so: size = 32. Its other fields: refdiff.systems.recipes.Recipe; those of the network "
        "stand under [network]. A run that was stopped goes on when the same command is given again."
    )


def _add_sampling(sample: argparse.ArgumentParser) -> None:
    sample.add_argument("checkpoint", nargs="?", metavar="CKPT", help="from refdiff train; or digits, in the package")
    sample.add_argument("--law", metavar="LAW", help="mixture, gaussian or points: an exact denoiser in place of CKPT")
    sample.add_argument("--sampler", metavar="NAME", help="as in refdiff samplers (default: the recipe's; heun)")
    sample.add_argument("--steps", type=_whole, metavar="N", help="at least 2 (default: the recipe's; 20 with --law)")
    sample.add_argument("--guidance", type=float, metavar="G", help="classifier-free guidance, 1 for none")
    sample.add_argument("-n", type=_whole, metavar="N", help="samples of each class, or in all without classes")
    _add_seed(sample, "of the noise")
    sample.add_argument("-o", "--output", metavar="FILE", help="a PNG (default: sheet.png; paths.png with --law)")


def _add_seed(command: argparse.ArgumentParser, told: str) -> None:
    command.add_argument("--seed", type=_whole, default=0, metavar="N", help=f"{told} (default: %(default)s)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code."""
    top = parser()
    arguments = top.parse_args(argv)
    if arguments.command is None:
        top.print_help()
        return 0
    for stream in (sys.stdout, sys.stderr):  # a pipe on Windows may know no shaded blocks
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
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
        from refdiff.systems.own_files import told

        print(f"refdiff {arguments.command}: {told(error)}", file=sys.stderr)
        return 2
    except MemoryError as error:
        print(
            f"refdiff {arguments.command}: out of memory. {str(error) or 'Nothing is left'}. Ask for less.",
            file=sys.stderr,
        )
        return 2


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 0; got {text!r}")
    return int(text)


def _tour(arguments: argparse.Namespace) -> int:
    from refdiff.systems.tour import tour

    return tour(arguments.out, fast=arguments.fast, seed=arguments.seed, show=arguments.open)


def _results(a: argparse.Namespace) -> int:
    from refdiff.systems.own_files import own_file
    from refdiff.systems.results import results_command

    if a.json:
        own_file("--json", a.json, RESULTS, "file")
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
