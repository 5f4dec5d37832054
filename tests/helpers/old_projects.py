"""Networks as older projects wrote them, and what their training scripts saved."""

from __future__ import annotations

import torch
import torchvision
from torch import nn

CLASSES = [f"class_{i}" for i in range(7)]


def mlp(features: int, classes: int = 7) -> nn.Sequential:
    """The shared classification head of one of the projects, with dropout between its layers."""
    return nn.Sequential(
        nn.Linear(features, 256),
        nn.ReLU(),
        nn.Dropout(0.7),
        nn.Linear(256, 128),
        nn.ReLU(),
        nn.Dropout(0.7),
        nn.Linear(128, classes),
    )


def resnet(depth: int = 18, head: nn.Module | None = None, classes: int = 7) -> nn.Module:
    """torchvision's ResNet with a new last layer."""
    model = getattr(torchvision.models, f"resnet{depth}")(weights=None)
    model.fc = head or nn.Linear(model.fc.in_features, classes)
    return shaken(model)


class HeadBeside(nn.Module):
    """A ResNet whose last layer does nothing, and a head beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.resnet = torchvision.models.resnet18(weights=None)
        self.resnet.fc = nn.Identity()
        self.classifier = mlp(512)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.resnet(x))


class Children(nn.Module):
    """The usual way to cut the last layer off: `nn.Sequential(*resnet.children())`, which numbers the parts."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(*list(torchvision.models.resnet18(weights=None).children())[:-1])
        self.fc = nn.Linear(512, 7)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.features(x).flatten(1))


class OldCNN(nn.Module):
    """Two convolutions and a dense layer, before the shared head."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.dense = nn.Linear(64 * 14 * 14, 256)
        self.head = mlp(256)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.avg_pool2d(self.conv1(x).relu(), 4, ceil_mode=True)
        x = nn.functional.adaptive_avg_pool2d(self.conv2(x).relu(), 14)
        return self.head(self.dense(x.flatten(1)).relu())


def shaken(model: nn.Module) -> nn.Module:
    """The model in evaluation mode, with BatchNorm statistics that are not those of the start."""
    generator = torch.Generator().manual_seed(3)
    for name, buffer in model.named_buffers():
        if buffer.is_floating_point():
            buffer.copy_(torch.rand(buffer.shape, generator=generator) * 0.5 + (0.5 if "var" in name else 0))
    return model.eval()


class Payload:
    """An object whose pickle writes a file when it is opened, the canary; and one of a class that is not known."""

    def __init__(self, canary: object) -> None:
        self.canary = str(canary)

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (self.canary, "w")
