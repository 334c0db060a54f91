"""Deep Compression from beginning to end: train, prune, share, go over to integers, code."""

import dataclasses
from dataclasses import dataclass, field

import numpy as np

from golden.compression.codebook import kmeans_codebook
from golden.compression.float_network import (
    activation_limits,
    bound_limits,
    forward,
    shared_network,
)
from golden.compression.integer import infer
from golden.compression.prune import density
from golden.container import dumps
from golden.network import SparseNetwork

from .pruning import prune, pruned_bytes
from .subjects import Subject

__all__ = ["Choice", "Compressed", "Stage", "compress", "float_error", "network_error"]

#: Inputs over which the largest activations are sought.
_CALIBRATION = 10000
#: Images that are computed at a time, so that the patches of a convolution stay small.
_BATCH = 100


@dataclass(frozen=True)
class Choice:
    """What a user wants of a compression.

    Parameters
    ----------
    amounts : tuple of float
        Of each layer: the fraction of weights that is kept or, with the rule "sensitivity", the
        quality that its threshold is. With "global" the first holds for all layers together.
    bits : tuple of int
        Width of a codebook index of each layer, 1 to 8.
    rule : str
        One of `scripts.compression.pruning.RULES`.
    pes : int
        Processing elements that the rule "balanced" gives equal work.
    init : str
        Initial centroids, see `golden.compression.codebook.kmeans_codebook`.
    huffman : bool
        Whether the file is Huffman coded.
    effort : float
        Fraction of the epochs to train for.
    """

    amounts: tuple[float, ...]
    bits: tuple[int, ...]
    rule: str = "layer"
    pes: int = 64
    init: str = "linear"
    huffman: bool = True
    effort: float = 1.0


@dataclass(frozen=True)
class Stage:
    """What the network is after one stage.

    Parameters
    ----------
    name : str
    bytes : int
        All counted; from "shared" on those of the file.
    error : float or None
        Share of the test inputs that are classified wrongly, where there are any.
    """

    name: str
    bytes: int
    error: float | None


@dataclass(frozen=True, eq=False)
class Compressed:
    """What `compress` made.

    Parameters
    ----------
    subject : Subject
        As it was trained, before pruning.
    network : SparseNetwork
    file : bytes
        The container.
    stages : list of Stage
    pruned : list of golden.compression.float_network.FloatLayer
    codebooks : list of ndarray of float
    history : list of (float, float or None)
        Density and error after every step of pruning.
    """

    subject: Subject
    network: SparseNetwork
    file: bytes
    stages: list[Stage]
    pruned: list
    codebooks: list
    history: list = field(default_factory=list)


def float_error(layers, subject):
    """Share of the test inputs of a subject that layers classify wrongly; None without any."""
    if subject.test_labels is None:
        return None
    inputs = subject.test_inputs
    if subject.trainer is not None:
        outputs = subject.trainer.outputs(layers, inputs)
    else:
        *_, outputs = forward(layers, inputs * np.float32(subject.input_scale))
    return float(np.mean(outputs.argmax(axis=1) != subject.test_labels))


def network_error(network, subject):
    """Share of the test inputs that the integer network classifies wrongly; None without any."""
    if subject.test_labels is None:
        return None
    inputs, wrong = subject.test_inputs.astype(np.int16), 0
    for first in range(0, len(inputs), _BATCH):
        part = slice(first, first + _BATCH)
        outputs = infer(network, inputs[part])
        wrong += int(np.count_nonzero(outputs.argmax(axis=1) != subject.test_labels[part]))
    return wrong / len(inputs)


def compress(subject, choice, *, steps):
    """Compress a network, training it at every stage if it can be trained.

    Parameters
    ----------
    subject : Subject
    choice : Choice
        With as many amounts and bits as there are layers.
    steps : scripts.progress.Steps

    Returns
    -------
    Compressed
        The same bytes from the same subject and choice.
    """
    recipe, trainer = subject.recipe, subject.trainer
    layers = [dataclasses.replace(layer, weights=layer.weights.copy(), bias=layer.bias.copy())
              for layer in subject.layers]

    def epochs(number):
        return max(1, round(choice.effort * number))

    if trainer is not None:
        with steps.step("Training the float network"):
            trainer.train(layers, epochs=epochs(recipe.epochs), rate=recipe.rate, **recipe.options)
    subject = dataclasses.replace(subject, layers=[
        dataclasses.replace(layer, weights=layer.weights.copy(), bias=layer.bias.copy())
        for layer in layers])
    parameters = sum(layer.weights.size + layer.bias.size for layer in layers)
    stages = [Stage("float", 4 * parameters, float_error(layers, subject))]

    if trainer is not None and recipe.distillation:
        trainer.teach(subject.layers, recipe.distillation)

    pruned, history = prune(layers, subject, choice, epochs=epochs, steps=steps,
                            measure=lambda left: float_error(left, subject))
    stages.append(Stage("pruned", pruned_bytes(pruned), float_error(pruned, subject)))

    rng = np.random.default_rng(subject.seed)
    tuned = [dataclasses.replace(layer, bias=layer.bias.copy()) for layer in pruned]
    with steps.step("Sharing weights" + (" and fine-tuning the centroids" if trainer else "")):
        codebooks, codes = zip(*(
            kmeans_codebook(layer.weights, (1 << bits) - 1, choice.init, rng=rng)
            for layer, bits in zip(pruned, choice.bits, strict=True)), strict=True)
        codebooks = [codebook.astype(layer.weights.dtype)
                     for codebook, layer in zip(codebooks, pruned, strict=True)]
        if trainer is not None:
            trainer.train(tuned, epochs=epochs(recipe.sharing_epochs), rate=recipe.sharing_rate,
                          codebooks=codebooks, codes=codes)
    shared = [dataclasses.replace(layer, weights=codebook[code])
              for layer, codebook, code in zip(tuned, codebooks, codes, strict=True)]
    if subject.calibration is None:
        limits = bound_limits(shared, subject.input_limit)
    else:
        limits = activation_limits(shared, subject.calibration[:_CALIBRATION], subject.input_scale)
    network = shared_network(tuned, codebooks, codes, limits, input_scale=subject.input_scale,
                             metadata={})
    error = network_error(network, subject)
    network.metadata.update(_metadata(subject, choice, pruned, [
        *stages, Stage("shared", 0, float_error(shared, subject)),
        Stage("compressed", 0, error)]))
    stages.append(Stage("shared", len(dumps(network)), error))
    if choice.huffman:
        stages.append(Stage("Huffman", len(dumps(network, huffman=True)), error))
    return Compressed(subject, network, dumps(network, huffman=choice.huffman), stages, pruned,
                      codebooks, history)


def _metadata(subject, choice, pruned, stages):
    """What the file says of itself."""
    errors = {f"{stage.name} error": f"{stage.error:.4f}" for stage in stages
              if stage.error is not None}
    tested = {"test inputs": str(len(subject.test_inputs))} if errors else {}
    return {
        "network": subject.title, **tested, **errors,
        "density": f"{density([layer.weights != 0 for layer in pruned]):.4f}",
        "made by": "weft compress " + subject.name, **subject.metadata,
    }
