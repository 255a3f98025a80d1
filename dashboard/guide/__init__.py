"""The guide: Markdown pages with pictures, in the order of the links in README.md; also readable on GitHub."""

import re
from pathlib import Path

FOLDER = Path(__file__).parent
_LINK = re.compile(r"\[([^\]]+)\]\((\w+)\.md\)")
_PICTURE = re.compile(r"^!\[(.*?)\]\((.+?)\)$", re.MULTILINE)
_GENERATED = re.compile(r"<!--.*?-->")


def pages() -> dict[str, str]:
    """Title -> name of each page."""
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    return {title: name for title, name in _LINK.findall(index)}


def parts(name: str) -> list[str | tuple[Path, str]]:
    """The page as Markdown, with (file, caption) for each picture; links to other pages become their titles."""
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    text = _GENERATED.sub("", _LINK.sub(r"*\1*", text))
    split: list[str | tuple[Path, str]] = []
    end = 0
    for picture in _PICTURE.finditer(text):
        split += [text[end : picture.start()], (FOLDER / picture[2], picture[1])]
        end = picture.end()
    return [*split, text[end:]]
