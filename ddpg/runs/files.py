"""Files that are written whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Inside, the file to write, beside `path` and of its ending; after it, that file is `path`.

    If anything is raised inside, `path` is as it was, and nothing else is left.

    Raises:
        OSError: it cannot be written; `filename` is `path`.
    """
    unfinished = path.with_stem(path.stem + "-unfinished")
    try:
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        unfinished.unlink(missing_ok=True)
