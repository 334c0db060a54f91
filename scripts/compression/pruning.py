"""Pruning of a whole network by one of several rules, with retraining where it can be trained."""

import dataclasses

import numpy as np

from golden.compression.iterative import density_schedule, prune_iteratively
from golden.compression.prune import (
    balanced_masks,
    density,
    magnitude_masks,
    sensitivity_masks,
)
from golden.compression.relative import best_run_width, encode_relative

__all__ = ["RULES", "prune", "pruned_bytes"]

#: How weights are chosen that are dropped.
RULES = ("layer", "global", "sensitivity", "balanced")


def prune(layers, subject, choice, *, epochs, measure, steps):
    """Prune all layers, step by step if they can be trained in between, else at once.

    Parameters
    ----------
    layers : sequence of golden.compression.float_network.FloatLayer
        Their biases are trained in place.
    subject : scripts.compression.subjects.Subject
    choice : scripts.compression.stages.Choice
    epochs : callable
        What a recipe's number of epochs comes to.
    measure : callable
        ``measure(layers)`` returns their error, or None.
    steps : scripts.progress.Steps

    Returns
    -------
    layers : list of golden.compression.float_network.FloatLayer
    history : list of (float, float or None)
        Density and error after every step.
    """
    recipe, trainer, history = subject.recipe, subject.trainer, []
    count = recipe.pruning_steps if trainer is not None else 1

    def rebuilt(weights):
        return [dataclasses.replace(layer, weights=matrix)
                for layer, matrix in zip(layers, weights, strict=True)]

    with steps.step("Pruning" + (" and retraining" if trainer else ""), total=count) as advance:
        def retrain(weights, masks):
            left = rebuilt([matrix.astype(layer.weights.dtype)
                            for matrix, layer in zip(weights, layers, strict=True)])
            if trainer is not None:
                last = len(history) == count - 1
                trainer.train(
                    left, masks=masks, rate=recipe.pruning_rate,
                    epochs=epochs(recipe.retraining_epochs if last else recipe.pruning_epochs),
                    **recipe.pruning_options)
            history.append((density(masks), measure(left)))
            advance()
            return [layer.weights for layer in left]

        weights, _ = prune_iteratively([layer.weights for layer in layers], _rule(choice),
                                       _schedule(choice, count), retrain)
    return rebuilt(weights), history


def _rule(choice):
    """What `prune_iteratively` chooses weights by."""
    return {
        "layer": magnitude_masks,
        "global": lambda weights, amounts: magnitude_masks(weights, amounts[0], scope="global"),
        "sensitivity": sensitivity_masks,
        "balanced": lambda weights, amounts: balanced_masks(weights, amounts, pes=choice.pes),
    }[choice.rule]


def _schedule(choice, count):
    """Amounts of every layer, step by step."""
    if choice.rule == "sensitivity":
        # Thresholds rise evenly: what survives a step has a wider spread than what came into it.
        return [[amount * step / count for amount in choice.amounts]
                for step in range(1, count + 1)]
    return list(zip(*(density_schedule(amount, count) for amount in choice.amounts), strict=True))


def pruned_bytes(layers):
    """Bytes of layers whose surviving weights are kept as 32-bit floats, each behind its run.

    Parameters
    ----------
    layers : sequence of golden.compression.float_network.FloatLayer

    Returns
    -------
    int
        Entries with the run width that is best for 32-bit weights, and the biases.
    """
    total = 0
    for layer in layers:
        codes = (layer.weights != 0).astype(np.uint8)
        width = best_run_width(codes, 32)
        entries = len(encode_relative(codes, width)[0])
        total += -(-entries * (32 + width) // 8) + 4 * layer.bias.size
    return total
