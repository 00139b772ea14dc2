"""Small networks for methods that change the backward pass: one function, written in many ways."""

from __future__ import annotations

from collections.abc import Callable

import torch

from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.preprocessing import Preprocessing

SIZE = 8
CLASSES = 4
TARGETS = torch.tensor([0, 1, 3])


def classifier_of(model: torch.nn.Module, name: str = "small", size: int = SIZE) -> Classifier:
    return Classifier(model.eval(), name=name, preprocessing=Preprocessing(size=size))


def small_images(count: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))


def seeded(build: Callable[[], torch.nn.Module], seed: int = 13, biases: bool = True) -> torch.nn.Module:
    """The network with weights large enough for clear differences, and BatchNorm as after training."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = build().eval()
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.5, 1.5)
                torch.nn.init.uniform_(module.weight, 0.5, 1.5)
                torch.nn.init.normal_(module.bias, 0, 0.3)
            elif getattr(module, "weight", None) is not None and not isinstance(module, torch.nn.LayerNorm):
                module.weight.data.mul_(1.5)
            if not biases and getattr(module, "bias", None) is not None:
                torch.nn.init.zeros_(module.bias)
    return model


class ReluNetwork(torch.nn.Module):
    """conv, ReLU, conv, ReLU, max pool, linear, ReLU, linear; ``style`` says how the ReLUs are written."""

    STYLES = ("modules", "in_place", "reused", "reused_in_place", "functional", "functional_in_place", "method",
              "method_in_place", "mixed")  # fmt: skip

    def __init__(self, style: str = "modules") -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(3, 6, 3, padding=1)
        self.second = torch.nn.Conv2d(6, 5, 3, stride=1, padding=1)
        self.pool = torch.nn.MaxPool2d(2)
        self.hidden = torch.nn.Linear(5 * 16, 7)
        self.head = torch.nn.Linear(7, CLASSES)
        relu, f = torch.nn.ReLU, torch.nn.functional
        shared = relu(inplace=style == "reused_in_place")
        self.activations: list[Callable[[torch.Tensor], torch.Tensor]] | torch.nn.ModuleList
        if style in ("modules", "in_place"):
            self.activations = torch.nn.ModuleList(relu(inplace=style == "in_place") for _ in range(3))
        elif style.startswith("reused"):
            self.activations = torch.nn.ModuleList([shared] * 3)
        else:
            functions: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
                "functional": f.relu,
                "functional_in_place": lambda x: f.relu(x, inplace=True),
                "method": lambda x: x.relu(),
                "method_in_place": _without_using_the_result,
                "mixed": f.relu,
            }
            self.activations = [functions[style]] * 3
            if style == "mixed":
                self.activations[1:] = [lambda x: x.clamp_(min=0), lambda x: f.threshold(x, 0.0, 0.0)]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.activations[0](self.first(images))
        x = self.pool(self.activations[1](self.second(x)))
        return self.head(self.activations[2](self.hidden(x.flatten(1))))


def _without_using_the_result(x: torch.Tensor) -> torch.Tensor:
    x.relu_()
    return x


def relu_network(style: str = "modules", biases: bool = True) -> torch.nn.Module:
    model = seeded(lambda: ReluNetwork("modules"), biases=biases)
    other = ReluNetwork(style).eval()
    other.load_state_dict(model.state_dict())
    return other


class Residual(torch.nn.Module):
    """Blocks with residual sums, one reused in-place ReLU, concatenation, and average pooling, like a ResNet."""

    def __init__(self, normalised: bool = False) -> None:
        super().__init__()
        norm: Callable[[int], torch.nn.Module] = (
            torch.nn.BatchNorm2d if normalised else lambda _: torch.nn.Identity()
        )
        self.stem, self.stem_norm = torch.nn.Conv2d(3, 6, 3, padding=1), norm(6)
        self.one, self.one_norm = torch.nn.Conv2d(6, 6, 3, padding=1, groups=3), norm(6)
        self.two, self.two_norm = torch.nn.Conv2d(6, 6, 3, padding=1, bias=False), norm(6)
        self.pool = torch.nn.MaxPool2d(3, stride=2, padding=1)
        self.left, self.right = torch.nn.Conv2d(6, 4, 1), torch.nn.Conv2d(6, 4, 3, padding=1)
        self.head = torch.nn.Linear(8, CLASSES)
        self.relu = torch.nn.ReLU(inplace=True)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.relu(self.stem_norm(self.stem(images)))
        y = self.relu(self.one_norm(self.one(x)))
        y = self.two_norm(self.two(y))
        y += x
        x = self.pool(self.relu(y))
        x = torch.cat([self.relu(self.left(x)), self.relu(self.right(x))], 1)
        return self.head(x.mean((2, 3)))
