"""Where the cycles of a layer go that do no useful work."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Losses", "products", "split_cycles"]


@dataclass(frozen=True)
class Losses:
    """Cycles of a layer by what they were spent on, as shares that add up to 1.

    Parameters
    ----------
    useful : float
        Non-zero weights times non-zero activations.
    padding : float
        Multiplications by codebook entry 0.
    empty : float
        Columns without an entry that cost a processing element (PE) a cycle.
    imbalance : float
        By how much the busiest PE is ahead of the mean in all of the above.
    starvation : float
        The rest: the busiest PE waits for columns or words, the pipeline fills and drains.
    """

    useful: float
    padding: float
    empty: float
    imbalance: float
    starvation: float


def products(codes, activations):
    """Non-zero weights times non-zero activations: multiplications that matter.

    Parameters
    ----------
    codes : ndarray of uint8, shape (rows, columns)
    activations : ndarray, shape (columns,)

    Returns
    -------
    int
    """
    return int(np.count_nonzero(codes, axis=0)[np.asarray(activations) != 0].sum())


def split_cycles(encoded, nonzero, cost, *, lookahead):
    """Split the cycles of a layer by what they were spent on.

    Parameters
    ----------
    encoded : EncodedLayer
    nonzero : ndarray of bool, shape (columns,)
        Which activations are not zero, by input position.
    cost : LayerCycles
        Of the same layer and activations.
    lookahead : bool
        See `hw.config.SparseConfig`: whether empty columns are free.

    Returns
    -------
    Losses
    """
    pes, groups = encoded.geometry.pes, encoded.groups
    empty = np.zeros(pes, dtype=np.int64)
    if not lookahead:
        for group in range(groups):
            active = np.flatnonzero(np.asarray(nonzero, dtype=bool)[group::groups])
            pointers = encoded.pointers[group::groups]
            empty[group::groups] = np.count_nonzero(
                pointers[:, active] == pointers[:, active + 1], axis=1)
    occupied = cost.pe_busy + empty
    shares = {
        "useful": (cost.busy - cost.wasted) / pes,
        "padding": cost.wasted / pes,
        "empty": empty.sum() / pes,
        "imbalance": occupied.max() - occupied.mean(),
        "starvation": cost.cycles - occupied.max(),
    }
    return Losses(**{name: float(share / cost.cycles) for name, share in shares.items()})
