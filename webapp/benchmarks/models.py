"""Benchmarks and how they are cut into shards. The rows are the only truth; messages are hints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from webapp import device_labels
from webapp.common.turns import ServedMember

if TYPE_CHECKING:
    from webapp.accounts.models import User


class BenchmarkQuerySet(models.QuerySet["Benchmark"]):
    def visible_to(self, user: User) -> BenchmarkQuerySet:
        """One's own benchmarks and those shared with oneself or the lab; deleted ones are nobody's."""
        if not user.is_authenticated:
            return self.none()
        with_user = BenchmarkShare.objects.filter(user=user).values("benchmark")
        return self.filter(
            Q(owner=user) | Q(shared_with_lab=True) | Q(pk__in=with_user), deleted__isnull=True
        )

    def visible_pairs(self, pairs: set[tuple[int, int]]) -> set[tuple[int, int]]:
        """Of keys of members and benchmarks, those where `visible_to` that member has that benchmark."""
        members, keys = {member for member, _ in pairs}, {benchmark for _, benchmark in pairs}
        there = self.filter(pk__in=keys, deleted__isnull=True)
        owners = {
            key: (owner, lab) for key, owner, lab in there.values_list("pk", "owner", "shared_with_lab")
        }
        shares = BenchmarkShare.objects.filter(user__in=members, benchmark__in=owners)
        shared = set(shares.values_list("user", "benchmark"))
        return {
            (member, benchmark)
            for member, benchmark in pairs
            if benchmark in owners
            and (owners[benchmark][0] == member or owners[benchmark][1] or (member, benchmark) in shared)
        }

    def owned_by(self, user: User) -> BenchmarkQuerySet:
        """What the member may change: their own."""
        return self.filter(owner=user, deleted__isnull=True) if user.is_authenticated else self.none()


class Benchmark(models.Model):
    """A frozen specification and how far it has come.

    `queued → running → succeeded | failed | cancelled`; queued or running → paused; and from paused, failed or
    cancelled back to queued by *resume*.
    Every change of state is one function in `webapp.benchmarks.transitions`.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        PAUSED = "paused", _("Paused")
        SUCCEEDED = "succeeded", _("Succeeded")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    class Priority(models.IntegerChoices):
        LOW = 0, _("Low")
        NORMAL = 1, _("Normal")
        HIGH = 2, _("High")

    IN_QUEUE = (State.QUEUED, State.RUNNING)
    UNFINISHED = (*IN_QUEUE, State.PAUSED)

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="benchmarks")
    classifier = models.ForeignKey("library.Classifier", on_delete=models.PROTECT, related_name="benchmarks")
    dataset = models.ForeignKey("library.Dataset", on_delete=models.PROTECT, related_name="benchmarks")
    name = models.CharField(_("name"), max_length=120, blank=True)
    notes = models.TextField(_("notes"), max_length=10_000, blank=True)
    submission = models.UUIDField(
        null=True,
        blank=True,
        editable=False,
        db_index=True,
        help_text=_("The same for benchmarks that were queued together, one for each model."),
    )
    origin = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="reruns",
        help_text=_("The benchmark of which this one is a rerun."),
    )
    shared_with_lab = models.BooleanField(_("shared with the lab"), default=False)
    shared_with = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="BenchmarkShare", related_name="benchmarks_shared_with", blank=True
    )
    deleted = models.DateTimeField(
        _("deleted"),
        null=True,
        blank=True,
        help_text=_("It can be brought back for a while, then it is removed."),
    )
    specification = models.JSONField(_("specification"))
    specification_sha256 = models.CharField(
        max_length=64,
        blank=True,
        help_text=_("Set when the weights are known and the work is cut into shards."),
    )
    number_of_images = models.PositiveIntegerField(_("images"))
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.QUEUED)
    priority = models.PositiveSmallIntegerField(
        _("priority"),
        choices=Priority.choices,
        default=Priority.NORMAL,
        help_text=_("Shards of a higher priority are claimed before all of a lower one."),
    )
    device_label = models.CharField(
        _("device label"),
        max_length=device_labels.LONGEST,
        blank=True,
        help_text=_("Only workers with this label take it; empty: any worker."),
    )
    problem = models.TextField(_("problem"), blank=True)
    figures = models.JSONField(
        _("figures"),
        default=dict,
        help_text=_("The summary of the shards that were done when it was last computed."),
    )
    figures_shards = models.PositiveIntegerField(default=0)
    figures_complete = models.BooleanField(
        default=False,
        help_text=_("Whether all intervals and comparisons of a finished benchmark are computed."),
    )
    last_event_seq = models.PositiveIntegerField(default=0)
    created = models.DateTimeField(_("created"), auto_now_add=True)
    started = models.DateTimeField(_("started"), null=True, blank=True)
    finished = models.DateTimeField(_("finished"), null=True, blank=True)

    objects = BenchmarkQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["owner", "-created"], name="benchmarks_of_owner")]

    def __str__(self) -> str:
        return f"#{self.pk} {self.name}".rstrip()

    @property
    def is_unfinished(self) -> bool:
        return self.state in self.UNFINISHED

    @property
    def is_in_queue(self) -> bool:
        return self.state in self.IN_QUEUE

    @property
    def priority_name(self) -> str:
        """low, normal or high."""
        return self.Priority(self.priority).name.lower()

    @property
    def images_total(self) -> int:
        """Images times methods: so many maps are measured."""
        return self.number_of_images * max(1, len(self.specification["methods"]))


class BenchmarkShare(models.Model):
    """A member with whom the owner of a benchmark shares it: they see it and may not change it."""

    benchmark = models.ForeignKey(Benchmark, on_delete=models.CASCADE, related_name="shares")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="benchmark_shares"
    )
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["benchmark", "user"], name="one_share_per_benchmark_and_user")
        ]

    def __str__(self) -> str:
        return f"{self.benchmark} → {self.user}"


class BenchmarkTag(models.Model):
    """A word that the owner of a benchmark has put on it."""

    benchmark = models.ForeignKey(Benchmark, on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(_("tag"), max_length=40)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["benchmark", "name"], name="tag_once_per_benchmark")]
        indexes = [models.Index(fields=["name"], name="benchmarks_by_tag")]

    def __str__(self) -> str:
        return self.name


class BenchmarkPin(models.Model):
    """A benchmark that a member keeps at the top of their list."""

    benchmark = models.ForeignKey(Benchmark, on_delete=models.CASCADE, related_name="pins")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="benchmark_pins"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["benchmark", "user"], name="one_pin_per_benchmark_and_user")
        ]

    def __str__(self) -> str:
        return f"{self.benchmark}: {self.user}"


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def visible_to(self, user: User) -> SavedViewQuerySet:
        """One's own."""
        return self.filter(owner=user) if user.is_authenticated else self.none()


class SavedView(models.Model):
    """A view of the list of benchmarks that a member has named: the query part of its address."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(_("name"), max_length=60)
    query = models.CharField(_("address"), max_length=2000, blank=True)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="view_name_unique_per_owner")]

    def __str__(self) -> str:
        return self.name


class WorkerNode(models.Model):
    """A worker process: which device it has, when it was last heard of, what it does."""

    class Kind(models.TextChoices):
        BENCHMARK = "benchmark", _("Benchmarks")
        STUDIO = "studio", _("Studio")

    class Mode(models.TextChoices):
        WORKING = "working", _("Takes work")
        PAUSED = "paused", _("Paused: takes no new work")
        DRAINING = "draining", _("Draining: finishes its work, then stops")

    name = models.CharField(_("name"), max_length=160, unique=True)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    device = models.CharField(_("device"), max_length=160)
    label = models.CharField(_("label"), max_length=device_labels.LONGEST, blank=True)
    versions = models.JSONField(_("versions"), default=dict)
    code_version = models.CharField(
        _("code"), max_length=64, blank=True, help_text=_("SHA-256 of the sources that it runs.")
    )
    started_at = models.DateTimeField(_("started"))
    heartbeat_at = models.DateTimeField(_("last heard of"))
    stopped_at = models.DateTimeField(_("stopped"), null=True, blank=True)
    activity = models.CharField(_("activity"), max_length=200, blank=True)
    mode = models.CharField(
        _("mode"),
        max_length=8,
        choices=Mode.choices,
        default=Mode.WORKING,
        help_text=_("What an administrator wants it to do."),
    )
    memory = models.JSONField(
        _("memory"),
        default=dict,
        blank=True,
        help_text=_("Bytes: host_used (by the process), host_total, device_used, device_total."),
    )

    class Meta:
        ordering = ["kind", "name"]

    def __str__(self) -> str:
        return self.name


class WorkerTrouble(models.Model):
    """A worker that could not work on a benchmark through no fault of an image's: files are missing on its machine, or
    its device fails. It is given none of the benchmark's shards before `not_before`; its next delivery ends the row.
    """

    benchmark = models.ForeignKey(Benchmark, on_delete=models.CASCADE, related_name="troubles")
    worker = models.ForeignKey(WorkerNode, on_delete=models.CASCADE, related_name="troubles")
    failures = models.PositiveSmallIntegerField(
        default=0, help_text=_("One after the other; those that end by themselves are not counted.")
    )
    not_before = models.DateTimeField()
    reason = models.TextField()

    class Meta:
        ordering = ["worker__name"]
        constraints = [
            models.UniqueConstraint(
                fields=["benchmark", "worker"], name="one_trouble_per_benchmark_and_worker"
            )
        ]

    def __str__(self) -> str:
        return f"{self.benchmark}: {self.worker}: {self.reason}"


class Shard(models.Model):
    """A range of a benchmark's images under one method, for all experiments: what a worker claims, runs and
    delivers as a whole.

    `fence` rises with every claim and with every expropriation; a result is taken only with the current one.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        SET_ASIDE = "set_aside", _("Set aside")

    OPEN = (State.WAITING, State.RUNNING)

    benchmark = models.ForeignKey(Benchmark, on_delete=models.CASCADE, related_name="shards")
    method_index = models.PositiveSmallIntegerField()
    start = models.PositiveIntegerField(help_text=_("First image, counted in the benchmark's subset."))
    stop = models.PositiveIntegerField(help_text=_("One past the last image."))
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempt = models.PositiveSmallIntegerField(default=0)
    fence = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField(null=True, blank=True)
    lease_expires = models.DateTimeField(null=True, blank=True)
    worker = models.ForeignKey(
        WorkerNode,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="shards",
        help_text=_("Whose it is, or, while it waits, who failed last."),
    )
    progress = models.FloatField(default=0.0, help_text=_("Share of the shard's work that is done, 0 to 1."))
    claimed_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    environment = models.JSONField(default=dict, help_text=_("Device and versions that produced the result."))
    problem = models.TextField(blank=True)

    class Meta:
        ordering = ["method_index", "start"]
        constraints = [
            models.UniqueConstraint(fields=["benchmark", "method_index", "start"], name="one_shard_per_range")
        ]
        indexes = [
            models.Index(fields=["state", "benchmark"], name="shards_by_state"),
            # What claims read, in their order: as long as what waits, however much is done.
            models.Index(
                fields=["benchmark", "method_index", "start"],
                condition=Q(state="waiting"),
                name="shards_waiting",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.benchmark} {self.method_index}:{self.start}-{self.stop}"

    @property
    def number_of_images(self) -> int:
        return self.stop - self.start


class ShardResult(models.Model):
    """The columns of a shard for one of the benchmark's experiments: scalars apart from curves, each packed by
    `saliency_core.experiments.columns`.
    """

    shard = models.ForeignKey(Shard, on_delete=models.CASCADE, related_name="results")
    experiment_index = models.PositiveSmallIntegerField(default=0)
    scalars = models.BinaryField()
    curves = models.BinaryField()
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["shard", "experiment_index"], name="one_result_per_experiment")
        ]

    def __str__(self) -> str:
        return f"{self.shard} {self.experiment_index}"


class ResultSummary(models.Model):
    """What is shown of one method under one experiment, computed from the first `results` of its shards' results.

    `content` is what summarise_result of saliency_core makes, with the spread of the figures over the images and the
    first failures; the classes are apart, as they may be many. `running`: sums that interim curves are continued from.
    """

    benchmark = models.ForeignKey(Benchmark, on_delete=models.CASCADE, related_name="summaries")
    method_index = models.PositiveSmallIntegerField()
    experiment_index = models.PositiveSmallIntegerField()
    results = models.PositiveIntegerField()
    newest = models.BigIntegerField(help_text=_("Key of the newest of these results."))
    complete = models.BooleanField(default=False, help_text=_("Whether it has all its intervals."))
    content = models.JSONField(default=dict)
    classes = models.JSONField(default=list)
    running = models.JSONField(default=dict)

    class Meta:
        ordering = ["experiment_index", "method_index"]
        constraints = [
            models.UniqueConstraint(
                fields=["benchmark", "experiment_index", "method_index"], name="one_summary_per_method"
            )
        ]

    def __str__(self) -> str:
        return f"{self.benchmark} {self.method_index}/{self.experiment_index}"


class ResultComparison(models.Model):
    """All methods under one experiment compared in pairs, from `results` of its shards' results."""

    benchmark = models.ForeignKey(Benchmark, on_delete=models.CASCADE, related_name="comparisons")
    experiment_index = models.PositiveSmallIntegerField()
    results = models.PositiveIntegerField()
    newest = models.BigIntegerField(help_text=_("Key of the newest of these results."))
    content = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["benchmark", "experiment_index"], name="one_comparison_per_experiment"
            )
        ]

    def __str__(self) -> str:
        return f"{self.benchmark} {self.experiment_index}"


class BenchmarkEvent(models.Model):
    """What happened to a benchmark, numbered without gaps: the log on its page and the source of live updates."""

    benchmark = models.ForeignKey(Benchmark, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=40)
    payload = models.JSONField(default=dict)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["benchmark", "seq"]
        constraints = [
            models.UniqueConstraint(fields=["benchmark", "seq"], name="event_seq_unique_per_benchmark")
        ]

    def __str__(self) -> str:
        return f"{self.benchmark} {self.seq} {self.kind}"


class ExpectedCode(models.Model):
    """One row: the code that the installation runs."""

    version = models.CharField(_("code"), max_length=64)
    since = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("expected code")

    def __str__(self) -> str:
        return self.version


class Turn(ServedMember):
    """Turns at the workers that measure shards."""
