"""How each network is trained and compressed, unless the user wants it otherwise."""

from dataclasses import dataclass, field

from .. import train_digits

__all__ = ["RECIPES", "Recipe"]


@dataclass(frozen=True)
class Recipe:
    """Settings of one network, as they were tried on 55,000 of the training images, or guessed.

    LeNet-300-100's were tried with 5,000 training images set apart, LeNet-5's not at all.

    Parameters
    ----------
    densities : tuple of float
        Fraction of the weights of each layer that is kept.
    bits : tuple of int
        Width of a codebook index of each layer.
    epochs, rate
        Of the float network, and Adam's step at the start of any training.
    pruning_steps : int
        In which the densities are reached.
    pruning_epochs, retraining_epochs : int
        After each of them, and after the last.
    pruning_rate : float
    sharing_epochs, sharing_rate
        Of the fine-tuning of centroids.
    distillation : float
        Part of the loss, from 0 to 1, that the float network's outputs are the targets of when
        what is left of it is trained (Hinton et al., arXiv 1503.02531, temperature 2).
    options, pruning_options : dict
        More arguments of the trainer for the float network and while pruning.
    """

    densities: tuple[float, ...]
    bits: tuple[int, ...]
    epochs: int
    rate: float
    pruning_steps: int
    pruning_epochs: int
    pruning_rate: float
    retraining_epochs: int
    sharing_epochs: int
    sharing_rate: float
    distillation: float = 0.0
    options: dict = field(default_factory=dict)
    pruning_options: dict = field(default_factory=dict)


#: By the name of the network.
RECIPES = {
    "lenet-300-100": Recipe(
        densities=(0.03, 0.06, 0.25), bits=(4, 4, 4), epochs=20, rate=1e-3,
        pruning_steps=16, pruning_epochs=1, pruning_rate=2e-3, retraining_epochs=30,
        sharing_epochs=4, sharing_rate=3e-4, distillation=0.7,
        options={"dropout": 0.3}, pruning_options={"decay": 1e-5}),
    "lenet-5": Recipe(
        densities=(0.7, 0.15, 0.03, 0.2), bits=(5, 4, 4, 4), epochs=5, rate=1e-3,
        pruning_steps=5, pruning_epochs=1, pruning_rate=1e-3, retraining_epochs=4,
        sharing_epochs=1, sharing_rate=2e-4, distillation=0.7,
        options={"dropout": 0.3}, pruning_options={"decay": 1e-5}),
    "digits": Recipe(
        densities=train_digits.DENSITIES, bits=(4, 4, 4), epochs=train_digits.EPOCHS, rate=2e-3,
        pruning_steps=train_digits.PRUNING_STEPS, pruning_epochs=train_digits.PRUNING_EPOCHS,
        pruning_rate=1e-2, retraining_epochs=train_digits.RETRAINING_EPOCHS,
        sharing_epochs=train_digits.SHARING_EPOCHS, sharing_rate=5e-4),
}
