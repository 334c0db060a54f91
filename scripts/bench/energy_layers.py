"""Layers that `weft bench energy` compares: EIE's, and those of networks that ship."""

from functools import partial

import numpy as np

from golden.compression.integer import infer
from golden.models.digits import load_digits_data, load_digits_network
from golden.models.lenet import LENETS, load_lenet
from golden.models.mnist import has_mnist, load_mnist
from golden.network import SparseNetwork

from ..errors import UsageError, did_you_mean
from ..files import reading
from ..paths import data_dir
from .energy_convolutions import convolution_names, left_out
from .measure import measure, measure_all
from .subjects import FC8, Subject, has_fc8, layer_names, load_subject

__all__ = ["energy_names", "measure_names"]

#: Inputs of a network that the column groups are chosen by; the one after them is measured.
_HELD_OUT = 4


def _digits():
    return load_digits_network(), load_digits_data().test_inputs


def _lenet(name):
    if not has_mnist(data_dir()):
        raise UsageError(f"{name} is run on MNIST, which is not in the data folder: set WEFT_DATA "
                         f"to the folder that holds mnist/t10k-images-idx3-ubyte.gz")
    with reading(data_dir() / "mnist", remedy="fetch MNIST again"):
        return load_lenet(name), load_mnist(data_dir()).test_images.astype(np.int16)


#: What loads a network and its inputs, and what loads the network alone, by name.
_NETWORKS = {"digits": (_digits, load_digits_network),
             **{name: (partial(_lenet, name), partial(load_lenet, name)) for name in LENETS}}


def _network_layers():
    """Names of the networks' fully connected layers, such as digits/fc1."""
    return [f"{name}/{layer.name}" for name, (_, load) in _NETWORKS.items()
            for layer in load().layers if layer.window is None]


def energy_names(chosen=()):
    """Names of the layers to compare.

    Parameters
    ----------
    chosen : sequence of str
        What the user wants; by default all that are there.

    Returns
    -------
    names : list of str
        Of fully connected layers.
    convolutions : list of str
    left_out : list of str
        A sentence on each network or layer that is not there.

    Raises
    ------
    UsageError
        If there is no such layer.
    """
    of_networks, convolutions = _network_layers(), convolution_names()
    known = [*layer_names(), FC8, *of_networks, *convolutions]
    for name in chosen:
        if name.lower() not in known:
            raise UsageError(f"--layer {name}: no layer is called that, "
                             f"{did_you_mean(name.lower(), known)}")
    chosen, absent = {name.lower() for name in chosen}, left_out()
    if not chosen:
        missing = {FC8: not has_fc8(), **dict.fromkeys(LENETS, not has_mnist(data_dir()))}
        files = {FC8: "eie/alexnet_fc8.npz", **dict.fromkeys(LENETS, "mnist")}
        there = [name for name in of_networks if not missing.get(name.split("/")[0])]
        reasons = {name: f"{files[name]} is not in the data folder (see weft doctor)"
                   for name, gone in missing.items() if gone}
        return [*layer_names(), *there], [
            name for name in convolutions if name.split("/")[0] not in absent], [
            f"{name} is left out: {reason}" for name, reason in {**absent, **reasons}.items()]
    for name in chosen.intersection(convolutions):
        if name.split("/")[0] in absent:
            raise UsageError(f"{name} is not there: {absent[name.split('/')[0]]}")
    eie = [name for name in chosen if name not in (*of_networks, *convolutions)]
    return [*(layer_names(eie) if eie else ()),
            *(name for name in of_networks if name in chosen)], [
        name for name in convolutions if name in chosen], []


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
    """Every fully connected layer of a network with what reaches it."""
    network, inputs = _NETWORKS[name][0]()
    activations = np.asarray(inputs[:_HELD_OUT + 1])
    for layer in network.layers:
        if layer.window is None:
            yield Subject(layer, activations[_HELD_OUT], activations[:_HELD_OUT] != 0)
        activations = infer(SparseNetwork((layer,)), activations)
