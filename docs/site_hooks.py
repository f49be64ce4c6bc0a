"""Hooks of MkDocs: README as the first page, the API reference, and links out of `docs/`."""

import ast
import os
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PACKAGES = ("ddpg", "ddpg.stops", "ddpg.isolation")
_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made from other files."""
    readme = (ROOT / "README.md").read_text("utf-8")
    start = _LINK.sub(lambda m: f"{m[1]}[{m[2]}]({m[3].removeprefix('docs/')})", readme)
    files.append(File.generated(config, "index.md", content=start))
    for package in PACKAGES:
        files.append(File.generated(config, f"reference/{package}.md", content=_reference(package)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Turn links to files that the site does not have into text."""
    folder = ROOT / "docs" / Path(page.file.src_uri).parent
    base = ROOT if page.file.src_uri == "index.md" else folder

    def link(match: re.Match[str]) -> str:
        path = match[3].partition("#")[0]
        target = Path(os.path.normpath(folder / path))
        on_site = target.is_relative_to(ROOT / "docs") and files.get_file_from_path(
            target.relative_to(ROOT / "docs").as_posix()
        )
        # A link to nothing stays, and MkDocs reports it.
        return match[2] if not on_site and (base / path).exists() else match[0]

    return _LINK.sub(link, markdown)


def _reference(package: str) -> str:
    """Return a page with every public name of a package."""
    file = ROOT.joinpath(*package.split("."), "__init__.py")
    homes: dict[str, str] = {}
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module not in ("importlib", "typing"):
            module = f"{package}.{node.module}" if node.level else str(node.module)
            homes |= {alias.name: module for alias in node.names}
    names = "\n\n".join(f"::: {homes[name]}.{name}" for name in sorted(homes))
    return f"# {package}\n\n{names}\n"
