"""The socket of a job: the row as it is, then as it changes."""

from __future__ import annotations

from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from webapp.jobs.models import Job
from webapp.jobs.services import job_group

NOT_FOUND = 4404


class JobConsumer(AsyncJsonWebsocketConsumer):
    """Sends a member one of their jobs. What is not theirs does not exist: the socket closes with 4404."""

    job_id: int

    async def connect(self) -> None:
        self.job_id = self.scope["url_route"]["kwargs"]["job_id"]
        # Joined before the row is read, so that nothing falls between the two.
        await self.channel_layer.group_add(job_group(self.job_id), self.channel_name)
        row = await self._row()
        # Accepted first: a refused handshake shows the browser no code, and it would try again for ever.
        await self.accept()
        if row is None:
            await self.close(code=NOT_FOUND)
        else:
            await self.send_json(row)

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(job_group(self.job_id), self.channel_name)

    async def job_changed(self, message: dict[str, Any]) -> None:
        row = await self._row()
        if row is None:
            await self.close(code=NOT_FOUND)
        else:
            await self.send_json(row)

    @database_sync_to_async
    def _row(self) -> dict[str, Any] | None:
        job = Job.objects.visible_to(self.scope["user"]).filter(pk=self.job_id).first()
        return None if job is None else job.payload()
