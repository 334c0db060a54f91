"""How figures look and where they go: PNG and SVG of each, the same bytes from the same numbers."""

from pathlib import Path

from ..errors import ToolMissing
from ..files import require_writable, writing

__all__ = ["COLOURS", "INK", "require", "save"]

#: Colours that stay apart for the colour-blind and in grey (Okabe and Ito).
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999999")
#: Of axes and labels.
INK = "#222222"

_STYLE = {
    "font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": INK,
    "axes.titlesize": 10, "axes.titlelocation": "left", "legend.frameon": False,
    "svg.hashsalt": "weft", "svg.fonttype": "none", "savefig.bbox": "tight",
}


def require(folder):
    """Tell before long work whether `save` can draw into `folder`; it raises what that would."""
    require_writable(folder, option="--plots")
    _pyplot()


def _pyplot():
    try:
        import matplotlib
        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError as error:
        raise ToolMissing("figures need matplotlib: pip install 'weft[plots]'") from error
    return pyplot


def save(drawings, folder):
    """Draw figures into the folder that `--plots` named.

    Parameters
    ----------
    drawings : dict of str to callable
        By the name of the file: what makes a figure, given `matplotlib.pyplot`.
    folder : path-like

    Returns
    -------
    list of Path
        Of the PNG files; each has an SVG beside it.

    Raises
    ------
    ToolMissing
        If matplotlib is not installed.
    UsageError
        If the folder can't be written.
    """
    pyplot, paths = _pyplot(), []
    with writing(folder, option="--plots"), pyplot.rc_context(_STYLE):
        for name, drawing in drawings.items():
            figure = drawing(pyplot)
            for suffix, options in ((".png", {"dpi": 160}), (".svg", {"metadata": {"Date": None}})):
                figure.savefig(Path(folder) / f"{name}{suffix}", **options)
            pyplot.close(figure)
            paths.append(Path(folder) / f"{name}.png")
    return paths
