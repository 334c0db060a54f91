"""Train a network of ternary weights: as floats, then by trained ternary quantisation.

    python -m scripts.train_ternary digits -o digits_ternary.weft
    python -m scripts.train_ternary lenet-5 -o lenet_5_ternary.weft

The digits take a minute and NumPy only; LeNet takes MNIST and PyTorch, and up to 15 minutes. Two
runs on one machine give the same bytes; another machine may round differently.
"""

import argparse
from pathlib import Path

import numpy as np

from golden.compression.float_network import activation_limits, shared_network
from golden.compression.prune import density
from golden.container import dumps, write_network

from .compression.low_bits import TRAINING
from .compression.stages import float_error, network_error
from .compression.subjects import NAMES, load_subject
from .compression.weight_training import train_ternary
from .progress import Steps

__all__ = ["main", "make_ternary"]

#: Inputs over which the largest activations are sought.
_CALIBRATION = 10000


def make_ternary(name, *, effort=1.0, seed=0, quiet=False):
    """Train one of the networks and go over to integers.

    Parameters
    ----------
    name : str
        One of `scripts.compression.low_bits.TRAINING`.
    effort : float
        Fraction of the epochs to train for, at least one in each phase; less is for tests.
    seed : int
    quiet : bool
        Report no progress.

    Returns
    -------
    SparseNetwork
        Every layer with the codebook (0, Wp, -Wn, 0) in integers; its metadata say what it reaches.

    Raises
    ------
    UsageError
        If the data are not there.
    ToolMissing
        If PyTorch is needed and not installed.
    """
    epochs, rate, share = TRAINING[name]
    subject, steps = load_subject(name, seed=seed), Steps(quiet=quiet)
    epochs, float_epochs = (max(1, round(effort * count))
                            for count in (epochs, subject.recipe.epochs))
    layers = subject.layers
    with steps.step("Training the float network"):
        subject.trainer.train(layers, epochs=float_epochs, rate=subject.recipe.rate,
                              **subject.recipe.options)
    error = float_error(layers, subject)
    with steps.step("Training ternary weights", total=epochs) as advance:
        ternary, codebooks, codes = train_ternary(
            subject, layers, epochs=epochs, rate=rate, share=share, advance=advance)
    limits = activation_limits(ternary, subject.calibration[:_CALIBRATION], subject.input_scale)
    network = shared_network(ternary, codebooks, codes, limits, input_scale=subject.input_scale,
                             metadata={})
    network.metadata.update({
        "network": f"{subject.title}, ternary", **subject.metadata,
        "test inputs": str(len(subject.test_inputs)), "float error": f"{error:.4f}",
        "ternary error": f"{float_error(ternary, subject):.4f}",
        "compressed error": f"{network_error(network, subject):.4f}",
        "density": f"{density([np.asarray(code) != 0 for code in codes]):.4f}",
        "made by": f"scripts/train_ternary.py {name}",
    })
    return network


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=[name for name in NAMES if name in TRAINING])
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    args = parser.parse_args(argv)
    network = make_ternary(args.network)
    write_network(network, args.output, huffman=True)
    for key, value in network.metadata.items():
        print(f"{key}: {value}")
    for layer in network.layers:
        print(f"{layer.name}: {np.count_nonzero(layer.codes) / layer.codes.size:.3f} not zero, "
              f"codebook {layer.codebook.tolist()} * {layer.weight_scale:.3g}")
    print(f"{args.output}: {args.output.stat().st_size} bytes, "
          f"{len(dumps(network))} without Huffman codes")


if __name__ == "__main__":
    main()
