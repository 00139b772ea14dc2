"""Who else sees a benchmark: the whole lab, or single members. They see it and may not change it."""

from __future__ import annotations

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.audit.models import AuditEvent
from webapp.audit.recording import record
from webapp.benchmarks.events import announce_access
from webapp.benchmarks.models import Benchmark, BenchmarkShare
from webapp.library.models import Classifier, Dataset

MOST_SHARES = 100


def share_with_lab(benchmark: Benchmark, *, shared: bool) -> None:
    """Shows a benchmark to every member, or no longer; open pages of those who lose it end at once."""
    Benchmark.objects.filter(pk=benchmark.pk).update(shared_with_lab=shared)
    benchmark.shared_with_lab = shared
    kind = AuditEvent.Kind.SHARED if shared else AuditEvent.Kind.SHARE_WITHDRAWN
    record(kind, benchmark, with_whom="lab")
    if not shared:
        announce_access(benchmark.pk)


@transaction.atomic
def share_with_member(benchmark: Benchmark, *, member: str) -> BenchmarkShare:
    """Shows a benchmark to a member, by user name (in any case) or account number. Raises ValidationError."""
    wanted = member.strip()
    if not wanted:
        raise ValidationError({"member": [_("Type the user name or the account number of a member.")]})
    found = _member(wanted)
    if found is None:
        raise ValidationError(
            {
                "member": [
                    _("There is no member “%(member)s”. Check the user name or the account number.")
                    % {"member": wanted[:80]}
                ]
            }
        )
    if found.pk == benchmark.owner_id:
        raise ValidationError({"member": [_("It is their own: they see it already.")]})
    if benchmark.shares.count() >= MOST_SHARES:
        raise ValidationError(
            {
                "member": [
                    _("It is shared with %(most)d members already: share it with the lab instead.")
                    % {"most": MOST_SHARES}
                ]
            }
        )
    share, created = BenchmarkShare.objects.get_or_create(benchmark=benchmark, user=found)
    if created:
        record(AuditEvent.Kind.SHARED, benchmark, with_whom=found.username)
    return share


def withdraw_share(share: BenchmarkShare) -> None:
    """Ends a share; the member's open pages of the benchmark get nothing more."""
    benchmark_id = share.benchmark_id
    record(AuditEvent.Kind.SHARE_WITHDRAWN, share.benchmark, with_whom=share.user.username)
    share.delete()
    announce_access(benchmark_id)


def may_see_images(user: User, benchmark: Benchmark) -> bool:
    """Whether somebody who sees a benchmark also sees its images and maps.

    They need the data set and the model too: sharing a benchmark shares its figures, not what it was made of.
    """
    # Both at once: this is asked for on every page of a benchmark.
    classifier = Classifier.objects.visible_to(user).filter(pk=benchmark.classifier_id)
    dataset = Dataset.objects.visible_to(user).filter(pk=benchmark.dataset_id)
    return dataset.filter(Exists(classifier)).exists()


def with_visible_images(user: User, benchmarks: Iterable[int]) -> set[int]:
    """Of several benchmarks (numbers) that somebody sees, those of which `may_see_images` holds; in one query."""
    classifiers, datasets = Classifier.objects.visible_to(user), Dataset.objects.visible_to(user)
    found = Benchmark.objects.filter(pk__in=set(benchmarks), dataset__in=datasets, classifier__in=classifiers)
    return set(found.order_by().values_list("pk", flat=True))


def may_see_dataset(user: User, benchmark: Benchmark) -> bool:
    return Dataset.objects.visible_to(user).filter(pk=benchmark.dataset_id).exists()


def may_see_classifier(user: User, benchmark: Benchmark) -> bool:
    return Classifier.objects.visible_to(user).filter(pk=benchmark.classifier_id).exists()


def _member(wanted: str) -> User | None:
    active = User.objects.filter(is_active=True)
    if wanted.isascii() and wanted.isdecimal():
        # Names are never digits alone. A larger number than any account's is not asked for.
        return active.filter(account_number=int(wanted)).first() if len(wanted) < 10 else None
    return active.filter(username__iexact=wanted).first()
