"""The grammar of `weft compress`; what it does is in `scripts.compress`."""

from typing import Annotated

import typer

from .cli_options import EXIT_CODES, JsonOption, PlotsOption, consoles, examples, finish

__all__ = ["COMPRESS_EPILOG", "compress"]

#: What `weft compress` takes; `scripts.compression.weights_file` says more.
_FILE = """

[bold]MODEL.npz[/] holds, layer after layer: NAME.weight, real numbers of shape (rows, columns) or,
of a convolution, (kernels, channels, height, width); NAME.bias, shape (rows,); and NAME.window of a
convolution: height and width of its input, stride, padding, size of the maximum pooling behind it.
ReLU follows all layers but the last. It may also hold input_scale, the real value of one unit of an
input; inputs, integers of shape (count, inputs), by which activations are scaled; and labels, what
the network should make of them."""

#: Under its help page.
COMPRESS_EPILOG = examples(
    ("weft compress net.npz -o net.weft --prune 0.1 --bits 4", "your own weights, not trained"),
    ("weft compress lenet-5 --retrain -o lenet5.weft", "trained, pruned with retraining, shared"),
    ("weft compress digits --retrain -o d.weft --bits fc3=3 --plots figures", "and drawn"),
) + _FILE + EXIT_CODES


def compress(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Weights, an .npz file, or a "
                                         "network that is trained here: lenet-300-100, lenet-5 or "
                                         "digits.")],
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE.weft",
                                        help="The compressed network.")],
    prune: Annotated[list[str] | None, typer.Option(
        metavar="[LAYER=]NUMBER", help="Fraction of the weights to keep, of every layer or of one; "
                                       "with --rule sensitivity, the threshold in standard "
                                       "deviations.")] = None,
    rule: Annotated[str, typer.Option(help="What is dropped: the smallest of each layer (layer), "
                                           "of all (global), below a threshold (sensitivity), of "
                                           "each processing element (balanced).")] = "layer",
    pes: Annotated[int, typer.Option(min=1, help="Processing elements of --rule balanced.")] = 64,
    bits: Annotated[list[str] | None, typer.Option(
        metavar="[LAYER=]BITS", help="Width of a codebook index, 1 to 8.")] = None,
    init: Annotated[str, typer.Option(help="Initial centroids: linear, density or "
                                           "random.")] = "linear",
    huffman: Annotated[bool, typer.Option(help="Whether indices and runs are coded.")] = True,
    retrain: Annotated[bool, typer.Option("--retrain", help="Train the network, and again at every "
                                          "stage; LeNet needs PyTorch and MNIST.")] = False,
    effort: Annotated[float, typer.Option(min=0, help="Fraction of the epochs to train for.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of training and of random centroids.")] = 0,
    json: JsonOption = None,
    plots: PlotsOption = None,
):
    """Compress a network by pruning, weight sharing and Huffman coding; print every stage."""
    from . import compress as verb
    console, steps = consoles(json)
    result = verb.compress(
        model, output=output, steps=steps, prune=prune or (), rule=rule, pes=pes, bits=bits or (),
        init=init, huffman=huffman, retrain=retrain, effort=effort, seed=seed, plots=plots)
    finish(verb, result, console, json)
