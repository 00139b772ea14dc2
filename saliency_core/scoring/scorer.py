"""Scores of perturbed copies of images: the one hot loop.

All work is flattened into jobs (image, curve, step) or (image, mask); jobs are composed on the device, run
in full batches of one fixed size, and come back in a single copy. The last batch is padded, so every
forward pass has the same shape and a score does not depend on what else was scored with it. Batch size,
precision and memory format of scores are decided here and nowhere else; the memory format of passes with
gradients in Classifier.arranged.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from saliency_core.classifiers.state import evaluation_mode
from saliency_core.errors import ParameterError
from saliency_core.lazy import torch
from saliency_core.scoring.batch_size import batch_size_of, remember_batch_size
from saliency_core.scoring.canvas import shown_through
from saliency_core.scoring.fast_network import FastNetwork
from saliency_core.scoring.listening import batch_listener
from saliency_core.scoring.memory import keep_freed_memory
from saliency_core.scoring.precision import arithmetic_of, network_in, numeric_precision, picture_format
from saliency_core.scoring.ranked_copies import RankedCopies
from saliency_core.scoring.ranking import Curve
from saliency_core.scoring.runtime_network import RuntimeNetwork

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier

_BATCHES_AHEAD = 2  # batches handed to the GPU before the callback waits for it
# Numbers of a layer's output in a batch, 16 MB: 160 outputs of ResNet-18's last block, 41 of VGG19's last convolution.
_FEATURES_AT_ONCE = 4_000_000
OUTPUTS: tuple[str, ...] = ("probability", "logit")


class Scorer:
    """Scores images for a classifier.

    ``on_batch(forwards)`` is called after every batch with the number of copies in it and may raise
    Interrupted; it runs at most two batches ahead of the device. Every score is a float32 tensor on the
    CPU.
    """

    def __init__(
        self,
        classifier: Classifier,
        batch_size: int | None = None,
        precision: str = "fp32",
        on_batch: Callable[[int], None] | None = None,
        *,
        compiled: bool = True,
    ) -> None:
        """``batch_size`` None: the classifier's own (see batch_size.batch_size_of). ``precision`` is one of
        precision.PRECISIONS. ``compiled`` False: never compiled, see precision.network_in.
        """
        if batch_size is not None and batch_size < 1:
            raise ParameterError(f"The batch size must be at least 1; got {batch_size}.")
        with numeric_precision(precision, classifier.device):
            pass  # an unknown precision is refused here rather than in the middle of the work
        if classifier.device.type == "cpu":
            keep_freed_memory()
        self.classifier = classifier
        self.batch_size = batch_size or batch_size_of(classifier, precision)
        self.precision = precision
        self._compiled = compiled
        self._arithmetic = arithmetic_of(precision, classifier)
        self._picture_type, _ = picture_format(self._arithmetic, classifier.device)
        self.on_batch = on_batch
        self.batch_halvings: list[str] = []

    @classmethod
    def for_copies(cls, classifier: Classifier, count: int) -> Scorer:
        """One whose batches divide an image's ``count`` copies as evenly as may be: of one size for any number of
        images, and hardly padded.
        """
        return cls(classifier, _even_batch(count, batch_size_of(classifier)))

    @classmethod
    def for_features(cls, classifier: Classifier, count: int, numbers: int) -> Scorer:
        """One for jobs that have a layer's output put in (``numbers`` in it for one image), ``count`` of them an image.

        A batch then costs a pass of one picture below the layer, however large it is. So batches are large where
        outputs are small.
        """
        most = max(batch_size_of(classifier), _FEATURES_AT_ONCE // numbers)
        return cls(classifier, _even_batch(count, most))

    def score_images(
        self, images: torch.Tensor, targets: torch.Tensor | None = None, output: str = "probability"
    ) -> torch.Tensor:
        """Scores [B] of classes ``targets`` [B], or [B, C] of all classes, for normalised images [B, 3, H,
        W].
        """
        images = self._placed(images)
        return self.score_composed(len(images), lambda jobs: images[jobs], targets, output)

    def score_rankings(
        self,
        sources: torch.Tensor,
        order: torch.Tensor,
        curves: Sequence[Curve],
        step_pixels: int,
        targets: torch.Tensor,
        output: str = "probability",
    ) -> torch.Tensor:
        """Score curves [B, curves, steps + 1].

        ``sources`` [B, S, 3, H, W] are the pictures between which pixels change (an image and its
        canvases), ``order`` int64 [B, H·W] the raster indices of the pixels, the first to change first (see
        pixel_order). After step i of a curve the first i · ``step_pixels`` pixels show its end source, the others
        its start. A source at the end of several curves is scored once. Scores are of classes ``targets`` [B].
        """
        # Rounded before they are composed: the same values in half the memory where the network takes bfloat16.
        placed = self._placed(sources).to(self._picture_type)
        network = self._network
        fused = isinstance(network, FastNetwork) and network.compiled
        planar = isinstance(network, RuntimeNetwork)
        copies = RankedCopies(
            placed, order, curves, step_pixels, fused=fused, planar=planar, buffers=self._batches_begun
        )
        images, each = len(sources), copies.per_image
        # On a GPU all batches have one size, as the network is compiled for each.
        on_cpu = self.classifier.device.type == "cpu"
        largest = _even_batch(each, self.batch_size) if on_cpu else None
        repeated = targets.repeat_interleave(each)
        scores = self._score(copies.number, copies.batch, repeated, output, largest=largest)
        scores = scores.view(images, each)
        inner = scores[:, len(copies.ends) :].view(images, len(curves), copies.steps - 1)
        first = scores[:, [copies.ends.index(curve.start) for curve in curves], None]
        last = scores[:, [copies.ends.index(curve.end) for curve in curves], None]
        return torch.cat([first, inner, last], dim=2)

    def score_masks(
        self,
        images: torch.Tensor,
        masks: torch.Tensor,
        canvas: torch.Tensor,
        targets: torch.Tensor | None = None,
        output: str = "probability",
    ) -> torch.Tensor:
        """Scores [B, M] of classes ``targets`` [B], or [B, M, C] of all classes, of masked images.

        ``masks`` [B, M, H, W], or [M, H, W] for all images alike, in [0, 1]: 1 shows images [B, 3, H, W], 0
        shows ``canvas`` [B, 3, H, W]. Masks may stay on the CPU; a batch's worth is moved at a time.
        """
        images, canvas = self._placed(images), self._placed(canvas)
        count = masks.shape[-3]

        def compose(jobs: torch.Tensor) -> torch.Tensor:
            image = jobs // count
            mask_jobs = jobs.to(masks.device)
            chosen = (
                masks[mask_jobs // count, mask_jobs % count] if masks.ndim == 4 else masks[mask_jobs % count]
            )
            return shown_through(self._placed(chosen), images, canvas, image)

        repeated = None if targets is None else targets.repeat_interleave(count)
        scores = self.score_composed(len(images) * count, compose, repeated, output)
        return scores.view(len(images), count, *scores.shape[1:])

    def score_composed(
        self,
        number: int,
        compose: Callable[[torch.Tensor], torch.Tensor],
        targets: torch.Tensor | None = None,
        output: str = "probability",
        reduce: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None,
    ) -> torch.Tensor:
        """Scores [number] of classes ``targets`` [number], or [number, C] of all classes, of the jobs 0 …
        number − 1.

        ``compose`` makes the pictures [N, 3, H, W] of job numbers int64 [N], both on the classifier's device
        and in inference mode; N is the batch size. It must leave pictures that it has made as they are. It is how masks
        are made when they are needed, so that only two batches of them exist at a time: never channels × image size.

        ``reduce(scores, jobs)`` makes what is kept of N jobs, [N, …], out of their scores on the device, so that
        the scores of a thousand classes need not be brought back to find the highest. At least one job then.
        """
        device = self.classifier.device

        def pictures(first: int, size: int) -> torch.Tensor:
            return compose(_jobs(first, size, number, device))

        return self._score(number, pictures, targets, output, reduce)

    def _score(
        self,
        number: int,
        pictures: Callable[[int, int], torch.Tensor],
        targets: torch.Tensor | None,
        output: str,
        reduce: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None,
        largest: int | None = None,
    ) -> torch.Tensor:
        """As score_composed; ``pictures(first, size)`` makes those of jobs ``first`` … ``first + size``, of which
        those past the end may be anything; ``size`` is the batch size, or ``largest`` if that is less.
        """
        if output not in OUTPUTS:
            raise ParameterError(f"The output must be one of {', '.join(OUTPUTS)}; got {output!r}.")
        classifier, device = self.classifier, self.classifier.device
        if not number:  # every mask of every image may have been left out
            return torch.empty((0,) if targets is not None else (0, len(classifier.class_names)))
        targets = None if targets is None else targets.to(device, torch.int64)
        network = self._network
        with (
            torch.inference_mode(),
            evaluation_mode(classifier.model),
            numeric_precision(self._arithmetic, device),
        ):
            scores = self._score_all(number, pictures, targets, output, reduce, largest)
            if isinstance(network, FastNetwork) and not scores.isfinite().all() and network.widen():
                scores = self._score_all(number, pictures, targets, output, reduce, largest)
        return scores

    def _score_all(
        self,
        number: int,
        pictures: Callable[[int, int], torch.Tensor],
        targets: torch.Tensor | None,
        output: str,
        reduce: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None,
        largest: int | None,
    ) -> torch.Tensor:
        device = self.classifier.device
        collected: torch.Tensor | None = None
        pending: deque[torch.cuda.Event] = deque()
        # Batches that the network has begun: each one's size and what waits for its logits.
        begun: deque[tuple[int, Callable[[], torch.Tensor]]] = deque()
        done, first = 0, 0  # so many jobs have their scores; the next to be composed
        while done < number:
            try:
                while first < number and len(begun) < self._batches_begun:
                    size = min(self.batch_size, largest or self.batch_size)
                    begun.append((size, self._begin(pictures(first, size))))
                    first += size
                size, logits = begun.popleft()
                scores = logits()
            except RuntimeError as error:
                self._halve_batch(error)
                begun.clear()
                first = done
                continue
            count = min(size, number - done)
            if output == "probability":
                scores = self.classifier.probabilities(scores)
            if targets is not None or reduce is not None:
                jobs = _jobs(done, size, number, device)
            if targets is not None:
                scores = scores.gather(1, targets[jobs][:, None])[:, 0]
            if reduce is not None:
                scores = reduce(scores, jobs).float()
            if collected is None:
                # All at once: small tensors that outlive a batch would break up the memory of the large ones.
                collected = scores.new_empty((number, *scores.shape[1:]))
            collected[done : done + count] = scores[:count]
            done += count
            self._report(count, pending)
        assert collected is not None  # there is at least one job
        return collected.cpu()

    def _begin(self, pictures: torch.Tensor) -> Callable[[], torch.Tensor]:
        """What waits for the pictures' logits, which are computed meanwhile where the network can."""
        network, arranged = self._network, pictures.contiguous(memory_format=self._picture_format)
        if isinstance(network, RuntimeNetwork):
            return network.begin(arranged)
        logits = network(arranged).float()
        return lambda: logits

    def _halve_batch(self, error: RuntimeError) -> None:
        """Goes on with half the batch where memory ran out; raises any other error, and where one picture is too
        much already.
        """
        if not _is_out_of_memory(error) or self.batch_size == 1:
            raise error
        self.batch_size //= 2
        self.batch_halvings.append(
            f"Memory ran out with batches of {self.batch_size * 2}; batches of {self.batch_size} from here on."
        )
        usual = batch_size_of(self.classifier, self.precision)
        remember_batch_size(self.classifier, self.precision, min(usual, self.batch_size))
        if self.classifier.device.type == "cuda":
            torch.cuda.empty_cache()

    def _placed(self, values: torch.Tensor) -> torch.Tensor:
        return values.to(self.classifier.device, torch.float32)

    @cached_property
    def _network(self) -> Callable[[torch.Tensor], torch.Tensor]:
        return network_in(self._arithmetic, self.classifier, compiled=self._compiled)

    @cached_property
    def _picture_format(self) -> torch.memory_format:
        if isinstance(self._network, RuntimeNetwork):
            return torch.contiguous_format
        return picture_format(self._arithmetic, self.classifier.device)[1]

    @cached_property
    def _batches_begun(self) -> int:
        """How many batches a network has at a time: ONNX Runtime one that it works on and one that its threads find
        when they are through, while the next is composed.
        """
        return 2 if isinstance(self._network, RuntimeNetwork) else 1

    def _report(self, count: int, pending: deque[torch.cuda.Event]) -> None:
        if self.classifier.device.type == "cuda":
            # A GPU works behind the program: without waiting, progress would run ahead and a stop come late.
            event = torch.cuda.Event()
            event.record()
            pending.append(event)
            if len(pending) > _BATCHES_AHEAD:
                pending.popleft().synchronize()
        listener = self.on_batch or batch_listener()
        if listener is not None:
            listener(count)


def _even_batch(count: int, most: int) -> int:
    """The size of the fewest equal batches, of at most ``most``, that take an image's ``count`` copies: it does not
    depend on the number of images, and hardly anything is padded for one of them.
    """
    return -(-count // -(-count // most))


def _jobs(first: int, size: int, number: int, device: torch.device) -> torch.Tensor:
    """The numbers of ``size`` jobs from ``first`` on, the last job's again where there are no more."""
    return torch.arange(first, first + size, device=device).clamp_(max=number - 1)


def _is_out_of_memory(error: RuntimeError) -> bool:
    # The CPU's allocator raises a plain RuntimeError.
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
