"""Requests for answers to an edited film."""

from core.explain.method import methods
from core.explain.run import Request
from core.types import Checkpoint, Cleaning, Prediction, Radiograph
from core.what_if.answer import EditedAnswer, edited_answer
from core.what_if.edit import Edit, EditContext, parsed_edit
from core.what_if.preprocessing import VariantAnswer, preprocessing_answers
from core.what_if.sweep import Sweep, sweep
from core.what_if.turning import Turning, turning
from core.work import Work
from dashboard.cache import networks
from dashboard.cache.keys import QUEUE
from dashboard.request_queue import Keyed


@QUEUE.queued(slow=lambda checkpoint, context, changes, request: request is not None and methods[request.method].slow)
def edited_film(
    work: Work, checkpoint: Checkpoint, context: Keyed[EditContext], changes: tuple[str, ...], request: Request | None
) -> EditedAnswer:
    """The answer for the film after these edits (as text), with the map."""
    made = [parsed_edit(text) for text in changes]
    return edited_answer(networks.classifier(checkpoint), context.value, made, request=request, work=work)


@QUEUE.queued(slow=True)
def smallest_blur(
    work: Work, checkpoint: Checkpoint, context: Keyed[EditContext], changes: tuple[str, ...], finding: str
) -> Turning:
    """The smallest blur that changes the answer for the film after these edits."""
    earlier, before = _after_edits(work, checkpoint, context, changes)
    return turning(
        networks.classifier(checkpoint), context.value, finding=finding, before=before, earlier=earlier, work=work
    )


@QUEUE.queued(slow=True)
def edit_sweep(
    work: Work, checkpoint: Checkpoint, context: Keyed[EditContext], changes: tuple[str, ...], swept: str, finding: str
) -> Sweep:
    """The answers as the strength of an edit varies, after these edits."""
    earlier, before = _after_edits(work, checkpoint, context, changes)
    network, change = networks.classifier(checkpoint), parsed_edit(swept)
    return sweep(network, context.value, change, finding=finding, before=before, earlier=earlier, work=work)


def _after_edits(
    work: Work, checkpoint: Checkpoint, context: Keyed[EditContext], changes: tuple[str, ...]
) -> tuple[list[Edit], Prediction]:
    """The edits, and the prediction for the film after them."""
    earlier = [parsed_edit(text) for text in changes]
    return earlier, edited_answer(networks.classifier(checkpoint), context.value, earlier, work=work).prediction


@QUEUE.queued()
def other_preprocessing(
    work: Work, checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning, finding: str
) -> tuple[VariantAnswer, ...]:
    """The answers for the film under other preprocessing."""
    network = networks.classifier(checkpoint)
    before = network.predict(radiograph, cleaning=cleaning)
    return preprocessing_answers(network, radiograph, finding=finding, before=before, cleaning=cleaning, work=work)
