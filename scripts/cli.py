"""The grammar of the `weft` command: verbs, options, exit codes.

What a verb does is in the module of its name, which is imported when the verb runs: those modules
load Amaranth and SciPy, and `weft --help` should not wait for them.
"""

import dataclasses
import os
import sys
from typing import Annotated

import typer

from hw.config import PRESETS

from .errors import WeftError

__all__ = ["app", "main"]

_EXIT_CODES = """

[bold]Exit codes:[/] 0 fine, 1 mismatch, 2 usage, 3 tool missing,
4 does not fit or misses timing"""


def _examples(*pairs):
    """Text under a help page: what to type, and what it does."""
    lines = [f"  {command}\n      [dim]{meaning}[/]" for command, meaning in pairs]
    return "\n".join(["[bold]Examples[/]", *lines])


def _parameters():
    """Text under a help page: what `--set` can change."""
    presets = {name: dataclasses.asdict(config) for name, config in PRESETS.items()}
    lines = ["", "", "[bold]Parameters[/] and their values in " + ", ".join(presets)]
    for name in next(iter(presets.values())):
        values = (str(preset[name]).lower() for preset in presets.values())
        lines.append(f"  {name:18}" + "  ".join(f"{value:6}" for value in values))
    return "\n".join(lines)


def _group(**options):
    return typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode="rich",
                       pretty_exceptions_enable=False,
                       context_settings={"help_option_names": ["-h", "--help"]}, **options)


app = _group(
    help="Hardware for compressed neural networks: encode, generate Verilog, simulate bit for bit, "
         "place and route.",
    epilog=_examples(("weft doctor", "is everything here, and does it work?"),
                     ("weft demo", "a network on the hardware, equal to the last bit"),
                     ("weft generate sparse --set pes=16 -o out", "Verilog and manifest"),
                     ("weft synthesize sparse --board icebreaker", "does it fit, how fast is it?"),
                     ("weft generate sparse --help", "every verb explains itself"),
                     ) + _EXIT_CODES)

ConfigOption = Annotated[str, typer.Option(
    "--config", "-c", metavar="PRESET",
    help=f"Where the parameters come from: {', '.join(sorted(PRESETS))}.")]
SetOption = Annotated[list[str] | None, typer.Option(
    "--set", metavar="NAME=VALUE",
    help="Change one parameter of the preset, such as pes=16; may be repeated.")]
OutOption = Annotated[str | None, typer.Option(
    "--out-dir", "-o", metavar="DIR", help="Where files go; default: build/<configuration>.")]
JsonOption = Annotated[str | None, typer.Option(
    "--json", metavar="FILE",
    help="Write what was measured as a list of flat records; - is standard output, and everything "
         "else then goes to standard error.")]


def _consoles(json):
    """Where results for people go, and the progress."""
    from .progress import Steps, console
    return console(stderr=json == "-"), Steps()


@app.command(epilog=_EXIT_CODES.strip())
def doctor():
    """Try every tool that weft uses; print versions, and a fix for what does not work."""
    from . import doctor as verb
    console, steps = _consoles(None)
    verb.report(verb.diagnose(steps), console)


generate = _group(help="Write Verilog and the manifest that says what it is.")
simulate = _group(help="Run a compressed network on the hardware, in Verilator, bit for bit.")
synthesize = _group(help="Place and route; print utilisation and clock rate.")
bench = _group(help="Measure the core on the layers that the papers measured.")
for _name, _verb in (("generate", generate), ("simulate", simulate), ("synthesize", synthesize),
                     ("bench", bench)):
    app.add_typer(_verb, name=_name)


@app.command(epilog=_examples(
    ("weft demo", "all held-out digits on 4 processing elements"),
    ("weft demo --digits 20 --set pes=16", "fewer digits, more of them"),
    ("weft demo -c eie --json -", "the core as published; records on standard output"),
) + _EXIT_CODES)
def demo(
    config: ConfigOption = "weft", assignments: SetOption = None, out_dir: OutOption = None,
    json: JsonOption = None,
    digits: Annotated[int | None, typer.Option(
        min=1, help="How many of the held-out digits to run; default: all.")] = None,
):
    """Run the handwritten-digits network through golden model and RTL, and compare every bit.

    The network is encoded, the core emitted as Verilog and run in Verilator through its host port:
    layer by layer, where every output and counter is compared, and as whole-network runs.
    """
    settings = _settings(config, assignments)
    from . import demo as verb
    console, steps = _consoles(json)
    result = verb.demo(settings, digits=digits, out_dir=out_dir, steps=steps)
    _finish(verb, result, console, json)


@generate.command("sparse", epilog=_examples(
    ("weft generate sparse", "build/weft/sparse_core.v and .json"),
    ("weft generate sparse -c eie --set pes=64 -o out", "the paper's core, into a folder"),
) + _parameters())
def generate_sparse(config: ConfigOption = "weft", assignments: SetOption = None,
                    out_dir: OutOption = None):
    """Write Verilog and manifest of the sparse core."""
    settings = _settings(config, assignments)
    from . import generate as verb
    console, steps = _consoles(None)
    verb.report(verb.generate(settings, out_dir=out_dir, steps=steps), console)


@simulate.command("sparse", epilog=_examples(
    ("weft simulate sparse digits --inputs digits", "the network and data that ship with weft"),
    ("weft simulate sparse net.weft --inputs x.npy --json result.json", "your own"),
) + _EXIT_CODES)
def simulate_sparse(
    model: Annotated[str, typer.Argument(metavar="MODEL.weft", help="Compressed network, or "
                                         "[bold]digits[/] for the one that ships.")],
    inputs: Annotated[str, typer.Option(
        metavar="FILE.npy", help="Integer array of inputs, one a row, as centred activations; or "
                                 "[bold]digits[/].")],
    config: ConfigOption = "weft", assignments: SetOption = None, out_dir: OutOption = None,
    json: JsonOption = None,
    count: Annotated[int | None, typer.Option(min=1, help="Only the first so many.")] = None,
    waves: Annotated[bool, typer.Option("--waves", help="Write a VCD of the first input.")] = False,
    netlist: Annotated[bool, typer.Option(
        "--netlist", help="Simulate what synthesis for an iCE40 makes of the core.")] = False,
):
    """Run a compressed network on the sparse core and compare it with the golden model."""
    settings = _settings(config, assignments)
    from . import simulate as verb
    console, steps = _consoles(json)
    result = verb.simulate(settings, model=model, inputs=inputs, count=count, waves=waves,
                           netlist=netlist, out_dir=out_dir, steps=steps)
    _finish(verb, result, console, json)


@synthesize.command("sparse", epilog=_examples(
    ("weft synthesize sparse --board icebreaker", "do 4 processing elements fit?"),
    ("weft synthesize sparse -c eie --set pes=16 --json -", "another core; figures as records"),
    ("weft synthesize sparse --unit arithmetic_unit", "one component alone"),
) + _EXIT_CODES)
def synthesize_sparse(
    config: Annotated[str | None, typer.Option(
        "--config", "-c", metavar="PRESET",
        help=f"One of {', '.join(sorted(PRESETS))}; default: what suits the board.")] = None,
    assignments: SetOption = None, out_dir: OutOption = None,
    json: JsonOption = None,
    board: Annotated[str, typer.Option(help="ulx3s-85f, ulx3s-12f or icebreaker.")] = "ulx3s-85f",
    unit: Annotated[str | None, typer.Option(
        metavar="NAME", help="Only this component, alone and without pins.")] = None,
    freq: Annotated[float | None, typer.Option(
        metavar="MHZ", min=0.1, help="Clock rate to demand; default: the board's.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the placement.")] = 1,
):
    """Run yosys and nextpnr on the sparse core, or on one of its components."""
    from . import synthesize as verb
    settings = _settings(config or verb.preset_of(board), assignments)
    console, steps = _consoles(json)
    result = verb.synthesize(settings, board=board, unit=unit, freq=freq, seed=seed,
                             out_dir=out_dir, steps=steps)
    _finish(verb, result, console, json)


@bench.command("sparse", epilog=_examples(
    ("weft bench sparse", "eie and weft on EIE's nine layers, by the cycle model"),
    ("weft bench sparse --rtl -c weft -l vgg-7 --json -", "one layer on the RTL; as records"),
    ("weft bench sparse -c eie -l alexnet-fc8 --set queue_depth=3", "the paper's layer, a ring "
                                                                    "of 4"),
    ("weft bench sparse --plots figures", "figures as PNG and SVG"),
) + _EXIT_CODES)
def bench_sparse(
    layers: Annotated[list[str] | None, typer.Option(
        "--layer", "-l", metavar="NAME", help="Only this layer; may be repeated.")] = None,
    config: Annotated[str | None, typer.Option(
        "--config", "-c", metavar="PRESET",
        help="eie or weft, with memories for these layers; default: both.")] = None,
    pes: Annotated[int | None, typer.Option(
        metavar="N", help="Processing elements; default: 64 and 256, with --rtl 64.")] = None,
    assignments: SetOption = None,
    rtl: Annotated[bool, typer.Option(
        "--rtl", help="Run the layers on the RTL too, in Verilator, and compare.")] = False,
    json: JsonOption = None,
    plots: Annotated[str | None, typer.Option(
        metavar="DIR", help="Write figures into this folder.")] = None,
):
    """Print useful work, cycles and losses of the layers that EIE was measured on."""
    from .bench import sparse as verb
    console, steps = _consoles(json)
    result = verb.bench(layers or (), preset=config, pes=pes, assignments=assignments or (),
                        rtl=rtl, plots=plots, steps=steps)
    _finish(verb, result, console, json)


def _settings(config, assignments):
    from .settings import settings
    return settings(config, assignments or [])


def _finish(verb, result, console, json):
    """Write the records first, so that a verdict which ends the command does not lose them."""
    from .records import write_records
    write_records(result.records, json)
    verb.report(result, console)


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
