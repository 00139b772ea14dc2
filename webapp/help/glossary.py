"""The terms of the field and of the application, as the pages use them."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Term:
    """`slug` names it in addresses: `/help/glossary/#slug`."""

    slug: str
    title: str | Promise
    meaning: str | Promise


@dataclass(frozen=True)
class Section:
    slug: str
    title: str | Promise
    terms: tuple[Term, ...]


GLOSSARY = (
    Section(
        "maps",
        _("Models and maps"),
        (
            Term(
                "saliency-map",
                _("Saliency map"),
                _(
                    "One number for each pixel of an image: how much the pixel counts for the class that is "
                    "explained, according to one method."
                ),
            ),
            Term(
                "method",
                _("Method"),
                _(
                    "A rule that makes a saliency map from a model, an image and a class, such as Grad-CAM "
                    "or RISE."
                ),
            ),
            Term(
                "enhancement",
                _("Enhancement"),
                _(
                    "The sliding-window enhancement: a method is also applied to enlarged windows of the "
                    "image, and the maps are added, weighted by the probability of the class in each window."
                ),
            ),
            Term(
                "model",
                _("Model"),
                _("An image classifier: an architecture with its weights, preprocessing and class names."),
            ),
            Term(
                "layer",
                _("Layer"),
                _(
                    "A step of the network. Methods of the CAM family read the feature maps of one layer; "
                    "deep layers follow the class and are coarse, early ones are fine and follow edges."
                ),
            ),
            Term(
                "feature-map",
                _("Feature map, channel"),
                _(
                    "One of the pictures that a convolutional layer gives, each showing where one pattern "
                    "was found."
                ),
            ),
            Term(
                "logit",
                _("Logit"),
                _(
                    "The model's score of a class before it is turned into a probability. Gradients are "
                    "taken of it."
                ),
            ),
            Term(
                "probability",
                _("Probability"),
                _(
                    "What softmax (one class for each image) or sigmoid (any number of classes) makes of the "
                    "logits. Insertion and deletion follow it."
                ),
            ),
            Term(
                "class-explained",
                _("Class explained, target"),
                _(
                    "The class whose score the map is about: the predicted one, the image's label, or one "
                    "that you choose."
                ),
            ),
            Term(
                "degenerate",
                _("Constant (degenerate) map"),
                _(
                    "A map in which all pixels are equal: the method found nothing. It is counted, and never "
                    "dropped."
                ),
            ),
            Term(
                "overlay",
                _("Overlay"),
                _("The image with its map laid over it in colours, each map stretched to its own range."),
            ),
            Term(
                "cut-out",
                _("Cut-out"),
                _(
                    "The image's most salient pixels, a chosen share of them; the rest black, blurred or "
                    "transparent."
                ),
            ),
            Term(
                "conservation-error",
                _("Conservation error"),
                _(
                    "How far relevance that a propagation method hands down through the layers departs from "
                    "what it began with."
                ),
            ),
        ),
    ),
    Section(
        "experiments",
        _("Experiments and figures"),
        (
            Term(
                "experiment",
                _("Experiment"),
                _(
                    "A way to measure maps image by image, such as insertion and deletion or the pointing "
                    "game."
                ),
            ),
            Term(
                "protocol",
                _("Protocol"),
                _(
                    "A named, versioned setting of an experiment that fixes everything that must be equal "
                    "for two figures to be comparable. Figures of different protocols do not belong in one "
                    "column."
                ),
            ),
            Term(
                "insertion",
                _("Insertion"),
                _(
                    "Pixels are revealed from the most salient on; a good map makes the probability rise "
                    "early. Higher is better."
                ),
            ),
            Term(
                "deletion",
                _("Deletion"),
                _(
                    "Pixels are taken away from the most salient on; a good map makes the probability fall "
                    "early. Lower is better."
                ),
            ),
            Term(
                "auc",
                _("AUC"),
                _(
                    "Area under a curve, here of the probability over the share of changed pixels; 1 is the "
                    "most there can be."
                ),
            ),
            Term(
                "overall",
                _("Over-all"),
                _("Insertion AUC minus deletion AUC."),
            ),
            Term(
                "canvas",
                _("Canvas"),
                _(
                    "What stands where pixels are hidden: the blurred image, black, or the mean colour. It "
                    "changes the figures much."
                ),
            ),
            Term(
                "positive-negative-perturbation",
                _("Positive and negative perturbation"),
                _(
                    "Pixels are blackened from the most (positive) or the least salient on (negative) while "
                    "the accuracy is followed."
                ),
            ),
            Term(
                "pointing-game",
                _("Pointing game"),
                _("A hit if the map's highest point lies on the object; the share of hits is the accuracy."),
            ),
            Term(
                "miou",
                _("mIoU"),
                _(
                    "Mean intersection over union: the area that map and object mask share, divided by the "
                    "area that either covers, averaged over object and background."
                ),
            ),
            Term(
                "average-drop",
                _("Average drop, increase"),
                _(
                    "How much of the probability is lost when the image shows only what the map marks, and "
                    "how often it rises instead."
                ),
            ),
            Term(
                "sanity-check",
                _("Sanity check"),
                _(
                    "The model's weights are replaced by random ones, layer by layer; a map that stays the "
                    "same does not depend on the model."
                ),
            ),
            Term(
                "ground-truth",
                _("Ground truth"),
                _("What a data set knows of its images: a label, boxes or masks. Some experiments need it."),
            ),
            Term(
                "forward-pass",
                _("Forward pass"),
                _("One image through the network. Costs are given in these; a backward pass counts as two."),
            ),
        ),
    ),
    Section(
        "statistics",
        _("Statistics"),
        (
            Term(
                "confidence-interval",
                _("Confidence interval"),
                _(
                    "A range made so that, over many such samples of images, 95 of 100 would hold the true "
                    "mean."
                ),
            ),
            Term(
                "bootstrap",
                _("Bootstrap"),
                _(
                    "Images are drawn again and again from those measured; the spread of the figures over "
                    "the draws is the interval."
                ),
            ),
            Term(
                "bca",
                _("BCa"),
                _("Bias-corrected and accelerated: a bootstrap interval that allows for skewed figures."),
            ),
            Term(
                "paired",
                _("Paired difference"),
                _(
                    "Two methods compared image by image on the same images, which is far sharper than "
                    "comparing their means."
                ),
            ),
            Term(
                "wilcoxon",
                _("Wilcoxon test"),
                _(
                    "Whether the paired differences lie on one side of zero, judged by their ranks; needs no "
                    "normal distribution."
                ),
            ),
            Term(
                "effect-size",
                _("Effect size"),
                _("How large a difference is in itself, apart from how many images there are."),
            ),
            Term(
                "holm",
                _("Holm correction"),
                _(
                    "p-values made larger because several pairs are tested at once, so that chance finds "
                    "stay one in twenty in all."
                ),
            ),
            Term(
                "friedman-nemenyi",
                _("Friedman and Nemenyi tests"),
                _(
                    "Friedman asks whether any of several methods differs in rank over the images; Nemenyi "
                    "says how far mean ranks must lie apart to differ."
                ),
            ),
        ),
    ),
    Section(
        "running",
        _("How work is shared out"),
        (
            Term(
                "benchmark",
                _("Benchmark"),
                _(
                    "Methods and experiments over the images of a data set with one model: a frozen "
                    "specification and its results."
                ),
            ),
            Term(
                "specification",
                _("Specification"),
                _(
                    "Everything that determines a benchmark's figures, with its SHA-256: the same "
                    "specification gives the same figures."
                ),
            ),
            Term(
                "subset",
                _("Subset, seed"),
                _(
                    "The images of a data set that are measured, drawn at random from a seed, so that the "
                    "same ones can be drawn again."
                ),
            ),
            Term(
                "shard",
                _("Shard"),
                _(
                    "A range of a benchmark's images under one method, which a worker claims, measures and "
                    "delivers as a whole."
                ),
            ),
            Term(
                "worker",
                _("Worker"),
                _("A process that measures shards, or draws the studio's maps, on one device."),
            ),
            Term(
                "lease",
                _("Lease, heartbeat"),
                _(
                    "A worker holds a shard for a short time and renews that as long as it lives; when it "
                    "falls silent, another one takes over."
                ),
            ),
            Term(
                "fence",
                _("Fence"),
                _(
                    "A number that rises with each claim of a shard. A result that comes with an old one is "
                    "not taken, so none counts twice."
                ),
            ),
            Term(
                "set-aside",
                _("Set aside"),
                _(
                    "A shard that failed at every attempt; its images are named among the failures and the "
                    "rest goes on."
                ),
            ),
        ),
    ),
)
