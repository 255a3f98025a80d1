"""The command line: `python -m core predict|explain|compare|import|models|methods|evaluate|layers|atlas|train|bench`.

Each command stands in its own file of core/commands/; what it needs of the rest is imported when it runs, so that
`--help` answers at once.
"""

import click

from core.commands.atlas import atlas
from core.commands.bench import bench
from core.commands.catalogue import methods, models
from core.commands.compare import compare
from core.commands.evaluate import evaluate
from core.commands.explain import explain
from core.commands.importing import importing
from core.commands.layers import layers
from core.commands.predict import predict
from core.commands.train import train


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def cli() -> None:
    """Lightbox: what a chest X-ray classifier says of a radiograph, and where it looks.

    For research and teaching. Not for diagnosis.

    \b
    Examples:
      python -m core predict film.dcm
      python -m core explain film.dcm --finding covid --out maps
      python -m core predict folder/ --json > answers.jsonl
      python -m core COMMAND --help
    """


for command in (predict, explain, compare, importing, models, methods, evaluate, layers, atlas, train, bench):
    cli.add_command(command)


if __name__ == "__main__":
    cli(prog_name="python -m core")
