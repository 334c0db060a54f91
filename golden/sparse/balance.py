"""Rows dealt out so that processing elements stay balanced whatever part of the input is active."""

import numpy as np

from .partition import greedy_order

__all__ = ["balanced_order"]

#: Activity patterns that the rows are balanced under.
_PATTERNS = 64
#: Exchange partners that are tried for each row in one sweep.
_CANDIDATES = 256
_SWEEPS = 8


def balanced_order(weights, slots, *, groups=1):
    """Choose which row goes to which slot so that no processing element is ahead of the others.

    Equal numbers of non-zeros, as `greedy_order` gives, balance a layer only if all of its inputs
    are active. In a real one about a third is, and not at random: rows that respond to the same
    inputs are heavy or light together, so they must not share a processing element. The patterns
    that matter are unknown to an encoder, but weights tell of them: an input that excites output r
    tends to have a positive weight there. Of `rows` such patterns, one for each output, an even
    sample is taken, in which an input is active with probability 1, 1/2 or 0 as its weight is
    positive, pruned or negative. Rows are exchanged between slots, from the greedy order on, as
    long as that makes the sum of the squared loads over elements and patterns smaller.

    Parameters
    ----------
    weights : ndarray of int, shape (rows, columns)
        Columns by input position; only signs are used.
    slots : int
        Processing elements that share the rows.
    groups : int
        Column groups: the elements of a slot are balanced each on its own columns.

    Returns
    -------
    ndarray of intp, shape (rows,)
        Row at each position; position q belongs to slot ``q % slots``.
    """
    sign = np.sign(weights).astype(np.float32)
    order = greedy_order(np.count_nonzero(sign, axis=1), slots)
    if slots == 1 or len(order) <= slots:
        return order
    loads = _loads(sign, groups)
    slot = np.empty(len(order), dtype=np.intp)
    slot[order] = np.arange(len(order)) % slots
    _exchange(loads, slot, slots)

    # Within a slot the greedy order stays: heavy rows first keeps the long runs at column ends.
    refined = np.empty_like(order)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    for number in range(slots):
        mine = np.flatnonzero(slot == number)
        refined[number::slots] = mine[np.argsort(rank[mine], kind="stable")]
    return refined


def _loads(sign, groups):
    """Expected active non-zeros of each row, by pattern and group, each with mean 1.

    Returns
    -------
    ndarray of float32, shape (rows, patterns * groups)
    """
    rows = len(sign)
    count = min(rows, max(1, _PATTERNS // groups))
    chosen = np.linspace(0, rows - 1, count).round().astype(np.intp)
    activity = (1 + sign[chosen]) / 2
    nonzero = np.abs(sign)
    loads = np.concatenate([
        nonzero[:, group::groups] @ activity[:, group::groups].T
        for group in range(groups)], axis=1)
    mean = loads.mean(axis=0)
    return (loads / np.where(mean > 0, mean, 1)).astype(np.float32)


def _exchange(loads, slot, slots):
    """Exchange rows between slots, in place, until hardly any tried exchange helps."""
    rng = np.random.default_rng(0)
    rows, patterns = loads.shape
    total = np.zeros((slots, patterns), dtype=np.float32)
    np.add.at(total, slot, loads)
    square = np.einsum("ij,ij->i", loads, loads)
    for _ in range(_SWEEPS):
        exchanged = 0
        for row in range(rows):
            here = slot[row]
            others = (slice(None) if rows <= _CANDIDATES
                      else rng.integers(rows, size=_CANDIDATES))
            theirs, their_slots = loads[others], slot[others]
            # Half of what the sum of squares grows by if the two rows change places.
            moved = theirs - loads[row]
            growth = (np.einsum("ij,ij->i", moved, total[here] - total[their_slots])
                      + square[others] + square[row] - 2 * (theirs @ loads[row]))
            growth[their_slots == here] = 0
            best = int(growth.argmin())
            if growth[best] >= -1e-5 * square[row]:
                continue
            other = best if rows <= _CANDIDATES else int(others[best])
            there = slot[other]
            total[here] += moved[best]
            total[there] -= moved[best]
            slot[row], slot[other] = there, here
            exchanged += 1
        if exchanged <= rows // 50:
            break
