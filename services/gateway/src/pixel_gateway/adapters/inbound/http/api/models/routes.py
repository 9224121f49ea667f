"""Endpoints of the catalogue and of routing."""

from __future__ import annotations

from litestar import Controller

from pixel_gateway.adapters.inbound.http.api.generations.parameters import CANCEL_AFTER
from pixel_gateway.adapters.inbound.http.api.generations.presenters import route_view
from pixel_gateway.adapters.inbound.http.api.generations.schemas import RouteView
from pixel_gateway.adapters.inbound.http.api.generations.submission import (
    EXAMPLE_REQUEST,
    CreateGeneration,
    submission_of,
)
from pixel_gateway.adapters.inbound.http.api.models.presenters import model_view
from pixel_gateway.adapters.inbound.http.api.models.schemas import ModelPage
from pixel_gateway.adapters.inbound.http.routing.endpoint import JsonBody, get, post
from pixel_gateway.adapters.inbound.http.routing.request import Request
from pixel_gateway.domain.rate_limit import LoadClass

QUOTE_PROBLEMS = {
    404: "MODEL_NOT_FOUND: the model does not exist.",
    409: "MODEL_UNAVAILABLE: the provider of the model is not configured here.",
    422: "INVALID_GENERATION: no model supports this; PRICE_UNKNOWN: it has no price; JOB_TYPE_NOT_AVAILABLE.",
}


class Models(Controller):
    """Models."""

    tags = ("models",)

    @get("/api/models", load_class=LoadClass.READ, summary="List the models", answer="The catalogue.")
    async def list_models(self, request: Request) -> ModelPage:
        models = await request.application.generations.list_models()
        return ModelPage(items=[model_view(model) for model in models], next_cursor=None)

    @post(
        "/api/routes/explain",
        load_class=LoadClass.READ,
        summary="Explain which model would run a request",
        answer="Every considered model; an excluded one with its reason.",
        parameters=(CANCEL_AFTER,),
        example=EXAMPLE_REQUEST,
        problems=QUOTE_PROBLEMS,
    )
    async def explain_route(self, request: Request, data: JsonBody[CreateGeneration]) -> RouteView:
        return route_view((await request.application.billing.quote(submission_of(data, request))).route)
