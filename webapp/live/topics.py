"""The kinds of notices. A topic is one function: what one member is sent about the row with this key.

    def notice(user: User, key: int) -> dict[str, Any] | None

It reads the row through `visible_to(user)` and gives None where there is nothing for them: the permission is checked
for each message. The browser gets `{"type": topic, **notice}` and passes it on as the document's event
`member:topic` (static/js/member.js). To add a topic, write its function and its line here, and call
`notify_members` or `notify_everybody` where the row changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from webapp.accounts.models import User
from webapp.benchmarks.archives import archive_notice
from webapp.benchmarks.finishing import finished_notice
from webapp.library.notices import DATASET, MODEL, dataset_notice, model_notice

Topic = Callable[[User, int], dict[str, Any] | None]

TOPICS: dict[str, Topic] = {
    "archive": archive_notice,
    "finished": finished_notice,
    MODEL: model_notice,
    DATASET: dataset_notice,
}


def message_for(user: User, topic: str, key: int) -> dict[str, Any] | None:
    """What the member's browser is sent, or None. A topic that this process does not know is passed over."""
    build = TOPICS.get(topic)
    notice = build(user, key) if build is not None else None
    return None if notice is None else {"type": topic, **notice}
