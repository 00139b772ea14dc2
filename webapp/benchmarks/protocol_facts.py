"""What a protocol fixes, spelled out for readers."""

from __future__ import annotations

from django.utils.translation import gettext as _

from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.experiments.base import Protocol


def protocol_facts(protocol: Protocol) -> list[tuple[str, str]]:
    """Title and text of everything about a protocol that two comparable figures have in common."""
    facts = [
        (_("Image"), framing(protocol)),
        (
            _("Class"),
            {
                "predicted": _("the predicted one, kept fixed"),
                "label": _("the image's own label"),
                "annotated": _("every class that is annotated in the image"),
            }[protocol.target_rule],
        ),
    ]
    if protocol.activation:
        facts.append(
            (_("Score"), _("%(activation)s probability of the class") % {"activation": protocol.activation})
        )
    if protocol.experiment == "insertion_deletion":
        facts += [
            (
                _("Steps"),
                _("%(steps)d steps of %(pixels)d pixels (%(share).3f %%)")
                % {
                    "steps": protocol.steps,
                    "pixels": protocol.step_pixels,
                    "share": 100 * protocol.step_pixels / protocol.size**2,
                },
            ),
            (_("Insertion starts from"), _canvas(protocol, protocol.insertion_canvas)),
            (_("Deletion ends at"), _canvas(protocol, protocol.deletion_canvas)),
            (_("Equal values"), _("in the order of rows, from the top left")),
            (_("Area"), _("trapezoids over a unit interval; over-all = insertion − deletion")),
        ]
    if protocol.source:
        facts.append((_("Source"), _(protocol.source)))
    return facts


def framing(rules: Protocol | Preprocessing) -> str:
    """How an image comes to its size."""
    if rules.pipeline == "squash":
        return _("resized to %(size)d × %(size)d, whatever its shape") % {"size": rules.size}
    return _("shorter side resized to %(resized)d, centre %(size)d × %(size)d cut out") % {
        "resized": rules.size * 256 // 224,
        "size": rules.size,
    }


def _canvas(protocol: Protocol, canvas: str) -> str:
    if canvas == "blur":
        return _("the blurred image (Gaussian, %(kernel)d pixels wide, σ = %(sigma)g)") % {
            "kernel": protocol.blur_kernel,
            "sigma": protocol.blur_sigma,
        }
    if canvas == "rise_blur":
        return _("the blurred image (RISE's kernel of 11 × 11 pixels, zeros beyond the border)")
    return _("the mean colour")
