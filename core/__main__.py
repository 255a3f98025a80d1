"""The command line, `python -m core COMMAND`: one file per command in core/commands/.

A command imports what it needs when it runs, so that `--help` answers at once.
"""

import click

from core.commands.registry import add_commands


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def cli() -> None:
    """Lightbox: what a chest X-ray classifier predicts for a radiograph, and where it looks.

    For research and teaching. Not for diagnosis.

    \b
    Examples:
      python -m core predict film.dcm
      python -m core explain film.dcm --finding covid --out maps
      python -m core predict folder/ --json > predictions.jsonl
      python -m core COMMAND --help
    """


add_commands(cli)


if __name__ == "__main__":
    cli(prog_name="python -m core")
