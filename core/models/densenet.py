"""DenseNet, torchvision's layers under our contract."""

from collections import OrderedDict

from torch import nn

from core.models.architecture import Network, architecture
from core.models.operators import torchvision

_STAGES = {
    "stem": "pool0",
    "stage 1": "denseblock1",
    "stage 2": "denseblock2",
    "stage 3": "denseblock3",
    "stage 4": "relu5",
}


@architecture("densenet121", title="DenseNet-121", source="Huang et al. 2017, arXiv:1608.06993")
def densenet121(findings: int, channels: int) -> Network:
    """DenseNet-121 with global average pooling and one linear layer.

    torchvision applies an in-place functional ReLU after `features`, which overwrites the last batch norm's output
    under any hook and which guided backprop cannot see. Here it is a module of its own, and no ReLU is in place.
    """
    layers = torchvision.models.densenet121().features
    if channels != 3:
        layers.conv0 = nn.Conv2d(channels, 64, kernel_size=7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(layers.conv0.weight)
    for module in layers.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    features = nn.Sequential(OrderedDict([*layers.named_children(), ("relu5", nn.ReLU())]))
    head = nn.Sequential(OrderedDict(pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), linear=nn.Linear(1024, findings)))
    return Network(features, _STAGES, head)


@architecture(
    "densenet121-s16",
    title="DenseNet-121, stride 16",
    source="Huang et al. 2017, arXiv:1608.06993; last pooling left out",
)
def densenet121_s16(findings: int, channels: int) -> Network:
    """DenseNet-121 without the last transition's pooling: the last maps are 14 × 14 at 224 px, not 7 × 7.

    It has densenet121's parameters under the same names, so each takes the other's weights; a forward has 11 % more
    multiplications (3.07 against 2.75 billion at 224 px).
    """
    network = densenet121(findings, channels)
    network.features.get_submodule("transition3").pool = nn.Identity()
    return network
