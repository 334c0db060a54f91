"""From steps to a program: configuration where it changes, weights ahead of their products."""

from dataclasses import dataclass, field

from ..formats import Operation
from .instructions import configure, encode, program

__all__ = ["Step", "pieces", "schedule"]

#: Products ahead of which weights are asked for: fewer than Read_Weights may be under way.
_AHEAD = 2
_MOST_TILES = (1 << 16) - 1
#: Cuts through the rows of a block: instructions cost room in the program memory.
_MOST_CUTS = 6


@dataclass(frozen=True)
class Step:
    """An instruction with what has to be in place for it.

    Parameters
    ----------
    operation : Operation
    fields : dict of str to int
    registers : dict of Register to dict of str to int
        Configuration that it needs; a field that is not named may have any value.
    weights : tuple of (int, int), optional
        Row of the weight memory and number of the tiles that it multiplies by.
    """

    operation: Operation
    fields: dict
    registers: dict = field(default_factory=dict)
    weights: tuple = None


def pieces(rows, fill, drain, least):
    """Cut the rows of a block so that multiplying and activating overlap at both its ends.

    A row takes `fill` cycles in the array and `drain` in the activation unit. Where multiplying is
    the slower of the two, the last piece is short, since nobody multiplies while it is drained, and
    every other one not longer than is drained while the next one is multiplied. Where draining is
    the slower, the first one is short, and so on from there.

    Parameters
    ----------
    rows : int
    fill, drain : int
    least : int
        Rows of the shortest piece, unless there are fewer.

    Returns
    -------
    list of int
        Rows of each piece; their sum is `rows`.

    Examples
    --------
    >>> pieces(64, 8, 4, 16), pieces(256, 32, 4, 16), pieces(64, 1, 4, 16), pieces(20, 8, 4, 16)
    ([16, 32, 16], [112, 128, 16], [16, 48], [20])
    """
    slow, fast = max(fill, drain), min(fill, drain)
    cut, size = [], least
    while sum(cut) + size + least <= rows and len(cut) < _MOST_CUTS:
        cut.append(size)
        size = max(least, size * slow // fast)
    rest = rows - sum(cut)
    if rest:
        cut.append(rest)
    return cut[::-1] if fill > drain else cut


def schedule(steps, *, rows):
    """Encode steps, with what they need in front of them.

    Weights of products that follow each other in the weight memory are read by one instruction,
    which stands some products ahead, so that they have arrived when they are needed.

    Parameters
    ----------
    steps : list of Step
    rows : int
        Rows of a tile.

    Returns
    -------
    ndarray of uint32, shape (n, 4)
        A Halt is the last instruction.
    """
    products = [step for step in steps if step.weights]
    reads = {}          # by the product in front of which they stand
    end, tiles, address, place = None, 0, 0, 0
    for number, step in enumerate(products):
        start, count = step.weights
        if start != end or tiles + count > _MOST_TILES:
            if tiles:
                reads.setdefault(place, []).append((address, tiles))
            address, tiles, place = start, 0, max(0, number - _AHEAD)
        tiles += count
        end = start + count * rows
    if tiles:
        reads.setdefault(place, []).append((address, tiles))

    words, state, number = [], {}, 0
    for step in steps:
        for register, fields in step.registers.items():
            known = state.setdefault(register, {})
            if any(known.get(name, 0) != value for name, value in fields.items()):
                known.update(fields)
                words.append(configure(register, **known))
        if step.weights:
            words += [encode(Operation.READ_WEIGHTS, address=address, tiles=tiles)
                      for address, tiles in reads.get(number, ())]
            number += 1
        words.append(encode(step.operation, **step.fields))
    return program([*words, encode(Operation.HALT)])
