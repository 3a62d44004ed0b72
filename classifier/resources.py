"""Where the files that ship with the program are.

A wheel carries them in `classifier/_data`, a checkout has them in `data/` beside the packages; nothing else differs.
"""

from pathlib import Path

_PACKAGED = Path(__file__).parent / "_data"
_CHECKOUT = Path(__file__).parents[1] / "data"


def resource(name: str) -> Path:
    """Return the path of a shipped file or folder, such as "taxonomy/standard.toml"; it need not exist."""
    root = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT
    return root / name
