"""The error that says which memory of a core is too small."""

__all__ = ["TooSmall"]


class TooSmall(ValueError):
    """A memory has no room for something.

    Parameters
    ----------
    message : str
        What, and of how much.
    parameter : str
        Of `DenseGeometry`.
    value : int
        With which it would have room for what was met so far.
    otherwise : str
        What would help, too.
    """

    def __init__(self, message, parameter, value, otherwise=""):
        super().__init__(f"{message}; set {parameter}={value}{otherwise}")
        self.parameter = parameter
        self.value = value
