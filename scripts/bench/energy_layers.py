"""Layers that `weft bench energy` compares: EIE's, and those of networks that ship."""

import numpy as np

from golden.compression.integer import infer
from golden.models.digits import load_digits_data, load_digits_network
from golden.network import SparseNetwork

from ..errors import UsageError, did_you_mean
from .measure import measure, measure_all
from .subjects import FC8, Subject, has_fc8, layer_names, load_subject

__all__ = ["energy_names", "measure_names"]

#: Inputs of a network that the column groups are chosen by; the one after them is measured.
_HELD_OUT = 4


def _digits():
    return load_digits_network(), load_digits_data().test_inputs


#: What loads a network and its inputs, by name.
_NETWORKS = {"digits": _digits}


def _network_layers():
    """Names of the networks' layers, such as digits/fc1."""
    return [f"{name}/{layer.name}" for name, load in _NETWORKS.items() for layer in
            load()[0].layers]


def energy_names(chosen=()):
    """Names of the layers to compare.

    Parameters
    ----------
    chosen : sequence of str
        What the user wants; by default all that are there.

    Returns
    -------
    names : list of str
    left_out : list of str
        A sentence on each that is not there.

    Raises
    ------
    UsageError
        If there is no such layer.
    """
    of_networks = _network_layers()
    known = [*layer_names(), FC8, *of_networks]
    for name in chosen:
        if name.lower() not in known:
            raise UsageError(f"--layer {name}: no layer is called that, "
                             f"{did_you_mean(name.lower(), known)}")
    chosen = {name.lower() for name in chosen}
    if not chosen:
        left_out = [] if has_fc8() else [
            f"{FC8} is left out: eie/alexnet_fc8.npz is not in the data folder (see weft doctor)"]
        return [*layer_names(), *of_networks], left_out
    eie = [name for name in chosen if name not in of_networks]
    return [*(layer_names(eie) if eie else ()),
            *(name for name in of_networks if name in chosen)], []


def measure_names(names, configurations, *, steps):
    """Run layers on the cycle model.

    Parameters
    ----------
    names : sequence of str
    configurations : sequence of Settings
    steps : scripts.progress.Steps

    Returns
    -------
    list of (list of Measurement, tuple of int)
        For each layer, one a configuration, and the layer's rows and columns.
    """
    eie = [name for name in names if "/" not in name]
    measured = {}
    if eie:
        tables = measure_all(eie, configurations, steps=steps)
        for name, *items in zip(eie, *tables, strict=True):
            layer = load_subject(name).layer
            measured[name] = items, layer.codes.shape
    for network in dict.fromkeys(name.split("/")[0] for name in names if "/" in name):
        for subject in _subjects(network):
            name = subject.layer.name
            if f"{network}/{name}" in names:
                items = [measure(subject, settings) for settings in configurations]
                measured[f"{network}/{name}"] = items, subject.layer.codes.shape
    return [measured[name] for name in names]


def _subjects(name):
    """Every layer of a network with what reaches it."""
    network, inputs = _NETWORKS[name]()
    activations = np.asarray(inputs[:_HELD_OUT + 1])
    for layer in network.layers:
        yield Subject(layer, activations[_HELD_OUT], activations[:_HELD_OUT] != 0)
        activations = infer(SparseNetwork((layer,)), activations)
