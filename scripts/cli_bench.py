"""The verbs under `weft bench`; what each does is in the module of its name in `scripts.bench`."""

from typing import Annotated

import typer

from .cli_options import (
    EXIT_CODES,
    DenseSetOption,
    JsonOption,
    PlotsOption,
    SetOption,
    consoles,
    examples,
    finish,
    group,
)

__all__ = ["app"]

app = group(help="Measure the cores: layers of the papers, energy, and what each idea costs.")


@app.command("sparse", epilog=examples(
    ("weft bench sparse", "eie and weft on EIE's nine layers, by the cycle model"),
    ("weft bench sparse --rtl -c weft -l vgg-7 --json -", "one layer on the RTL; as records"),
    ("weft bench sparse -c eie -l alexnet-fc8 --set queue_depth=3", "the paper's layer, a ring "
                                                                    "of 4"),
    ("weft bench sparse --plots figures", "figures as PNG and SVG"),
) + EXIT_CODES)
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
    plots: PlotsOption = None,
):
    """Print useful work, cycles and losses of the layers that EIE was measured on."""
    from .bench import sparse as verb
    console, steps = consoles(json)
    result = verb.bench(layers or (), preset=config, pes=pes, assignments=assignments or (),
                        rtl=rtl, plots=plots, steps=steps)
    finish(verb, result, console, json)


@app.command("dense", epilog=examples(
    ("weft bench dense", "64x64x64 and 256x256x256 on 8 x 8 and 16 x 16 multipliers"),
    ("weft bench dense --work 64x64x64 --size 8 --json -", "one of them; as records"),
    ("weft bench dense --size 8 --set lanes=2", "the lanes of the core that is placed by default"),
) + EXIT_CODES)
def bench_dense(
    works: Annotated[list[str] | None, typer.Option(
        "--work", "-w", metavar="MxKxN", help="Only this product; may be repeated.")] = None,
    sizes: Annotated[list[int] | None, typer.Option(
        "--size", metavar="N", min=2, max=256,
        help="Rows and columns of the array; may be repeated; default: 8 and 16.")] = None,
    assignments: DenseSetOption = None,
    rtl: Annotated[bool, typer.Option(
        "--rtl", help="On the RTL in Verilator, which is what it does anyway.")] = True,
    json: JsonOption = None,
):
    """Multiply matrices on the dense core: utilisation, and where the other cycles go.

    Every result is compared with the golden model, bit for bit. The simulators take some minutes to
    build; they are kept.
    """
    del rtl
    from .bench import dense as verb
    console, steps = consoles(json)
    finish(verb, verb.bench(works or (), sizes=sizes or (), assignments=assignments or (),
                            steps=steps), console, json)


@app.command("tpu", epilog=examples(
    ("weft bench tpu", "the six workloads of TPU v1, beside what was published"),
    ("weft bench tpu -w MLP0 --json -", "one of them; as records"),
    ("weft bench tpu --plots figures", "the roofline as PNG and SVG"),
) + EXIT_CODES)
def bench_tpu(
    workloads: Annotated[list[str] | None, typer.Option(
        "--workload", "-w", metavar="NAME", help="MLP0, MLP1, LSTM0, LSTM1, CNN0 or CNN1; may be "
                                                 "repeated; default: all.")] = None,
    json: JsonOption = None,
    plots: PlotsOption = None,
):
    """Run the workloads of TPU v1 on a dense core of its size, by the cycle model.

    256 x 256 multipliers at 700 MHz, weights from a memory of 34 GB/s: where the cycles go, beside
    table 3 of the paper, the roofline, and batch against latency.
    """
    from .bench import tpu as verb
    console, steps = consoles(json)
    finish(verb, verb.bench(workloads or (), plots=plots, steps=steps), console, json)


@app.command("compress", epilog=examples(
    ("weft bench compress", "LeNet-300-100 and LeNet-5 as they ship, layer by layer; SqueezeNet"),
    ("weft bench compress -n lenet-5 --json -", "one of them; as records"),
    ("weft bench compress -n squeezenet", "the published network, in fewer bytes"),
    ("weft bench compress -n lenet-300-100 --retrain", "trained and compressed anew"),
) + EXIT_CODES)
def bench_compress(
    networks: Annotated[list[str] | None, typer.Option(
        "--network", "-n", metavar="NAME", help="Only this network; may be repeated.")] = None,
    retrain: Annotated[bool, typer.Option("--retrain", help="Make them anew, with PyTorch and "
                                                            "MNIST.")] = False,
    effort: Annotated[float, typer.Option(min=0, help="Fraction of the epochs to train for.")] = 1,
    json: JsonOption = None,
):
    """Print the tables of Deep Compression, with what the project reaches beside."""
    from .bench import compress as verb
    console, steps = consoles(json)
    result = verb.bench(networks or (), retrain=retrain, effort=effort, steps=steps)
    finish(verb, result, console, json)


@app.command("huffman", epilog=examples(
    ("weft bench huffman", "encoder and decoder on streams as Deep Compression makes them"),
    ("weft bench huffman --json -", "as records"),
) + EXIT_CODES)
def bench_huffman(json: JsonOption = None):
    """Measure how fast Huffman codes are written and read, in CPU time of one core."""
    from .bench import huffman as verb
    console, steps = consoles(json)
    finish(verb, verb.bench(steps=steps), console, json)


@app.command("energy", epilog=examples(
    ("weft bench energy", "dense fp32, dense int8, EIE and ours, layer by layer"),
    ("weft bench energy -l digits/fc1 -l vgg-7 --json -", "some layers; as records"),
    ("weft bench energy --plots figures", "figures as PNG and SVG"),
) + EXIT_CODES)
def bench_energy(
    layers: Annotated[list[str] | None, typer.Option(
        "--layer", "-l", metavar="NAME", help="Only this layer; may be repeated.")] = None,
    json: JsonOption = None,
    plots: PlotsOption = None,
):
    """Compare the energy of layers on dense and sparse cores, by a model of 45 nm."""
    from .bench import energy as verb
    console, steps = consoles(json)
    finish(verb, verb.bench(layers or (), plots=plots, steps=steps), console, json)


@app.command("area", epilog=examples(
    ("weft bench area", "eie, idea by idea up to weft, with 1, 4 and 16 processing elements"),
    ("weft bench area --pes 4 --json area.json", "one size; as records"),
) + EXIT_CODES)
def bench_area(
    pes: Annotated[list[int] | None, typer.Option(
        metavar="N", min=1, help="Processing elements; may be repeated; default: 1, 4 and "
                                 "16.")] = None,
    board: Annotated[str, typer.Option(help="ulx3s-85f, ulx3s-12f or icebreaker.")] = "ulx3s-85f",
    freq: Annotated[float, typer.Option(
        min=1, help="Clock rate to aim for, in MHz, whether or not it is reached.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the placement.")] = 1,
    seeds: Annotated[int, typer.Option(
        min=1, metavar="N", help="Place with so many seeds, and take the median.")] = 1,
    json: JsonOption = None,
):
    """Print what each idea costs in area and clock rate, and what it gives in time.

    It places 17 cores, which takes some hours, nearly all of it for 16 processing elements.
    What is done is kept: interrupt it and start it again as you like.
    """
    from .bench import area as verb
    console, steps = consoles(json)
    result = verb.bench(pes=pes or (), board=board, freq=freq, seed=seed, seeds=seeds,
                        steps=steps)
    finish(verb, result, console, json)


@app.command("quantise", epilog=examples(
    ("weft bench quantise", "2 to 16 bits, every network that is there"),
    ("weft bench quantise -n digits --bits 4 --bits 8 --json -", "one network; as records"),
    ("weft bench quantise -n lenet-5 --plots figures", "with a figure, as PNG and SVG"),
) + EXIT_CODES)
def bench_quantise(
    networks: Annotated[list[str] | None, typer.Option(
        "--network", "-n", metavar="NAME", help="digits, lenet-5 or squeezenet; may be "
                                                "repeated; default: what is there.")] = None,
    bits: Annotated[list[int] | None, typer.Option(
        metavar="N", help="Only so many bits; may be repeated.")] = None,
    series: Annotated[list[str] | None, typer.Option(
        metavar="NAME", help="Only this way to choose scales; may be repeated.")] = None,
    count: Annotated[int | None, typer.Option(
        min=1, help="Test inputs of a network, at most; default: all.")] = None,
    retrain: Annotated[bool, typer.Option("--retrain", help="Train LeNet-5 anew.")] = False,
    json: JsonOption = None,
    plots: PlotsOption = None,
):
    """Sweep the bits of weights and activations: accuracy, and by how much outputs err.

    LeNet-5 is trained the first time, if PyTorch and MNIST are there. All of it takes some minutes.
    """
    from .bench import quantise as verb
    console, steps = consoles(json)
    result = verb.bench(networks or (), widths=bits or verb.WIDTHS, series=series or (),
                        count=count, retrain=retrain, plots=plots, steps=steps)
    finish(verb, result, console, json)


@app.command("ternary", epilog=examples(
    ("weft bench ternary", "the ternary networks that ship, and what has been trained here"),
    ("weft bench ternary -n digits --train", "trained by every method, in some minutes"),
    ("weft bench ternary --train --json -", "all three; as records"),
) + EXIT_CODES)
def bench_ternary(
    networks: Annotated[list[str] | None, typer.Option(
        "--network", "-n", metavar="NAME", help="digits, lenet-300-100 or lenet-5; may be "
                                                "repeated; default: all.")] = None,
    train: Annotated[bool, typer.Option("--train", help="Train by every method, with PyTorch and, "
                                                        "LeNet, MNIST.")] = False,
    effort: Annotated[float, typer.Option(min=0, help="Fraction of the epochs to train for.")] = 1,
    json: JsonOption = None,
):
    """Print what networks of binary and ternary weights get wrong, by method.

    Training takes more than half an hour for all networks. What is done is kept: interrupt it and
    start it again as you like.
    """
    from .bench import ternary as verb
    console, steps = consoles(json)
    result = verb.bench(networks or (), train=train, effort=effort, steps=steps)
    finish(verb, result, console, json)
