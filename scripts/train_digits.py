"""Train, prune, share, quantise and save the digits network that ships with the project.

Deep Compression in small: train the float network, prune it step by step with retraining, share the
surviving weights by k-means and fine-tune the centroids, then go over to integers. Needs NumPy and
scikit-learn's data only, and takes well under two minutes. Two runs on one machine give the same
bytes; another machine's BLAS may round differently, so the file that ships is the reference, not
what this script makes elsewhere.
"""

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np

from golden.compression.codebook import centroid_gradients, kmeans_codebook
from golden.compression.integer import infer, integer_layer
from golden.compression.iterative import density_schedule
from golden.compression.prune import density, magnitude_masks
from golden.container import write_network
from golden.quantisation import symmetric_scale
from golden.models.digits import INPUT_SCALE, load_digits_data
from golden.network import SparseNetwork
from scripts.progress import Steps

__all__ = ["Adam", "augmented", "compress", "main", "train"]

SIZES = (64, 64, 32, 10)
#: Weights kept in each layer: 14.65 % of all, more where there are few.
DENSITIES = (0.125, 0.15, 0.40)
#: 16 entries, of which entry 0 stands for the pruned weights.
CLUSTERS = 15
SEED = 0
#: Settings were chosen on a fourth of the training images, not on the held-out ones.
BATCH = 64
EPOCHS = 40
PRUNING_STEPS = 15
PRUNING_EPOCHS = 12     #: after each step but the last
RETRAINING_EPOCHS = 120
SHARING_EPOCHS = 60
#: Pull of the weights towards zero, so that what is not needed gets small enough to be pruned.
DECAY = 1e-3

SHIPPED = Path(__file__).resolve().parents[1] / "golden" / "models" / "digits.weft"


class Adam:
    """Kingma and Ba's optimiser over a list of arrays, which it changes in place."""

    def __init__(self, parameters):
        self.parameters = parameters
        self.means = [np.zeros_like(p) for p in parameters]
        self.squares = [np.zeros_like(p) for p in parameters]
        self.step_count = 0

    def step(self, gradients, rate):
        self.step_count += 1
        rate *= np.sqrt(1 - 0.999**self.step_count) / (1 - 0.9**self.step_count)
        for p, m, v, g in zip(self.parameters, self.means, self.squares, gradients, strict=True):
            m += 0.1 * (g - m)
            v += 0.001 * (g * g - v)
            p -= rate * m / (np.sqrt(v) + 1e-8)


def augmented(inputs, labels):
    """The images, and each of them moved by one pixel in the four directions; as floats."""
    images = inputs.reshape(-1, 8, 8) * INPUT_SCALE
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    moved = [padded[:, 1 + dy:9 + dy, 1 + dx:9 + dx]
             for dy, dx in ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))]
    return np.concatenate(moved).reshape(-1, 64), np.tile(labels, len(moved))


def forward(weights, biases, inputs):
    """Activations of every layer, input included; ReLU behind all but the last."""
    activations = [inputs]
    for number, (weight, bias) in enumerate(zip(weights, biases, strict=True), 1):
        sums = activations[-1] @ weight.T + bias
        activations.append(np.maximum(sums, 0) if number < len(weights) else sums)
    return activations


def gradients_of(weights, biases, inputs, labels):
    """Gradients of the mean cross-entropy by the weights and biases."""
    activations = forward(weights, biases, inputs)
    logits = activations[-1] - activations[-1].max(axis=1, keepdims=True)
    delta = np.exp(logits)
    delta /= delta.sum(axis=1, keepdims=True)
    delta[np.arange(len(labels)), labels] -= 1
    delta /= len(labels)
    by_weights, by_biases = [], []
    for weight, activation in zip(reversed(weights), reversed(activations[:-1]), strict=True):
        by_weights.insert(0, delta.T @ activation)
        by_biases.insert(0, delta.sum(axis=0))
        delta = (delta @ weight) * (activation > 0)
    return by_weights, by_biases


def train(weights, biases, inputs, labels, *, epochs, rate, rng, masks=None, codes=None):
    """Train in place; with `codes`, `weights` are codebooks, whose centroids are trained.

    Parameters
    ----------
    weights : list of ndarray of float64
        Shape (rows, columns) each, or (entries,) each with `codes`.
    biases : list of ndarray of float64, shape (rows,) each
    inputs : ndarray of float64, shape (images, columns)
    labels : ndarray of int64, shape (images,)
    epochs : int
    rate : float
        Adam's step at the start; it falls to zero along a cosine.
    rng : numpy.random.Generator
        Shuffles the images.
    masks : list of ndarray of bool, optional
        True where a weight may differ from zero.
    codes : list of ndarray of uint8, optional
        Codebook index of every weight.
    """
    adam = Adam([*weights, *biases])
    batches = -(-len(labels) // BATCH)
    for step in range(epochs * batches):
        if step % batches == 0:
            order = rng.permutation(len(labels))
        batch = order[step % batches * BATCH:][:BATCH]
        dense = weights if codes is None else shared_weights(weights, codes)
        by_weights, by_biases = gradients_of(dense, biases, inputs[batch], labels[batch])
        if codes is not None:
            by_weights = [centroid_gradients(g, c, len(w))
                          for g, c, w in zip(by_weights, codes, weights, strict=True)]
        else:
            by_weights = [g + DECAY * w for g, w in zip(by_weights, weights, strict=True)]
        adam.step([*by_weights, *by_biases],
                  rate * (1 + np.cos(np.pi * step / (epochs * batches))) / 2)
        for weight, mask in zip(weights, masks or [], strict=bool(masks)):
            weight *= mask


def shared_weights(codebooks, codes):
    """Weights of every layer, from its codebook."""
    return [codebook[c] for codebook, c in zip(codebooks, codes, strict=True)]


def accuracy(outputs, labels):
    """Fraction of images whose largest output is that of their digit."""
    return float(np.mean(np.argmax(outputs, axis=1) == labels))


def compress(data, *, effort=1.0, seed=SEED, quiet=False):
    """Train and compress the network.

    Parameters
    ----------
    data : DigitsData
    effort : float
        Fraction of the epochs to train for, at least one in each phase; less is for tests.
    seed : int
        Of initial weights and shuffling.
    quiet : bool
        Whether not to show progress.

    Returns
    -------
    SparseNetwork
    """
    rng = np.random.default_rng(seed)
    inputs, labels = augmented(data.train_inputs, data.train_labels)
    weights = [rng.normal(0, np.sqrt(2 / columns), (rows, columns))
               for columns, rows in pairwise(SIZES)]
    biases = [np.zeros(rows) for rows in SIZES[1:]]

    def scaled(epochs):
        return max(1, round(effort * epochs))

    some = {"inputs": inputs, "labels": labels, "rng": rng}

    def held_out():
        dense = weights if codes is None else shared_weights(codebooks, codes)
        outputs = forward(dense, biases, data.test_inputs * INPUT_SCALE)[-1]
        return accuracy(outputs, data.test_labels)

    codes, steps = None, Steps(quiet=quiet)
    with steps.step("Train the float network"):
        train(weights, biases, epochs=scaled(EPOCHS), rate=2e-3, **some)
    float_accuracy = held_out()

    schedules = list(zip(*(density_schedule(d, PRUNING_STEPS) for d in DENSITIES), strict=True))
    with steps.step("Prune and retrain", total=PRUNING_STEPS) as advance:
        for step, kept in enumerate(schedules, 1):
            masks = magnitude_masks(weights, kept)
            for weight, mask in zip(weights, masks, strict=True):
                weight *= mask
            phase = PRUNING_EPOCHS if step < PRUNING_STEPS else RETRAINING_EPOCHS
            train(weights, biases, epochs=scaled(phase), rate=1e-2, masks=masks, **some)
            advance()
    pruned_accuracy = held_out()

    with steps.step("Share weights and fine-tune the centroids"):
        codebooks, codes = zip(*(kmeans_codebook(w, CLUSTERS) for w in weights), strict=True)
        train(codebooks, biases, epochs=scaled(SHARING_EPOCHS), rate=5e-4, codes=codes, **some)
    activations = forward(shared_weights(codebooks, codes), biases, inputs)

    layers, scale = [], INPUT_SCALE
    for number in range(len(codes)):
        output_scale = symmetric_scale(np.abs(activations[number + 1]).max(), 16)
        # Bounded for whatever 16-bit activations, though pixels end at 16: the proof that nothing
        # saturates then needs to know nothing of the data.
        layers.append(integer_layer(
            f"fc{number + 1}", codebooks[number], codes[number], biases[number],
            input_scale=scale, output_scale=output_scale, activation_bound=32768,
            relu=number < len(codes) - 1))
        scale = output_scale
    network = SparseNetwork(tuple(layers))
    compressed_accuracy = accuracy(infer(network, data.test_inputs), data.test_labels)
    network.metadata.update({
        "network": "handwritten digits, " + "-".join(map(str, SIZES)),
        "data": "scikit-learn's digits; every fifth image of a class is held out",
        "held-out images": str(len(data.test_labels)),
        "float accuracy": f"{float_accuracy:.4f}",
        "pruned accuracy": f"{pruned_accuracy:.4f}",
        "shared accuracy": f"{held_out():.4f}",
        "compressed accuracy": f"{compressed_accuracy:.4f}",
        "density": f"{density([c != 0 for c in codes]):.4f}",
        "seed": str(seed),
        "made by": "scripts/train_digits.py",
    })
    return network


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=SHIPPED, metavar="FILE",
                        help="default: the file that ships with the project")
    args = parser.parse_args(argv)
    network = compress(load_digits_data())
    write_network(network, args.output)
    for key, value in network.metadata.items():
        print(f"{key}: {value}")
    print(f"{args.output}: {args.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
