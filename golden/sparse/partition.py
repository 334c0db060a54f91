"""Which row takes which position, and so which processing element computes it."""

import heapq

import numpy as np

__all__ = ["check_order", "from_positions", "greedy_order", "identity_order", "inverse",
           "to_positions"]


def identity_order(rows):
    """Every row at its own position: EIE's partition (section III-C)."""
    return np.arange(rows, dtype=np.intp)


def greedy_order(load, slots):
    """Order of the rows that balances the work of `slots` slots.

    Position q belongs to slot ``q % slots``. Rows are taken by falling load, equal ones in their
    order, and each goes to the least loaded slot with a free position (of equals, the first). The
    heavy rows of a slot so come first, which leaves its long gaps to the ends of the columns, where
    they cost nothing.

    Parameters
    ----------
    load : array_like of int, shape (rows,)
        Work of each row, usually its non-zero weights.
    slots : int
        Processing elements, or groups of them, that share the rows.

    Returns
    -------
    ndarray of intp, shape (rows,)
        Row at each position.

    Examples
    --------
    >>> greedy_order([1, 9, 5, 5], 2)
    array([1, 2, 0, 3])
    """
    load = np.asarray(load)
    if load.ndim != 1 or slots < 1:
        raise ValueError(f"Need a load per row and a slot at least, not {load.shape} and {slots}")
    rows = len(load)
    heap = [(0, slot, slot) for slot in range(min(slots, rows))]     # load, slot, next position
    order = [0] * rows
    falling = np.argsort(-load.astype(np.int64), kind="stable")
    for row, weight in zip(falling.tolist(), load[falling].tolist(), strict=True):
        total, slot, position = heap[0]
        order[position] = row
        if position + slots < rows:
            heapq.heapreplace(heap, (total + weight, slot, position + slots))
        else:
            heapq.heappop(heap)
    return np.array(order, dtype=np.intp)


def inverse(order):
    """Position of each row: ``inverse(order)[order[q]] == q``."""
    positions = np.empty(len(order), dtype=np.intp)
    positions[order] = np.arange(len(order))
    return positions


def check_order(order, rows):
    """Return `order` as an intp array, or the identity if it is None.

    Raises
    ------
    ValueError
        If it is not a permutation of ``range(rows)``.
    """
    if order is None:
        return identity_order(rows)
    order = np.asarray(order)
    if order.shape != (rows,) or order.dtype.kind not in "iu":
        raise ValueError(f"An order of {rows} rows is {rows} integers, not {order.dtype} of shape "
                         f"{order.shape}")
    if not np.array_equal(np.sort(order), np.arange(rows)):
        raise ValueError(f"An order of {rows} rows names each of 0..{rows - 1} exactly once")
    return order.astype(np.intp)


def to_positions(values, order):
    """Arrange values of rows (last axis) by position, as the core holds them."""
    return np.asarray(values)[..., order]


def from_positions(values, order):
    """Arrange values of positions (last axis) by row, the inverse of `to_positions`."""
    return np.asarray(values)[..., inverse(order)]
