"""Requests about units: their maps, preferred pictures, and the network without them."""

from core.explain.method import methods
from core.explain.run import Request
from core.layers.ablation_curve import AblationCurve, ablation_curves
from core.layers.preferred import Preferred, Prior, optimised_picture
from core.layers.unit_ablation import AblationResult, UnitFill, UnitSwitches, UsualMeans, ablation_result
from core.layers.unit_maps import UnitMethod, unit_gradient_map
from core.types import Checkpoint, Cleaning, Explanation, Radiograph
from core.work import Work
from dashboard.cache import atlas_results, networks
from dashboard.cache.keys import QUEUE


@QUEUE.queued()
def unit_attribution(
    work: Work,
    checkpoint: Checkpoint,
    radiograph: Radiograph,
    cleaning: Cleaning,
    stage: str,
    channel: int,
    kind: UnitMethod,
) -> Explanation:
    """The attribution of one unit to the film."""
    return unit_gradient_map(
        networks.classifier(checkpoint), radiograph, stage, channel, kind, cleaning=cleaning, work=work
    )


@QUEUE.queued(slow=True)
def preferred_picture(work: Work, checkpoint: Checkpoint, stage: str, channel: int, prior: Prior) -> Preferred:
    """The synthetic picture that excites a unit most."""
    return optimised_picture(networks.classifier(checkpoint), stage, channel, prior=prior, work=work)


@QUEUE.queued(
    slow=lambda checkpoint, radiograph, cleaning, switched, usual, requests: any(
        methods[each.method].slow for each in requests
    )
)
def ablation(
    work: Work,
    checkpoint: Checkpoint,
    radiograph: Radiograph,
    cleaning: Cleaning,
    switched: UnitSwitches,
    usual: UsualMeans | None,
    requests: tuple[Request, ...],
) -> AblationResult:
    """The prediction without some units, and these maps of the network without them.

    usual: mean activations that replace the units (`usual_means`); None to use another value.
    """
    network = networks.classifier(checkpoint)
    return ablation_result(network, radiograph, switched, requests, usual=usual, cleaning=cleaning, work=work)


@QUEUE.queued(slow=True)
def removal(
    work: Work,
    checkpoint: Checkpoint,
    radiograph: Radiograph,
    cleaning: Cleaning,
    finding: str,
    stage: str,
    fill: UnitFill,
    usual: UsualMeans | None,
) -> tuple[AblationCurve, ...]:
    """How fast the finding's logit falls as units of the stage are switched off."""
    network = networks.classifier(checkpoint)
    return ablation_curves(
        network, radiograph, finding, stage=stage, fill=fill, usual=usual, cleaning=cleaning, work=work
    )


def usual_means(checkpoint: Checkpoint, fill: UnitFill) -> UsualMeans | None:
    """The units' means over the films of the atlas, if they are the fill value and there is an atlas."""
    atlas_in_use = atlas_results.atlas(checkpoint) if fill == "mean" else None
    return atlas_in_use.usual if atlas_in_use else None
