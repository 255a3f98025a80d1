"""`layers`: the group of commands about what is inside a network; each has its own file, `layers_*.py`."""

import click

from core.commands.registry import commands


@click.group(short_help="Look inside a network: stages, units, concepts.")
def layers() -> None:
    """Stages, units and concepts of a network, and its predictions with units switched off.

    \b
    Examples:
      python -m core layers plan --checkpoint densenet121-lungs --all
      python -m core layers removal ../shared/cxr --stage "stage 3" --top 20
      python -m core layers unit --channel 12 --film film.dcm --out build/unit
      python -m core layers without film.dcm --top 20
      python -m core layers stages film.dcm --data ../shared/cxr --limit 600
      python -m core layers concepts --phantoms 40 --concept side-marker
      python -m core layers parts film.dcm --count 5 --out parts.png
    """


commands.add("layers", layers)
