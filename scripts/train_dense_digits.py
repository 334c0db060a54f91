"""Make the dense digits networks that ship with the project.

The same on every machine with the same NumPy and PyTorch, apart from how their floats round. Takes
two minutes on one processor core. PyTorch gives the gradients; what is kept, integers and how they
are reached, is of `golden`.
"""

import argparse
from pathlib import Path

import numpy as np

from golden.models.dense_digits import DENSE_DIGITS, dense_digits_inputs
from golden.models.digits import load_digits_data
from golden.systolic.archive import write_dense_network
from scripts.dense_digits_networks import cnn_network, lstm_network, mlp_network
from scripts.train_digits import SEED, augmented

__all__ = ["accuracy", "main", "make"]

FOLDER = Path(__file__).resolve().parents[1] / "golden" / "models"
#: Cells of the recurrent network.
CELLS = 24
#: Activations of the fully connected network that are left out in training.
DROPOUT = 0.2
#: Settings were chosen on a fourth of the training images, not on the held-out ones.
EPOCHS = {"mlp": 40, "cnn": 40, "lstm": 30}
BATCH = 64
RATE = {"mlp": 3e-3, "cnn": 4e-3, "lstm": 8e-3}


def make(name, *, effort=1.0, seed=SEED):
    """Train one network and quantise it.

    Parameters
    ----------
    name : str
        One of `golden.models.dense_digits.DENSE_DIGITS`.
    effort : float
        Fraction of the epochs to train for, at least one; less is for tests.
    seed : int
        Of initial weights and shuffling.

    Returns
    -------
    DenseNetwork
        Its accuracy on the held-out digits is in its metadata.
    """
    data = load_digits_data()
    inputs, labels = augmented(data.train_inputs, data.train_labels)
    # Pixels as the networks have them in real numbers: 0.0 to 1.0, or to 0.5 for the cell.
    train = inputs / 2 if name == "lstm" else inputs
    weights = _train(name, train, labels, max(1, round(effort * EPOCHS[name])), seed)
    build = {"mlp": mlp_network, "cnn": cnn_network, "lstm": lstm_network}[name]
    network = build(weights, train)
    network.metadata.update({
        "network": f"handwritten digits, {name}",
        "data": "scikit-learn's digits; every fifth image of a class is held out",
        "held-out images": str(len(data.test_labels)),
        "accuracy": f"{accuracy(network, name, data.test_inputs, data.test_labels):.4f}",
        "seed": str(seed),
        "made by": "scripts/train_dense_digits.py",
    })
    return network


def accuracy(network, name, pixels, labels):
    """Fraction of images whose largest output is that of their digit, in integers."""
    tensors, _ = network.run(dense_digits_inputs(name, pixels))
    return float(np.mean(np.argmax(tensors[network.outputs[0]], axis=1) == labels))


def _train(name, inputs, labels, epochs, seed):
    """Float weights by the names of PyTorch's modules."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    if name == "mlp":
        model = nn.Sequential(
            nn.Linear(64, 64), nn.ReLU(), nn.Dropout(DROPOUT),
            nn.Linear(64, 32), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(32, 10))
    elif name == "cnn":
        model = nn.Sequential(
            nn.Unflatten(1, (1, 8, 8)),
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(64, 10))
    else:
        model = nn.ModuleDict({"cell": nn.LSTM(4, CELLS, batch_first=True),
                               "out": nn.Linear(CELLS, 10)})

    def logits(x):
        if name != "lstm":
            return model(x)
        return model["out"](model["cell"](x.reshape(len(x), 16, 4))[0][:, -1])

    x, y = torch.tensor(inputs, dtype=torch.float32), torch.tensor(labels)
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE[name], weight_decay=1e-2)
    steps = epochs * -(-len(y) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(epochs):
        for batch in torch.randperm(len(y)).split(BATCH):
            optimiser.zero_grad()
            nn.functional.cross_entropy(logits(x[batch]), y[batch]).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
    return {key: value.detach().numpy().astype(np.float64)
            for key, value in model.state_dict().items()}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=DENSE_DIGITS, metavar="NAME",
                        help=f"of {', '.join(DENSE_DIGITS)}; default: all")
    parser.add_argument("-o", "--output", type=Path, default=FOLDER, metavar="FOLDER",
                        help="default: where those that ship with the project are")
    args = parser.parse_args(argv)
    for name in args.names:
        network = make(name)
        path = args.output / f"digits_{name}.npz"
        write_dense_network(network, path)
        for key, value in network.metadata.items():
            print(f"{key}: {value}")
        print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
