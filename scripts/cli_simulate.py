"""The verbs under `weft simulate`; each is in the module of its name."""

from typing import Annotated

import typer

from .cli_options import (
    EXIT_CODES,
    ConfigOption,
    DenseConfigOption,
    DenseSetOption,
    JsonOption,
    NetlistOption,
    OutOption,
    SetOption,
    chosen,
    consoles,
    examples,
    finish,
    group,
)

__all__ = ["app"]

app = group(help="Run a network on the hardware, in Verilator, bit for bit.")


@app.command("sparse", epilog=examples(
    ("weft simulate sparse digits --inputs digits", "the network and data that ship with weft"),
    ("weft simulate sparse lenet-300-100 --inputs mnist --count 100 -c ulx3s", "a larger one"),
    ("weft simulate sparse net.weft --inputs x.npy --json result.json", "your own"),
) + EXIT_CODES)
def simulate_sparse(
    model: Annotated[str, typer.Argument(metavar="MODEL.weft", help="Compressed network, or "
                                         "[bold]digits[/] or [bold]lenet-300-100[/], which ship.")],
    inputs: Annotated[str, typer.Option(
        metavar="FILE.npy", help="Integer array of inputs, one a row, as centred activations; or "
                                 "[bold]digits[/], or [bold]mnist[/] of the data folder.")],
    config: ConfigOption = "weft", assignments: SetOption = None, out_dir: OutOption = None,
    json: JsonOption = None,
    count: Annotated[int | None, typer.Option(min=1, help="Only the first so many.")] = None,
    waves: Annotated[bool, typer.Option("--waves", help="Write a VCD of the first input.")] = False,
    netlist: NetlistOption = None,
):
    """Run a compressed network on the sparse core and compare it with the golden model."""
    settings = chosen(config, assignments)
    from . import simulate as verb
    console, steps = consoles(json)
    result = verb.simulate(settings, model=model, inputs=inputs, count=count, waves=waves,
                           netlist=netlist, out_dir=out_dir, steps=steps)
    finish(verb, result, console, json)


@app.command("dense", epilog=examples(
    ("weft simulate dense digits-cnn --inputs digits", "a network and data that ship with weft"),
    ("weft simulate dense digits-lstm --inputs digits --count 4 --set activation_width=16 --set "
     "operand_tables=0 --set program_depth=1024", "activations of 16 bits"),
    ("weft simulate dense net.npz --inputs x.npy --json result.json", "your own"),
) + """

[bold]MODEL.npz[/] is what golden.systolic.archive.write_dense_network writes of a DenseNetwork, of
layers of golden.systolic.layers, which golden.systolic.integer_layers makes from real weights."""
    + EXIT_CODES)
def simulate_dense(
    model: Annotated[str, typer.Argument(metavar="MODEL.npz", help="Dense network, or [bold]"
                                         "digits-mlp[/], [bold]digits-cnn[/] or [bold]digits-lstm"
                                         "[/], which ship.")],
    inputs: Annotated[str, typer.Option(
        metavar="FILE", help="Array of inputs, one a row (.npy), or one by name for each input of "
                             "the network (.npz): stored integers, or real numbers where the "
                             "network says what they stand for; or [bold]digits[/].")],
    config: DenseConfigOption = "dense", assignments: DenseSetOption = None,
    out_dir: OutOption = None, json: JsonOption = None,
    count: Annotated[int | None, typer.Option(min=1, help="Only the first so many.")] = None,
    batch: Annotated[int | None, typer.Option(
        min=1, help="Inputs that one run computes; default: as many as leave room for every "
                    "tensor, to be compared.")] = None,
    netlist: NetlistOption = None,
):
    """Run a network on the dense core and compare every tensor and counter with the models."""
    settings = chosen(config, assignments, core="dense")
    from . import simulate_dense as verb
    console, steps = consoles(json)
    result = verb.simulate(settings, model=model, inputs=inputs, count=count, batch=batch,
                           netlist=netlist, out_dir=out_dir, steps=steps)
    finish(verb, result, console, json)
