"""Doors that price and route a request without submitting it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_gateway.adapters.inbound.http import money_bodies as bodies
from pixel_gateway.adapters.inbound.http.doors import Answer, Call, Door
from pixel_gateway.adapters.inbound.http.generations import CANCEL_AFTER, EXAMPLE_REQUEST, SUBMIT_ROUTE
from pixel_gateway.adapters.inbound.http.reply import Reply, json_reply
from pixel_gateway.adapters.inbound.http.shown import shown
from pixel_gateway.adapters.inbound.http.submission_bodies import CreateGeneration, submission_of
from pixel_gateway.adapters.inbound.http.views import route_view

if TYPE_CHECKING:
    from pixel_gateway.application import Application
    from pixel_gateway.domain.billing import Quote


_PROBLEMS = {
    404: "MODEL_NOT_FOUND: there is no such model.",
    409: "MODEL_UNAVAILABLE: the provider of the model is not configured here.",
    422: "INVALID_GENERATION: no model makes this; PRICE_UNKNOWN: it has no price; JOB_TYPE_NOT_AVAILABLE.",
}


def doors(app: Application) -> list[Door]:
    """Return the doors of this group."""

    async def quoted(call: Call) -> Quote:
        call.query()
        submission = submission_of(await call.json(CreateGeneration), call, route=SUBMIT_ROUTE)
        return await app.engine.ports.job_commands.quote(submission)

    async def quote(call: Call) -> Reply:
        return json_reply(_quote_view(await quoted(call)))

    async def explain(call: Call) -> Reply:
        return json_reply(route_view((await quoted(call)).route))

    return [
        Door(
            "POST",
            "/api/quotes",
            quote,
            "Price a request",
            {200: Answer("What a submission of the same body would hold now.", bodies.QuoteView)},
            description="Makes nothing and holds nothing. The body is that of POST /api/generations.",
            tag="credits",
            body=CreateGeneration,
            body_example=EXAMPLE_REQUEST,
            parameters=(CANCEL_AFTER,),
            problems=_PROBLEMS,
        ),
        Door(
            "POST",
            "/api/routes/explain",
            explain,
            "Tell which model would run a request, and why",
            {200: Answer("Every model considered; each that was not taken says why.", bodies.RouteView)},
            tag="models",
            body=CreateGeneration,
            body_example=EXAMPLE_REQUEST,
            parameters=(CANCEL_AFTER,),
            problems=_PROBLEMS,
        ),
    ]


def _quote_view(quote: Quote) -> bodies.QuoteView:
    return shown(
        quote,
        bodies.QuoteView,
        model=quote.spec.model,
        number_of_images=quote.spec.number_of_images,
        size=quote.spec.size or None,
        quality=quote.spec.quality or None,
        route=route_view(quote.route),
        eta=bodies.QuoteEta(*quote.eta_s) if quote.eta_s else None,
    )
