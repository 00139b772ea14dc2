"""Several methods and experiments over one data set, as the command line and scripts run them."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saliency_core.enhancement.sliding_window import SlidingWindowEnhancement
from saliency_core.experiments.base import Experiment
from saliency_core.experiments.checks import check_benchmark
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.result import Result
from saliency_core.experiments.runner import run_benchmark
from saliency_core.provenance import device_name, versions
from saliency_core.scoring.scorer import Scorer

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier
    from saliency_core.datasets.base import Dataset
    from saliency_core.datasets.mapping import ClassMapping
    from saliency_core.methods.base import Method

IMAGES_PER_PART = 16  # kept together when a run is stopped
IMAGES_PER_PART_ON_A_GPU = 128  # several chunks, so that one is read while another is measured


class MeasuringSession:
    """Measures every method under every experiment; what is finished can be had at any time.

    ``dataset_facts``: what results say about the data set and the choice of images (see Result.dataset).
    """

    def __init__(
        self,
        classifier: Classifier,
        dataset: Dataset,
        indices: Sequence[int],
        methods: Sequence[Method],
        experiments: Sequence[Experiment],
        *,
        mapping: ClassMapping,
        dataset_facts: Mapping[str, Any],
        batch_size: int | None = None,
        precision: str = "fp32",
        memory: bool = False,
        pixel_folder: Path | None = None,
    ) -> None:
        """Raises ParameterError or DatasetError for what would go wrong on the way (see check_benchmark)."""
        check_benchmark(classifier, dataset, experiments, mapping)
        self.classifier, self.dataset, self.indices = classifier, dataset, list(indices)
        self.methods, self.experiments = list(methods), list(experiments)
        self.mapping, self.dataset_facts = mapping, dict(dataset_facts)
        self.memory, self.pixel_folder = memory, pixel_folder
        self.scorer = Scorer(classifier, batch_size, precision)
        self.started = datetime.datetime.now(datetime.UTC)
        self._parts: list[list[Columns]] = [[] for _ in range(len(self.methods) * len(self.experiments))]
        self._seconds = [0.0] * len(self.methods)

    def run(self) -> list[Result]:
        """Measure all methods; the results."""
        for number in range(len(self.methods)):
            self.run_method(number)
        return self.results()

    def run_method(self, number: int, on_image: Callable[[int, int], None] | None = None) -> None:
        """Measure one method; ``on_image(number, images done)`` is called as images are finished."""
        on_gpu = self.classifier.device.type == "cuda"
        images = IMAGES_PER_PART_ON_A_GPU if on_gpu else IMAGES_PER_PART
        for first in range(0, len(self.indices), images):
            self._run_part(number, first, images, on_image)

    def _run_part(
        self, number: int, first: int, images: int, on_image: Callable[[int, int], None] | None
    ) -> None:
        before = datetime.datetime.now(datetime.UTC)
        columns = run_benchmark(
            self.classifier,
            self.dataset,
            self.indices[first : first + images],
            self.methods[number],
            self.experiments,
            self.scorer,
            mapping=self.mapping,
            memory=self.memory,
            pixel_folder=self.pixel_folder,
            on_image=None if on_image is None else lambda done: on_image(number, first + done),
        )
        self._seconds[number] += (datetime.datetime.now(datetime.UTC) - before).total_seconds()
        for place, part in enumerate(columns):
            self._parts[number * len(self.experiments) + place].append(part)

    def results(self) -> list[Result]:
        """The results so far, in the order of the methods and, for each, of the experiments; methods that have
        not begun are left out.
        """
        return [
            self._result(number, method, experiment, Columns.merge(parts))
            for number, method in enumerate(self.methods)
            for place, experiment in enumerate(self.experiments)
            if (parts := self._parts[number * len(self.experiments) + place])
        ]

    def _result(self, number: int, method: Method, experiment: Experiment, columns: Columns) -> Result:
        base, enhancement = method, None
        if isinstance(method, SlidingWindowEnhancement):
            base, enhancement = method.method, method.enhancement
        protocol = experiment.protocol
        classifier = self.classifier
        used = classifier.preprocessing.with_pipeline(protocol.pipeline, protocol.size)
        return Result(
            model=classifier.title,
            architecture=f"{classifier.library}:{classifier.architecture}",
            weights_sha256=classifier.weights_sha256,
            preprocessing={"name": used.name, **used.to_dict()},
            method=base.description.key,
            method_title=base.description.title,
            parameters=base.parameters,
            enhancement=enhancement,
            experiment=experiment,
            dataset=self.dataset_facts,
            columns=columns,
            precision=self.scorer.precision,
            environment={
                "started": self.started.isoformat(timespec="seconds"),
                "seconds": round(self._seconds[number], 1),
                "device": device_name(classifier.device),
                "versions": versions(),
            },
        )
