"""Rows dealt out so that processing elements stay balanced whatever part of the input is active."""

import numpy as np

from .partition import greedy_order

__all__ = ["balanced_order"]

#: Activity patterns that the rows are balanced under.
_PATTERNS = 64
#: Exchange partners that are tried for each row in one sweep.
_CANDIDATES = 512
_SWEEPS = 8
#: Mean of a row's loads. They are whole numbers, whose products and sums float64 holds exactly in
#: whatever order they are added up (unless a row has 1000 times the mean): every machine finds the
#: same order.
_MEAN_LOAD = 1024
#: Weight of the pattern in which all inputs are active, against one of the others.
_ALL_ACTIVE = 2
#: Columns whose weights are looked at together: stays within the cache.
_BLOCK = 512


def balanced_order(codes, codebook, slots, *, groups=1):
    """Choose which row goes to which slot so that no processing element is ahead of the others.

    Equal numbers of non-zeros, as `greedy_order` gives, balance a layer only if all of its inputs
    are active. In a real one about a third is, and not at random: rows that respond to the same
    inputs are heavy or light together, so they must not share a processing element. The patterns
    that matter are unknown to an encoder, but weights tell of them: an input that excites output r
    tends to have a positive weight there. Of `rows` such patterns, one for each output, an even
    sample is taken, in which an input is active with probability 1, 1/2 or 0 as its weight is
    positive, pruned or negative; and one in which all are. Rows are exchanged between slots, from
    the greedy order on, as long as that makes the sum of the squared loads over elements and
    patterns smaller.

    Parameters
    ----------
    codes : ndarray of uint8, shape (rows, columns)
        Codebook indices, columns by input position; 0 is a pruned weight.
    codebook : ndarray of int, shape (n,)
        Weight of each index; only signs are used.
    slots : int
        Processing elements that share the rows.
    groups : int
        Column groups: the elements of a slot are balanced each on its own columns.

    Returns
    -------
    ndarray of intp, shape (rows,)
        Row at each position; position q belongs to slot ``q % slots``.
    """
    order = greedy_order(np.count_nonzero(codes, axis=1), slots)
    if slots == 1 or len(order) <= slots:
        return order
    slot = np.empty(len(order), dtype=np.intp)
    slot[order] = np.arange(len(order)) % slots
    slot = _exchange(_loads(codes, np.sign(codebook), groups), slot, slots)

    # Within a slot the greedy order stays: heavy rows first keeps the long runs at column ends.
    refined = np.empty_like(order)
    for number in range(slots):
        refined[number::slots] = order[slot[order] == number]
    return refined


def _loads(codes, signs, groups):
    """Expected active non-zeros of each row, by group and pattern, with mean `_MEAN_LOAD`.

    Returns
    -------
    ndarray of float64, shape (rows, groups * (patterns + 1))
        The last of each group is of the pattern in which all inputs are active.
    """
    rows, columns = codes.shape
    count = min(rows, max(1, _PATTERNS // groups))
    chosen = np.linspace(0, rows - 1, count).round().astype(np.intp)
    activity = np.ones((count + 1, columns), dtype=np.float32)
    activity[:-1] += signs[codes[chosen]]
    activity[:-1] /= 2
    loads = np.zeros((groups, rows, count + 1), dtype=np.float32)   # halves: exact up to 2**23
    for group in range(groups):
        for start in range(group, columns, _BLOCK * groups):
            block = slice(start, start + _BLOCK * groups, groups)
            there = (codes[:, block] != 0).astype(np.float32)
            loads[group] += there @ activity[:, block].T
    loads = loads.astype(np.float64)
    mean = loads.mean(axis=1, keepdims=True)
    loads *= _MEAN_LOAD / np.where(mean > 0, mean, 1)
    loads[:, :, -1] *= _ALL_ACTIVE
    return np.rint(np.concatenate(loads, axis=1))


def _exchange(loads, slot, slots):
    """Exchange rows between slots until hardly any tried exchange helps.

    If rows r and o, with the loads l, change places between slots with the sums t, the sum of the
    squares of all sums grows by twice ``(l[o] - l[r]) @ (t[r] - t[o]) + |l[o] - l[r]|**2``. The
    partners of a row are a window of the shuffled rows, so that nothing is gathered for them.

    Parameters
    ----------
    loads : ndarray of float64, shape (rows, patterns)
        Whole numbers.
    slot : ndarray of intp, shape (rows,)
    slots : int

    Returns
    -------
    ndarray of intp, shape (rows,)
        Slot of each row.
    """
    rng = np.random.default_rng(0)
    rows = len(loads)
    window = min(rows, _CANDIDATES)
    shuffled = rng.permutation(rows)
    loads, slot = loads[shuffled], slot[shuffled]
    total = np.zeros((slots, loads.shape[1]))
    np.add.at(total, slot, loads)
    square = np.einsum("ij,ij->i", loads, loads)
    # The part of the growth that depends on the partner alone.
    partner = square - np.einsum("ij,ij->i", loads, total[slot])
    for _ in range(_SWEEPS):
        exchanged = 0
        starts = rng.integers(rows - window + 1, size=rows).tolist()
        for row, start in enumerate(starts):
            here, mine, tried = slot[row], loads[row], slice(start, start + window)
            growth = loads[tried] @ (total[here] - 2 * mine) + partner[tried]
            growth += (total @ mine)[slot[tried]]
            growth[slot[tried] == here] = np.inf
            other = start + int(growth.argmin())
            least = growth[other - start] + square[row] - mine @ total[here]
            if not least < -1e-5 * square[row]:
                continue
            there, moved = slot[other], loads[other] - mine
            total[here] += moved
            total[there] -= moved
            slot[row], slot[other] = there, here
            changed = np.flatnonzero((slot == here) | (slot == there))
            partner[changed] = square[changed] - np.einsum(
                "ij,ij->i", loads[changed], total[slot[changed]])
            exchanged += 1
        if exchanged <= rows // 50:
            break
    found = np.empty_like(slot)
    found[shuffled] = slot
    return found
