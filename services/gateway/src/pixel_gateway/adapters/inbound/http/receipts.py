"""Doors that tell what became of one generation: its receipt and its log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_gateway.adapters.inbound.http import money_bodies, work_bodies
from pixel_gateway.adapters.inbound.http.doors import Answer, Call, Door
from pixel_gateway.adapters.inbound.http.reply import Reply, json_reply
from pixel_gateway.adapters.inbound.http.shown import shown
from pixel_gateway.adapters.inbound.http.views import error_view

if TYPE_CHECKING:
    from pixel_gateway.application import Application
    from pixel_gateway.application.generations.timeline import TimelineEntry


def doors(app: Application) -> list[Door]:
    """Return the doors of this group."""

    async def receipt(call: Call) -> Reply:
        call.query()
        found = await app.engine.ports.job_commands.receipt(call.user_id, call.id_in_path("gen"))
        attempts = [shown(each, money_bodies.AttemptView) for each in found.attempts]
        return json_reply(shown(found, money_bodies.ReceiptView, attempts=attempts))

    async def log(call: Call) -> Reply:
        call.query()
        generation_id = call.id_in_path("gen")
        entries = await app.engine.view_timeline(call.user_id, generation_id)
        return json_reply(work_bodies.LogView(generation_id, [_entry_view(entry) for entry in entries]))

    return [
        Door(
            "GET",
            "/api/generations/{id:str}/receipt",
            receipt,
            "What a generation cost and why",
            {200: Answer("Its rounds and runs; the sums are exact.", money_bodies.ReceiptView)},
            tag="credits",
        ),
        Door(
            "GET",
            "/api/generations/{id:str}/log",
            log,
            "What happened to a generation",
            {200: Answer("Stored events and what people did, oldest first.", work_bodies.LogView)},
        ),
    ]


def _entry_view(entry: TimelineEntry) -> work_bodies.LogEntry:
    return shown(entry, work_bodies.LogEntry, error=error_view(entry.failure), facts=dict(entry.facts))
