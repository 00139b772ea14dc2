"""Layer-wise relevance propagation for convolutional networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from saliency_core.descriptions import Cost, MethodDescription, Parameter
from saliency_core.lazy import torch
from saliency_core.methods._gradients import batches, blank_image
from saliency_core.methods.base import Method
from saliency_core.methods.registry import register

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier
    from saliency_core.methods._propagation.relevance import Composite

_COSTS = {
    "gamma": Cost(forwards=3, backwards=1.5),
    "alpha1_beta0": Cost(forwards=2, backwards=1),
    "alpha2_beta1": Cost(forwards=4, backwards=2),
    "epsilon": Cost(forwards=2, backwards=1),
}


@register
class Lrp(Method):
    """Σₖ Rₖ over the colour channels k; the logit S_c is passed back as relevance R from layer to layer.

    Rules by kind of layer (a "composite"), in the notation of _propagation.lrp_rules:
    linear layers, and a 1 × 1 convolution to the classes: ε rule;
    convolutions: γ rule, or αβ rule with α = 1 or 2, or the ε rule;
    the convolution on the image: z^B with the range of pixel values as its box, or flat;
    BatchNorm after a convolution or linear layer: folded into it; elsewhere relevance passes unchanged;
    residual sums and average pools: in proportion to the contributions; max pools: to the largest;
    activation functions: unchanged; LayerNorm: with its standard deviation as a constant;
    products with a sigmoid gate (squeeze and excitation): all to the other factor.
    Biases keep their share, so the total falls short of the logit where there are any. Anything else is refused.

    Reports with every map ``conservation_error``: ΣR − S_c, in logits.

    Source: Bach et al. 2015; Montavon et al., Layer-Wise Relevance Propagation: An Overview, 2019, section 10.3,
    for the composite.

    >>> method = create_method("lrp", classifier, convolutions="alpha2_beta1")  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="lrp",
        title="LRP",
        family="propagation",
        needs=("convolutional_layer", "gradients"),
        parameters=(
            Parameter(
                name="convolutions",
                kind="choice",
                default="gamma",
                choices=tuple(_COSTS),
                title="Rule of convolutions",
                help="How relevance is shared among the inputs of a convolution.",
                source="Montavon et al. 2019, section 10.3",
            ),
            Parameter(
                name="gamma",
                kind="number",
                default=0.25,
                minimum=0.0,
                maximum=1000.0,
                title="γ",
                help="How much the γ rule favours positive contributions; 0 is the ε rule without ε.",
                source="Montavon et al. 2019, section 10.3",
            ),
            Parameter(
                name="epsilon",
                kind="number",
                default=1e-6,
                minimum=0.0,
                maximum=1000.0,
                title="ε",
                help="What the ε rule adds to the size of its denominators, in units of the activations.",
                source="zennit",
            ),
            Parameter(
                name="first_layer",
                kind="choice",
                default="box",
                choices=("box", "flat", "same"),
                title="Rule of the first convolution",
                help=(
                    "On the image itself: z^B with the range of pixel values (box), spread evenly over what "
                    "the filter sees (flat), or the rule of the other convolutions (same)."
                ),
                source="Montavon et al. 2017; Montavon et al. 2019, section 10.3",
            ),
        ),
        paper=(
            "Bach et al., On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise "
            "Relevance Propagation, PLOS ONE 2015"
        ),
        summary="The class score, shared out backwards from layer to layer down to the pixels.",
        cost=lambda parameters: _COSTS[parameters["convolutions"]],
    )

    def __init__(self, classifier: Classifier, **parameters: Any) -> None:
        """Raises LayerError for a network with an operation that has no rule; see Method for the rest."""
        super().__init__(classifier, **parameters)
        with blank_image(classifier) as image:
            self._prepared(image)

    def _maps(
        self, images: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        maps, errors = [], []
        for batch in batches(self.classifier, len(images)):
            carrier, logits = self._prepared(images[batch])
            selected = logits.gather(1, targets[batch, None])[:, 0]
            (relevance,) = torch.autograd.grad(
                logits, carrier, torch.zeros_like(logits).scatter_(1, targets[batch, None], 1.0)
            )
            maps.append(relevance.sum(1))
            errors.append(relevance.double().sum((1, 2, 3)) - selected.detach().double())
        return torch.cat(maps), {"conservation_error": torch.cat(errors)}

    def _prepared(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits [B, C] and the tensor [B, 3, H, W] by which their gradient is the pixels' relevance."""
        from saliency_core.methods._propagation.relevance_pass import relevance_pass

        classifier, classes = self.classifier, len(self.classifier.class_names)
        # Ones: x · carrier has the gradient x · ∂S/∂x by it, which is the relevance of x.
        images = classifier.arranged(images)
        carrier = torch.ones_like(images, requires_grad=True)
        with torch.enable_grad():
            pixels, low, high = (values * carrier for values in (images, *self._pixel_range(images)))
            with relevance_pass(classifier.model, self._composite(), classes, classifier.title) as rule:
                rule.follow_pixels(pixels, low, high, carrier)
                # Not by ``logits``, which would arrange them as another tensor than the one that is followed.
                return carrier, classifier.model(pixels)

    def _composite(self) -> Composite:
        from saliency_core.methods._propagation.lrp_rules import alpha_beta_rule, epsilon_rule, gamma_rule
        from saliency_core.methods._propagation.relevance import Composite

        epsilon = epsilon_rule(self.parameters["epsilon"])
        rules: dict[str, Any] = {
            "gamma": gamma_rule(self.parameters["gamma"]),
            "alpha1_beta0": alpha_beta_rule(1, 0),
            "alpha2_beta1": alpha_beta_rule(2, 1),
            "epsilon": epsilon,
        }
        return Composite(rules[self.parameters["convolutions"]], epsilon, self.parameters["first_layer"])

    def _pixel_range(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Lowest and highest normalised values of each channel, shaped like the images: those of black and
        white, or the image's own where they go beyond.
        """
        preprocessing = self.classifier.preprocessing
        mean, deviation = (
            torch.tensor(values, device=images.device)[:, None, None]
            for values in (preprocessing.mean, preprocessing.std)
        )
        low = torch.minimum(-mean / deviation, images.amin((2, 3), keepdim=True))
        high = torch.maximum((1 - mean) / deviation, images.amax((2, 3), keepdim=True))
        return low.expand_as(images), high.expand_as(images)
