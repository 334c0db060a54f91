"""What a convolutional network is made of: nodes, each of which names those that it reads."""

from dataclasses import dataclass

__all__ = ["Concat", "Conv", "GlobalAverage", "Graph", "MaxPool"]


@dataclass(frozen=True)
class Conv:
    """Convolution of square kernels, with a bias and (unless `relu` is False) a ReLU.

    Parameters
    ----------
    name, source : str
    inputs, outputs : int
        Channels.
    kernel, stride, padding : int
        Pixels each way; padding on each side, with zeros.
    relu : bool
    """

    name: str
    source: str
    inputs: int
    outputs: int
    kernel: int
    stride: int = 1
    padding: int = 0
    relu: bool = True

    @property
    def sources(self):
        """Names of the nodes that it reads."""
        return (self.source,)

    @property
    def weight_shape(self):
        """Shape of the weights: outputs, inputs, height, width."""
        return self.outputs, self.inputs, self.kernel, self.kernel

    def output_shape(self, shape):
        """Channels, height and width of the output."""
        if shape[0] != self.inputs:
            raise ValueError(f"{self.name} has {self.inputs} input channels, {self.source} has "
                             f"{shape[0]}")
        return self.outputs, *(
            (size + 2 * self.padding - self.kernel) // self.stride + 1 for size in shape[1:])


@dataclass(frozen=True)
class MaxPool:
    """Maximum of square windows as Caffe has it: the last one may reach over the border."""

    name: str
    source: str
    kernel: int
    stride: int

    @property
    def sources(self):
        """Names of the nodes that it reads."""
        return (self.source,)

    def output_shape(self, shape):
        """Channels, height and width of the output."""
        return shape[0], *(-(-(size - self.kernel) // self.stride) + 1 for size in shape[1:])


@dataclass(frozen=True)
class GlobalAverage:
    """Mean of each channel."""

    name: str
    source: str

    @property
    def sources(self):
        """Names of the nodes that it reads."""
        return (self.source,)

    def output_shape(self, shape):
        """Channels, 1 and 1."""
        return shape[0], 1, 1


@dataclass(frozen=True)
class Concat:
    """Channels of several nodes, one after the other."""

    name: str
    sources: tuple[str, ...]

    def output_shape(self, *shapes):
        """Channels, height and width of the output."""
        if len({shape[1:] for shape in shapes}) != 1:
            raise ValueError(f"{self.name}: images of {', '.join(map(str, shapes))} don't match")
        return sum(shape[0] for shape in shapes), *shapes[0][1:]


@dataclass(frozen=True)
class Graph:
    """A network: nodes in an order in which they can be computed.

    Parameters
    ----------
    name : str
    input_shape : tuple of int
        Channels, height and width of the node ``data``, which is not among the nodes.
    nodes : tuple of Conv, MaxPool, GlobalAverage or Concat
        The last one is the output.

    Raises
    ------
    ValueError
        If a name occurs twice, or a node reads one that is not before it or does not fit it.
    """

    name: str
    input_shape: tuple[int, int, int]
    nodes: tuple

    def __post_init__(self):
        shapes = {"data": self.input_shape}
        for node in self.nodes:
            if node.name in shapes:
                raise ValueError(f"There are two nodes {node.name}")
            missing = [source for source in node.sources if source not in shapes]
            if missing:
                raise ValueError(f"{node.name} reads {missing[0]}, which is not before it")
            shapes[node.name] = node.output_shape(*(shapes[source] for source in node.sources))
        object.__setattr__(self, "shapes", shapes)

    @property
    def convolutions(self):
        """The nodes with weights, in order."""
        return [node for node in self.nodes if isinstance(node, Conv)]

    def macs(self, conv):
        """Multiplications of a convolution with an image."""
        _, height, width = self.shapes[conv.name]
        outputs, inputs, kernel, _ = conv.weight_shape
        return outputs * inputs * kernel * kernel * height * width
