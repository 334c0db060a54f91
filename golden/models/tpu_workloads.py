"""The six workloads that TPU v1 was measured on, as programs without weights.

The paper (Jouppi et al., ISCA'17, table 1) prints how many layers of each kind they have, how many
weights, how often each weight is used and the batch; it prints hardly any shape of a layer. The
shapes here are ours, chosen so that these totals come out. They are multiples of 256, as somebody
would choose for this array, but where something else is printed or known:

``MLP0``: 2048 - 2048 - 2048 - 2048 - 2048 - 1536. ``MLP1``: 1024 - 1280 - 1280 - 1024 - 768.

``LSTM0``: one step of six cells of 1024. A gate is an FC layer of the cell's input and its last
output. After its four gates a cell has five vector layers (two products, their sum, its tanh and
the product with the output gate), and from the third cell on the input is added: 34. The first
cell takes 1536 inputs.

``LSTM1``: one step of three cells of 600, since a matrix of 600 x 600 is mentioned, a sum behind
each cell and one of the input (19 vector layers); twelve pairs of FC layers 600 - 1500 - 600, and
6250 outputs. An element-wise layer is one vector instruction.

``CNN0``: on the 19 x 19 points of a Go board, 48 planes in: 5 x 5, thirteen times 3 x 3 and once
1 x 1 to 256 channels, 1 x 1 to one. That it plays Go, after AlphaGo, is in the paper, and 2888 is
8 * 19 * 19.

``CNN1``: see `.tpu_inception`.

Inputs lie in the unified buffer and outputs stay there. What the host does, and the transfers over
its bus, are not in these programs.
"""

from ..formats import Operation
from ..systolic.outline import Outline
from ..systolic.outline_pictures import convolve, pictures
from .tpu_inception import put_inception
from .tpu_v1 import GEOMETRY, WORKLOADS

__all__ = ["outline_workload", "put_product"]

_SIGMOID, _TANH = 1, 2


def outline_workload(name, batch=None):
    """Lay out a workload.

    Parameters
    ----------
    name : str
        One of `golden.models.tpu_v1.WORKLOADS`.
    batch : int, optional
        By default the published one.

    Returns
    -------
    Outline
        On `golden.models.tpu_v1.GEOMETRY`.

    Raises
    ------
    ValueError
        If there is no such workload, or so large a batch does not fit the unified buffer.
    """
    if name not in _PUT:
        raise ValueError(f"There is no workload {name!r}, only {', '.join(_PUT)}")
    outline = Outline(GEOMETRY)
    _PUT[name](outline, WORKLOADS[name].batch if batch is None else batch)
    return outline


def put_product(outline, rows, *sizes):
    """Put fully connected layers of these sizes, one behind the other.

    Returns
    -------
    golden.systolic.outline.Rows
        What the last one makes.
    """
    tensor = outline.rows(rows, sizes[0])
    for number, size in enumerate(sizes[1:]):
        source, tensor = tensor, outline.fully_connected(f"fc{number}", [tensor], size)
        outline.free(source)
    return tensor


def _cell(outline, name, x, size):
    """A step of an LSTM cell; its states of the step before are in the buffer."""
    h, c = outline.rows(x.count, size), outline.rows(x.count, size)
    forget, keep, new, show = (
        outline.fully_connected(f"{name}.{gate}", [x, h], size, function=function)
        for gate, function in (("forget", _SIGMOID), ("keep", _SIGMOID), ("new", _TANH),
                               ("show", _SIGMOID)))
    old = outline.vector(f"{name}.old", Operation.VECTOR_MULTIPLY, forget, c)
    added = outline.vector(f"{name}.added", Operation.VECTOR_MULTIPLY, keep, new)
    state = outline.vector(f"{name}.state", Operation.VECTOR_ADD, old, added)
    bounded = outline.vector(f"{name}.bounded", Operation.VECTOR_ADD, state, function=_TANH)
    output = outline.vector(f"{name}.output", Operation.VECTOR_MULTIPLY, show, bounded)
    outline.free(h, c, forget, keep, new, show, old, added, state, bounded)
    return output


def _add(outline, name, a, b):
    """The sum of two tensors, in whose place other things may come."""
    total = outline.vector(name, Operation.VECTOR_ADD, a, b)
    outline.free(a, b)
    return total


def _lstm0(outline, batch):
    tensor = outline.rows(batch, 1536)
    for number in range(6):
        source, tensor = tensor, _cell(outline, f"cell{number}", tensor, 1024)
        if number >= 2:
            tensor = _add(outline, f"sum{number}", tensor, source)
        else:
            outline.free(source)


def _lstm1(outline, batch):
    tensor = outline.rows(batch, 600)
    first = outline.rows(batch, 600)
    for number in range(3):
        tensor = _add(outline, f"sum{number}", _cell(outline, f"cell{number}", tensor, 600), tensor)
    tensor = _add(outline, "sum", tensor, first)
    for number in range(12):
        wide = outline.fully_connected(f"wide{number}", [tensor], 1500)
        outline.free(tensor)
        tensor = outline.fully_connected(f"narrow{number}", [wide], 600)
        outline.free(wide)
    outline.fully_connected("out", [tensor], 6250)


def _cnn0(outline, batch):
    tensor = pictures(outline, batch, 19, 19, 48, gap=2)
    for number, (kernel, outputs) in enumerate([(5, 256), *[(3, 256)] * 13, (1, 256), (1, 1)]):
        source, tensor = tensor, convolve(outline, f"conv{number}", tensor, outputs, kernel=kernel)
        outline.free(source)


_PUT = {
    "MLP0": lambda outline, batch: put_product(outline, batch, *[2048] * 5, 1536),
    "MLP1": lambda outline, batch: put_product(outline, batch, 1024, 1280, 1280, 1024, 768),
    "LSTM0": _lstm0,
    "LSTM1": _lstm1,
    "CNN0": _cnn0,
    "CNN1": put_inception,
}
