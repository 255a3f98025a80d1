"""`randomise`: which methods' maps depend on the learned weights."""

import click

from core.commands import options
from core.commands.registry import command


@command("randomise", short_help="Test which maps depend on the learned weights.")
@options.one_model
@click.option(
    "--method",
    "chosen",
    multiple=True,
    metavar="NAME",
    help="Method to test. Repeatable.  [default: all but slow ones]",
)
@options.as_json
def randomise(choice: options.ModelChoice, chosen: tuple[str, ...], as_json: bool) -> None:
    """Replaces the weights of a network by random ones, from the last layer to the first, and compares the maps on two
    phantoms with those before (Adebayo et al. 2018).

    A method whose maps stay the same shows the film, not the model. The result is written beside the weights, where
    `trust` and the app read it; methods that were tested before are kept.

    \b
    Examples:
      python -m core randomise --checkpoint efficientnet-lite0
      python -m core randomise --method guided-backprop --method grad-cam
    """
    from core.models import library
    from core.trust import randomisation

    classifier = choice.classifier()
    card = classifier.checkpoint
    folder = choice.weights or library.place(card.name)
    results = dict(randomisation.read_table(card, folder))
    for name, cascade in randomisation.table(classifier, randomisation.known_methods(chosen)):
        results[name] = cascade
        flagged = randomisation.sameness(cascade) > randomisation.LIMIT
        if as_json:
            click.echo(options.line({"checkpoint": card.name, "method": name, "cascade": cascade, "flagged": flagged}))
        else:
            steps = "  ".join(f"{value:5.2f}" for value in cascade)
            click.echo(f"{name:28}  {steps}  {'does not depend on the weights' if flagged else ''}".rstrip())
    randomisation.write_table(card, results, folder)
