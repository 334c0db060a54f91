"""What can be placed: a core, and the components that it is made of."""

import re
from dataclasses import dataclass

from amaranth.hdl import Fragment
from amaranth.lib import wiring

from hw.check import Check
from hw.config import DenseConfig, SparseConfig
from hw.sparse.core import SparseCore
from hw.systolic.core import DenseCore

__all__ = ["Design", "Part", "design_of", "parts_of"]


@dataclass(frozen=True, eq=False)
class Design:
    """A core that can be placed on a board.

    Parameters
    ----------
    name : str
        Of its module, and in records.
    make : callable
        ``make()`` returns the core, whose host port makes it fit `hw.boards.board_top`.
    pes : int
        Processing elements, of the dense core its multipliers: what a table divides by.
    """

    name: str
    make: object
    pes: int


@dataclass(frozen=True, eq=False)
class Part:
    """A component of a core.

    Parameters
    ----------
    component : wiring.Component
        The first of its kind.
    count : int
        How many there are in the core.
    depth : int
        How many components it lies in, the core excepted.
    """

    component: wiring.Component
    count: int
    depth: int


#: How a core is made, by the class of its configuration.
_CORES = {SparseConfig: ("sparse_core", SparseCore), DenseConfig: ("dense_core", DenseCore)}


def design_of(config):
    """The core that a configuration describes.

    Parameters
    ----------
    config : hw.config.SparseConfig or hw.config.DenseConfig

    Returns
    -------
    Design
    """
    name, core = _CORES[type(config)]
    return Design(name, lambda: core(config), config.pes)


def parts_of(design):
    """Components of a core by name, the core itself excepted.

    Parameters
    ----------
    design : Design

    Returns
    -------
    dict of str to Part
        One of each kind, such as ``column_queue`` for a ColumnQueue, from the outside in.
    """
    found, counts = {}, {}

    def walk(fragment, depth):
        for origin in fragment.origins or ():
            # Amaranth's own memories are components too; a check is nothing but its assertion.
            if isinstance(origin, wiring.Component) and list(origin.signature.members) and type(
                    origin).__module__.startswith("hw.") and not isinstance(origin, Check):
                name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(origin).__name__).lower()
                found.setdefault(name, (origin, depth))
                counts[name] = counts.get(name, 0) + 1
                depth += 1
        for subfragment, _, _ in fragment.subfragments:
            walk(subfragment, depth)

    walk(Fragment.get(design.make(), None), -1)
    return {name: Part(component, counts[name], depth)
            for name, (component, depth) in found.items() if depth >= 0}
