"""A labelled set on disk for runs: drawn chests in a folder with films.csv."""

from pathlib import Path

from PIL import Image

from core.image.phantom import draw

FILMS = 12


def labelled_films(folder: Path) -> Path:
    """The folder with FILMS films, called covid and normal in turn, with sex; their shapes are the same."""
    lines = ["file,label,sex"]
    for number in range(FILMS):
        pixels = draw(seed=number, height=100, width=90).radiograph.pixels
        Image.fromarray((pixels >> 8).astype("uint8")).save(folder / f"{number}.png")
        lines.append(f"{number}.png,{'covid' if number % 2 else 'normal'},{'F' if number % 3 else 'M'}")
    (folder / "films.csv").write_text("\n".join(lines))
    return folder
