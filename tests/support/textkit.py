"""The demonstration's small repository and its stories."""

from importlib.resources import files
from pathlib import Path

STORIES = Path(str(files("damascus.demo") / "stories"))
_ROOT = Path(str(files("damascus.demo") / "textkit"))


def textkit() -> dict[str, str]:
    """The files of the repository: path to text."""
    return {
        str(path.relative_to(_ROOT)): path.read_text("utf-8")
        for path in _ROOT.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
