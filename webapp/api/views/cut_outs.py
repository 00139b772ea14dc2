"""Cut-outs of a map and how they agree with the object, as the studio's page has them."""

from __future__ import annotations

from dataclasses import asdict
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.errors import SaliscopeError
from webapp.api.errors import Conflict
from webapp.api.serializers.cut_outs import CutOutRequestSerializer, CutOutsSerializer, SharesSerializer
from webapp.api.views.studio import ExplanationView
from webapp.library.selectors import datasets_for
from webapp.studio.cut_outs import agreement, cut_out, kept_pixels, measured_probability
from webapp.studio.models import Explanation
from webapp.studio.preprocessings import preprocessing_of
from webapp.studio.services import explanation_folder
from webapp.studio.sources import Source, known_mask, source_of

USUAL_SHARES = tuple(range(5, 100, 5))


class _OfOneMap(ExplanationView):
    """Only of a map that is ready, and whose image the member still sees."""

    filter_backends = []

    def get_queryset(self) -> QuerySet[Explanation]:
        return (
            super().get_queryset().filter(state=Explanation.State.READY).select_related("dataset", "picture")
        )

    def read(self) -> tuple[Explanation, Source, npt.NDArray[np.float32]]:
        row = self.get_object()
        if row.dataset_id and not datasets_for(self.request.user).filter(pk=row.dataset_id).exists():
            raise Http404
        try:
            values = np.load(explanation_folder(row) / "map.npy", allow_pickle=False)
        except FileNotFoundError:
            raise Http404 from None
        return row, source_of(row), values


class CutOut(_OfOneMap):
    @extend_schema(parameters=[CutOutRequestSerializer], responses={(200, "image/png"): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: int) -> HttpResponse:
        """The image as the model sees it, of which only the most salient pixels are kept, as PNG."""
        asked = CutOutRequestSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        row, source, values = self.read()
        try:
            seen = Preprocessing.from_dict(preprocessing_of(row)).framed(source.pixels())
        except (SaliscopeError, OSError) as problem:
            raise Conflict(str(problem)) from None
        made = cut_out(seen, kept_pixels(values, asked.validated_data["share"]), asked.validated_data["rest"])
        content = BytesIO()
        made.save(content, format="PNG")
        headers = {"Content-Disposition": f'attachment; filename="cut-out-{row.pk}.png"'}
        return HttpResponse(content.getvalue(), content_type="image/png", headers=headers)


class CutOuts(_OfOneMap):
    serializer_class = CutOutsSerializer

    @extend_schema(
        operation_id="explanations_cut_outs_retrieve",
        parameters=[SharesSerializer],
        responses=CutOutsSerializer,
    )
    def get(self, request: Request, pk: int) -> Response:
        """Cut-outs of several shares: intersection over union, precision and recall of the object, and what the model
        gives them. Without `share` those of 5, 10, … 95 %.
        """
        shares: list[float] = list(USUAL_SHARES)
        if "share" in request.query_params:
            asked = SharesSerializer(data={"share": request.query_params.getlist("share")})
            asked.is_valid(raise_exception=True)
            shares = asked.validated_data["share"]
        row, source, values = self.read()
        try:
            known = known_mask(source, row.classifier, row.target, preprocessing_of(row))
        except (SaliscopeError, OSError) as problem:
            raise Conflict(str(problem)) from None
        found = []
        for share in shares:
            kept = kept_pixels(values, share)
            of_object: dict[str, Any] = dict.fromkeys(("iou", "precision", "recall"))
            if known is not None:
                of_object = asdict(agreement(kept, known.mask))
            found.append(
                {
                    "share": share,
                    "pixels": int(kept.sum()),
                    "probability": measured_probability(row, share),
                    **of_object,
                }
            )
        label = known.label if known else None
        answer = {"object_known": known is not None, "object_label": label, "cut_outs": found}
        return Response(CutOutsSerializer(answer).data)
