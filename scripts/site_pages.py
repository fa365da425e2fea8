"""What `make docs` does beyond MkDocs: pages from outside of docs/, links as they are on a site, and the reference.

The Markdown files stay as people read them beside the code, with links that lead to files. README.md becomes the home
page, and its tour a page of its own.
"""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

PROJECT = Path(__file__).resolve().parent.parent
HOME = "---\nhide: [navigation]\n---\n\n"
TOUR = "## A tour in five minutes"
OUTSIDE = {  # page of the site -> file
    "index.md": "README.md",
    "benchmarks.md": "benchmarks/README.md",
    "tests/security.md": "tests/security/README.md",
    "tests/vm.md": "tests/vm/README.md",
}
_LINK = re.compile(r"\[((?:[^\[\]`]|`[^`]*`)*)\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)")
_REFERENCE = re.compile(r"<!-- reference: ([\w.]+) -->")
_CELL = re.compile(r"<td.*?</td>", re.DOTALL)
_NAME = re.compile(r"(?<=<code>)[^<]+(?=</code>)")
_MENTION = re.compile(r"<code>(?:sampan\.)?([A-Za-z]\w*(?:\.\w+)?)</code>|\b([A-Z]\w+Error)\b")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from outside of docs/."""
    for uri, path in OUTSIDE.items():
        files.append(File.generated(config, uri, content=with_links(PROJECT / path, uri)))
    readme = with_links(PROJECT / "README.md", "index.md")
    before, tour, after = _tour(readme)
    files.remove(files.src_uris["index.md"])
    files.append(File.generated(config, "index.md", content=f"{HOME}{before}{after}"))
    files.append(File.generated(config, "tour.md", content=f"# {tour.removeprefix('## ')}"))
    return files


def _tour(readme: str) -> tuple[str, str, str]:
    """What is before the tour, the tour, and what is after it."""
    before, found, rest = readme.partition(TOUR)
    tour, _, after = rest.partition("\n## ")
    assert after, "README.md has no tour"
    return before, found + tour + "\n", f"## {after}"


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Lead links to where files are on the site, and write the directives of the reference."""
    if page.file.src_uri in {*OUTSIDE, "tour.md"}:
        return markdown  # they have been written so
    text = with_links(PROJECT / "docs" / page.file.src_uri, page.file.src_uri, markdown)
    return _REFERENCE.sub(lambda match: directives(match[1]), text)


def on_page_content(html: str, page: Page, **_: object) -> str:
    """Let long names in tables be broken at their points, and lead names in the reference to their entries."""
    html = _CELL.sub(
        lambda cell: _NAME.sub(lambda name: re.sub(r"(?<=\w)([._/])(?=\w)", r"\1<wbr>", name[0]), cell[0]), html
    )
    if not page.file.src_uri.startswith("reference"):
        return html
    package = "sampan.aio" if "aio" in page.file.src_uri else "sampan"
    entries = set(re.findall(r'id="(sampan\.[\w.]+)"', html))

    def linked(match: re.Match[str]) -> str:
        name = f"{package}.{match[1] or match[2]}"
        return f'<a href="#{name}">{match[0]}</a>' if name in entries else match[0]

    parts = re.split(r"(<h\d.*?</h\d>|<pre.*?</pre>|<a .*?</a>)", html, flags=re.DOTALL)
    return "".join(part if number % 2 else _MENTION.sub(linked, part) for number, part in enumerate(parts))


def with_links(path: Path, uri: str, text: str | None = None) -> str:
    """The text of a file as the page ``uri``.

    Links to files that are no pages are left out, and their words stay. A link that reads as the name of a file gets
    the title of the page.
    """
    pages = {PROJECT / file: name for name, file in OUTSIDE.items()}

    def replaced(match: re.Match[str]) -> str:
        words, target, anchor = match[1], match[2], match[3] or ""
        file = Path(os.path.normpath(path.parent / target))
        docs = PROJECT / "docs"
        to = pages.get(file) or (file.relative_to(docs).as_posix() if file.is_relative_to(docs) else "")
        if not to:
            return words
        if words.endswith(".md"):
            words = file.read_text().partition("\n")[0].removeprefix("# ")
        return f"[{words}]({os.path.relpath(to, os.path.dirname(uri) or '.')}{anchor})"

    return _LINK.sub(replaced, path.read_text() if text is None else text)


def directives(package: str) -> str:
    """One for each public name: what `__all__` of the package has, so that no name can be forgotten."""
    source = PROJECT / "src" / package.replace(".", "/") / "__init__.py"
    names = next(
        ast.literal_eval(node.value)
        for node in ast.parse(source.read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    kinds = {"Functions": [], "Classes": [], "Errors": [], "Constants": []}
    for name in names:
        if not name.startswith("_"):
            kinds[_kind(name)].append(f"::: {package}.{name}\n    options:\n      heading_level: 3\n")
    return "\n".join(f"## {kind}\n\n" + "\n".join(found) for kind, found in kinds.items() if found)


def _kind(name: str) -> str:
    if name.isupper():
        return "Constants"
    if name.endswith("Error") or name == "Problem":
        return "Errors"
    return "Functions" if name.islower() else "Classes"
