"""Long lists come in pages."""

from __future__ import annotations

from rest_framework.pagination import PageNumberPagination

MOST_PER_PAGE = 100


class Pages(PageNumberPagination):
    """`page` and `page_size` in the address; the answer holds count, next, previous and results."""

    page_size = 25
    page_size_query_param = "page_size"
    max_page_size = MOST_PER_PAGE
