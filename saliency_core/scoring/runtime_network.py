"""A network in fp32 on a processor, run by ONNX Runtime where it gives the same logits as torch.

ONNX Runtime lays weights out once and joins layers with what follows them, for 1.1 to 1.4 times torch's rate (see
docs/performance.md), and a busy machine slows it less. Writing the network in its format takes seconds, so it is done
only where much is to be scored (score_in_bulk). Passes with gradients stay with torch.
"""

from __future__ import annotations

import copy
import io
import logging
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, ref

from saliency_core.classifiers.hooks import is_hooked
from saliency_core.classifiers.state import evaluation_mode
from saliency_core.lazy import onnxruntime, torch
from saliency_core.scoring.weights_state import WeightsState, made_once
from saliency_core.transformers.shortened import without_unread_tokens

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier

log = logging.getLogger(__name__)

WORTH_PREPARING = 5000
"""Forward passes from which on some seconds of preparation, as for finding the batch size, are well spent."""
MOST_PARAMETERS = 50_000_000
"""Larger networks spend their time in matrix products, which both do alike, and would be in memory twice."""
LARGEST_DIFFERENCE = 1e-5
"""Of logits, as a share of the largest; a sum of a thousand products in another order differs by some 1e-6."""
RUNS_AT_ONCE = 16
"""Parts of a batch that run side by side, at most; with more threads than these each part has several."""

# A worker scores many shards with one network: writing it once is enough. None where torch has to do it.
_made: WeakKeyDictionary[torch.nn.Module, tuple[WeightsState, RuntimeNetwork | None]] = WeakKeyDictionary()


class RuntimeNetwork:
    """Logits [B, C] for normalised images [B, 3, size, size] in float32; for any others torch's."""

    def __init__(self, classifier: Classifier) -> None:
        self._model = ref(classifier.model)
        self._size = classifier.preprocessing.size
        threads = torch.get_num_threads()
        self._at_once = min(threads, RUNS_AT_ONCE)
        self._session = _session(classifier, threads // self._at_once)
        self._pool = ThreadPoolExecutor(self._at_once, thread_name_prefix="runtime")

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        return self.begin(images)()

    def begin(self, images: torch.Tensor) -> Callable[[], torch.Tensor]:
        """Puts the images behind those that were begun before and returns at once; what it returns waits for their
        logits. Meanwhile the images must stay as they are.
        """
        model = self._model()
        assert model is not None  # whoever scores has it
        if images.shape[2:] != (self._size, self._size) or is_hooked(model):
            # Torch's networks are fastest with channels last.
            logits = model(images.contiguous(memory_format=torch.channels_last))
            return lambda: logits
        # Parts of the batch side by side, one thread each and two parts a thread, instead of all threads at one part
        # after the other: they need not wait for each other at every layer, and a thread that is held up holds up
        # no other.
        parts = images.contiguous().split(-(-len(images) // (2 * self._at_once)))
        running = [self._pool.submit(self._run, part) for part in parts]
        return lambda: torch.cat([part.result() for part in running])

    def _run(self, images: torch.Tensor) -> torch.Tensor:
        (logits,) = self._session.run(None, {"images": images.numpy()})
        return torch.from_numpy(logits)


def score_in_bulk(classifier: Classifier, forwards: int = WORTH_PREPARING) -> None:
    """From now on the classifier's fp32 scores are taken the fastest way, though it takes seconds to prepare, if so
    many ``forwards`` are to come that it pays; otherwise by torch at once. It depends on that number alone, so that
    all of one benchmark is scored alike, whoever does it when.
    """
    classifier.scored_in_bulk = forwards >= WORTH_PREPARING


def runtime_network(classifier: Classifier) -> RuntimeNetwork | None:
    """The network with the weights it has now, or None where torch has to run it: on a GPU, if little is to be scored,
    if it is large, if it can't be written in ONNX's format, or if it then gives other logits.
    """
    if not classifier.scored_in_bulk or classifier.device.type != "cpu":
        return None
    return made_once(_made, classifier.model, lambda: _checked_network(classifier))


def _checked_network(classifier: Classifier) -> RuntimeNetwork | None:
    from saliency_core.classifiers.classifier import number_of_parameters

    if number_of_parameters(classifier.model) > MOST_PARAMETERS:
        return None
    try:
        network = RuntimeNetwork(classifier)
        difference = _largest_difference(network, classifier)
    except Exception as problem:  # the writer and the runtime refuse networks with any kind of exception
        log.info("torch scores %s: %s: %s", classifier.title, type(problem).__name__, str(problem)[:300])
        return None
    if difference <= LARGEST_DIFFERENCE:
        return network
    log.warning("torch scores %s: by ONNX Runtime logits differ by %.1e.", classifier.title, difference)
    return None


def _session(classifier: Classifier, threads: int) -> onnxruntime.InferenceSession:
    written = io.BytesIO()
    example = torch.zeros(2, 3, classifier.preprocessing.size, classifier.preprocessing.size)
    any_number = {0: "pictures"}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            without_unread_tokens(copy.deepcopy(classifier.model).eval()),
            (example,),
            written,
            dynamo=False,  # the other writer needs one more package, and is slower
            input_names=["images"],
            output_names=["logits"],
            dynamic_axes={"images": any_number, "logits": any_number},
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Waiting threads sleep: turning in a loop they would hold up the other parts.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(written.getvalue(), options, providers=["CPUExecutionProvider"])


def _largest_difference(network: RuntimeNetwork, classifier: Classifier) -> float:
    """Between both ways' logits for noise, grey and a picture half covered, three and one at a time."""
    size = classifier.preprocessing.size
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randn(3, 3, size, size, generator=generator)
    pictures[1] = 0
    pictures[2, :, : size // 2] = 0
    largest = 0.0
    with torch.no_grad(), evaluation_mode(classifier.model):
        for several in (pictures, pictures[:1]):
            expected = classifier.logits(several)
            found = network(several)
            if found.shape != expected.shape or not found.isfinite().all():
                return float("inf")
            scale = max(1.0, float(expected.abs().max()))
            largest = max(largest, float((found - expected).abs().max()) / scale)
    return largest
