"""Reading requests."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import JSONParser

LONGEST_NUMBER = 25
HALF_CHARACTER = re.compile("[\ud800-\udfff]")


class RequestTooLong(APIException):
    status_code = 413


class LimitedJsonParser(JSONParser):
    """JSON of bounded length, depth and numbers: the framework's parser would read whatever comes into memory."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping | None = None) -> Any:
        body = stream.read(settings.API_LONGEST_JSON + 1)
        if len(body) > settings.API_LONGEST_JSON:
            raise RequestTooLong(
                _("A request of JSON has at most %(kibibytes)d KiB.")
                % {"kibibytes": settings.API_LONGEST_JSON // 1024}
            )
        try:
            data = json.loads(body.decode(), parse_int=_whole_number, parse_constant=_no_number)
            if b"\\u" in body:
                _refuse_unstorable(data)
            return data
        except RecursionError:
            raise ParseError(_("This JSON is nested too deeply.")) from None
        except ValueError as problem:
            raise ParseError(_("This is not JSON: %(problem)s.") % {"problem": problem}) from None


def _whole_number(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise ValueError(f"{text[:LONGEST_NUMBER]}… is too big a number")
    return int(text)


def _refuse_unstorable(data: Any) -> None:
    """Escapes can write what is no text: half of a pair of surrogates, and NUL, which PostgreSQL does not keep."""
    text = json.dumps(data, ensure_ascii=False)
    if "\\u0000" in text or HALF_CHARACTER.search(text):
        raise ValueError("a text holds characters that can't be kept")


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")
