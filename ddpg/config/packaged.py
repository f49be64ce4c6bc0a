"""Settings files that are part of the package: `configs/` of the repository."""

from pathlib import Path

_INSTALLED, _CHECKOUT = (Path(__file__).parents[level] / "configs" for level in (1, 2))


def packaged_file(name: str) -> Path | None:
    """Return the packaged file of a name such as `pendulum`.

    Returns:
        None if there is no such file, or if the working directory has a file of that name.
    """
    return None if Path(name).is_file() else _files().get(name)


def packaged_names() -> list[str]:
    """Return the names of all packaged files, sorted."""
    return sorted(_files())


def _files() -> dict[str, Path]:
    folder = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
    return {file.stem: file for file in folder.glob("*.yaml")}
