"""The grammar of the `weft` command: verbs, options, exit codes.

What a verb does is in the module of its name, which is imported when the verb runs: those modules
load Amaranth and SciPy, and `weft --help` should not wait for them.
"""

import os
import sys
from typing import Annotated

import typer

from hw.config import DENSE_PRESETS, PRESETS

from . import cli_bench, cli_simulate
from .cli_compress import COMPRESS_EPILOG, compress
from .cli_options import (
    EXIT_CODES,
    BoardOption,
    ConfigOption,
    DenseConfigOption,
    DenseSetOption,
    FreqOption,
    JsonOption,
    OutOption,
    SeedOption,
    SeedsOption,
    SetOption,
    UnitOption,
    UnitsOption,
    chosen,
    consoles,
    examples,
    finish,
    group,
    parameters,
)
from .errors import UsageError, WeftError

__all__ = ["app", "main"]

app = group(
    help="Hardware for compressed neural networks: encode, generate Verilog, simulate bit for bit, "
         "place and route.",
    epilog=examples(("weft doctor", "is everything here, and does it work?"),
                    ("weft demo", "a network on the hardware, equal to the last bit"),
                    ("weft generate sparse --set pes=16 -o out", "Verilog and manifest"),
                    ("weft generate dense --set rows=16 -o out", "the same of the dense core"),
                    ("weft synthesize sparse --board icebreaker", "does it fit, how fast is it?"),
                    ("weft inspect net.weft", "layers, bits, and where the bytes go"),
                    ("weft generate sparse --help", "every verb explains itself"),
                    ) + EXIT_CODES)


@app.command(epilog=EXIT_CODES.strip())
def doctor():
    """Try every tool that weft uses; print versions, and a fix for what does not work."""
    from . import doctor as verb
    console, steps = consoles(None)
    verb.report(verb.diagnose(steps), console)


generate = group(help="Write Verilog and the manifest that says what it is.")
synthesize = group(help="Place and route; print utilisation and clock rate.")
for _name, _verb in (("generate", generate), ("simulate", cli_simulate.app),
                     ("synthesize", synthesize), ("bench", cli_bench.app)):
    app.add_typer(_verb, name=_name)


@app.command(epilog=examples(
    ("weft inspect golden/models/digits.weft", "layers, density, bits, and where the bytes go"),
    ("weft inspect net.weft --json -", "the same as records"),
    ("weft inspect compressed_SqueezeNet.net", "the published network, as it is"),
    ("weft inspect golden/models/digits_cnn.npz", "a network for the dense core"),
) + EXIT_CODES)
def inspect(
    file: Annotated[str, typer.Argument(
        metavar="FILE", help="A [bold].weft[/] file; SqueezeNet as Deep Compression's authors "
                             "publish it, [bold].net[/]; or a dense network, [bold].npz[/].")],
    json: JsonOption = None,
):
    """Say what is in the file of a network, and account for every byte of it.

    Records are one for each layer, one for all layers, and one for each part of a layer and of the
    file, whose bytes sum to the size of the file.
    """
    from . import inspection as verb
    console, _ = consoles(json)
    finish(verb, verb.inspect(file), console, json)


@app.command(epilog=examples(
    ("weft demo", "all held-out digits on 4 processing elements"),
    ("weft demo --digits 20 --set pes=16", "fewer digits, more of them"),
    ("weft demo -c icebreaker --no-dense", "another sparse core, and nothing else"),
    ("weft demo -c eie --json -", "the core as published; records on standard output"),
) + EXIT_CODES)
def demo(
    config: ConfigOption = "weft", assignments: SetOption = None, out_dir: OutOption = None,
    json: JsonOption = None,
    digits: Annotated[int | None, typer.Option(
        min=1, help="How many of the held-out digits to run; default: all.")] = None,
    dense: Annotated[bool, typer.Option(
        help="Whether to run the dense core, too.")] = True,
):
    """Run handwritten digits through golden models and RTL of both cores, and compare every bit.

    The compressed network is encoded, the sparse core emitted as Verilog and run in Verilator
    through its host port: layer by layer, where every output and counter is compared, and as
    whole-network runs. On the dense core run two networks that are not compressed, a perceptron and
    a convolutional one, and every tensor is compared.
    """
    settings = chosen(config, assignments)
    from . import demo as verb
    console, steps = consoles(json)
    result = verb.demo(settings, digits=digits, out_dir=out_dir, dense=dense, steps=steps)
    finish(verb, result, console, json)


@generate.command("sparse", epilog=examples(
    ("weft generate sparse", "build/weft/sparse_core.v and .json"),
    ("weft generate sparse -c eie --set pes=64 -o out", "the paper's core, into a folder"),
) + parameters())
def generate_sparse(config: ConfigOption = "weft", assignments: SetOption = None,
                    out_dir: OutOption = None):
    """Write Verilog and manifest of the sparse core."""
    settings = chosen(config, assignments)
    from . import generate as verb
    console, steps = consoles(None)
    verb.report(verb.generate(settings, out_dir=out_dir, steps=steps), console)


@generate.command("dense", epilog=examples(
    ("weft generate dense", "build/dense/dense_core.v and .json"),
    ("weft generate dense --set rows=16 --set columns=16 -o out", "a larger array, into a folder"),
) + parameters(DENSE_PRESETS))
def generate_dense(config: DenseConfigOption = "dense", assignments: DenseSetOption = None,
                   out_dir: OutOption = None):
    """Write Verilog and manifest of the dense core."""
    settings = chosen(config, assignments, core="dense")
    from . import generate as verb
    console, steps = consoles(None)
    verb.report(verb.generate(settings, out_dir=out_dir, steps=steps), console)


@synthesize.command("sparse", epilog=examples(
    ("weft synthesize sparse --board icebreaker", "do 4 processing elements fit?"),
    ("weft synthesize sparse -c eie --set pes=16 --json -", "another core; figures as records"),
    ("weft synthesize sparse --unit arithmetic_unit", "one component alone"),
    ("weft synthesize sparse -c eie --units", "every component alone, then the core: minutes; what "
                                              "is done is kept"),
) + EXIT_CODES)
def synthesize_sparse(
    config: Annotated[str | None, typer.Option(
        "--config", "-c", metavar="PRESET",
        help=f"One of {', '.join(sorted(PRESETS))}; default: what suits the board.")] = None,
    assignments: SetOption = None, out_dir: OutOption = None,
    json: JsonOption = None,
    board: BoardOption = "ulx3s-85f", unit: UnitOption = None, units: UnitsOption = False,
    freq: FreqOption = None, seed: SeedOption = 1, seeds: SeedsOption = 1,
):
    """Run yosys and nextpnr on the sparse core, or on its components."""
    _synthesize("sparse", config, assignments, json, units, board=board, unit=unit, freq=freq,
                seed=seed, seeds=seeds, out_dir=out_dir)


@synthesize.command("dense", epilog=examples(
    ("weft synthesize dense", "8 x 8 multipliers on an ECP5-85F: how large, how fast?"),
    ("weft synthesize dense --set rows=12 --set columns=12 --json -", "more of them; as records"),
    ("weft synthesize dense --unit matrix_unit", "one component alone"),
    ("weft synthesize dense --freq 125 --seeds 5", "a clock rate to reach, in one of 5 placements"),
) + EXIT_CODES)
def synthesize_dense(
    config: Annotated[str | None, typer.Option(
        "--config", "-c", metavar="PRESET",
        help=f"One of {', '.join(sorted(DENSE_PRESETS))}; default: what suits the board.")] = None,
    assignments: DenseSetOption = None, out_dir: OutOption = None,
    json: JsonOption = None,
    board: BoardOption = "ulx3s-85f", unit: UnitOption = None, units: UnitsOption = False,
    freq: FreqOption = None, seed: SeedOption = 1, seeds: SeedsOption = 1,
):
    """Run yosys and nextpnr on the dense core, or on its components."""
    _synthesize("dense", config, assignments, json, units, board=board, unit=unit, freq=freq,
                seed=seed, seeds=seeds, out_dir=out_dir)


def _synthesize(core, config, assignments, json, units, *, unit, freq, seeds, **options):
    """Place a core, a component of it, or every one."""
    from . import synthesize as verb
    settings = chosen(config or verb.preset_of(options["board"], core), assignments, core)
    console, steps = consoles(json)
    if units:
        if unit is not None or freq is not None or seeds > 1:
            raise UsageError("--units takes every component as it is, once: leave out --unit, "
                             "--freq and --seeds")
        from . import synthesize_parts as parts
        finish(parts, parts.synthesize_parts(settings, steps=steps, **options), console, json)
    else:
        finish(verb, verb.synthesize(settings, unit=unit, freq=freq, seeds=seeds, steps=steps,
                                      **options),
               console, json)


app.command(epilog=COMPRESS_EPILOG)(compress)


def main(argv=None):
    """Run the command.

    Parameters
    ----------
    argv : list of str, optional
        Arguments; by default those of the process.

    Returns
    -------
    int
        Exit code. Whatever a user can do wrong ends as one line on standard error.
    """
    try:
        return app(args=argv, prog_name="weft", standalone_mode=False) or 0
    except WeftError as error:
        return _complain(str(error), error.exit_code)
    except typer.TyperException as error:
        return _complain(*_usage(error))
    except BrokenPipeError:
        # The reader has left, as in `weft ... | head`; Python must not complain at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _complain(f"{error.filename or 'system'}: {error.strerror or error}", 2)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)


def _usage(error):
    """Line and exit code for what Typer found wrong with the command line."""
    if isinstance(error, typer.Abort):
        return "interrupted", 130
    text = " ".join(error.format_message().split()).rstrip(".")
    if not text:
        return "", 2            # the help page has been printed instead
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "weft"
    return f"{text}; see {command} --help", 2


def _complain(text, code):
    if text:
        print(f"weft: error: {text}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
