"""The catalogue of components in README.md, written from the tree's docstrings.

    python -m scripts.catalogue         writes it anew; a test checks that it is up to date
"""

import ast

from .paths import REPO

__all__ = ["catalogue", "insert"]

_BEGIN = "<!-- catalogue: python -m scripts.catalogue -->\n"
_END = "<!-- end of catalogue -->\n"


def _components(path):
    """Name and first line of the docstring of every public component in a file."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and any(
                ast.unparse(base) in ("wiring.Component", "Component") for base in node.bases):
            summary = (ast.get_docstring(node) or "").split("\n\n")[0]
            yield node.name, " ".join(summary.split())


def catalogue():
    """Markdown table of the components of `hw`, by file.

    Returns
    -------
    str
    """
    lines = ["| component | what it does |", "|---|---|"]
    for path in sorted((REPO / "hw").rglob("*.py"), key=lambda path: (path.parent, path.name)):
        place = path.relative_to(REPO).as_posix()
        lines += [f"| [`{name}`]({place}) | {summary} |" for name, summary in _components(path)]
    return "\n".join(lines) + "\n"


def insert(text):
    """The text of README.md with today's catalogue in it.

    Raises
    ------
    ValueError
        If the text does not have the two marks, in their order.
    """
    head, begin, rest = text.partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"README.md lacks the line {(_END if begin else _BEGIN).strip()}")
    return f"{head}{_BEGIN}\n{catalogue()}\n{_END}{tail}"


if __name__ == "__main__":
    readme = REPO / "README.md"
    readme.write_text(insert(readme.read_text()))
