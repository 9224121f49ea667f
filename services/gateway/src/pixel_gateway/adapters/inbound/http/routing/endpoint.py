"""An endpoint: a Litestar handler with all its properties in its decorator.

Access, load class, error format, parameters and documentation are declared there; no other module has a list of
paths.
"""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args

from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Body

from pixel_gateway.adapters.inbound.http.routing.documentation import Documentation
from pixel_gateway.domain.access import Access

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from litestar import Litestar
    from litestar.connection import ASGIConnection

    from pixel_gateway.adapters.inbound.http.routing.parameters import Parameter
    from pixel_gateway.domain.rate_limit import LoadClass

T = TypeVar("T")

JsonBody = Annotated[T, Body()]
"""The body of a request as a struct: `data: JsonBody[CreateGeneration]`."""


class ErrorFormat(StrEnum):
    """Error format of an endpoint."""

    PROBLEM = "problem"
    OPENAI = "openai"


class Endpoint(HTTPRouteHandler):
    """One method on one path. An endpoint needs a load class."""

    def __init__(
        self,
        methods: Sequence[HttpMethod],
        path: str,
        *,
        load_class: LoadClass,
        summary: str,
        answer: str | ResponseSpec,
        status: int = 200,
        access: Access = Access.REQUIRED,
        error_format: ErrorFormat = ErrorFormat.PROBLEM,
        parameters: Sequence[Parameter[Any]] = (),
        ignores_query: bool = False,
        description: str | None = None,
        example: Any = None,
        problems: Mapping[int, str] | None = None,
        headers: Mapping[str, str] | None = None,
        responses: Mapping[int, ResponseSpec] | None = None,
        other_answer_type: str = "",
        **litestar_options: Any,
    ) -> None:
        """Declare it.

        `answer` describes the response of `status`, with the body of the handler's annotation or of a ResponseSpec.
        `headers` are its header fields, `other_answer_type` the media type of an alternative form, `responses` those of
        other statuses, `problems` the rejections by status with their codes. Query parameters that are not among
        `parameters` are refused, or ignored with `ignores_query`.
        """
        described = answer if isinstance(answer, ResponseSpec) else ResponseSpec(None, description=answer)
        if described is answer:
            responses = {status: described, **(responses or {})}
        self.documentation = Documentation(
            access=access,
            is_openai=error_format is ErrorFormat.OPENAI,
            parameters=tuple(parameters),
            example=example,
            problems=problems or {},
            other_answer_type=other_answer_type,
            status=str(status),
            headers=headers or {},
        )
        super().__init__(
            path,
            http_method=methods,
            status_code=status,
            summary=summary,
            description=description,
            response_description=described.description,
            responses=responses,
            opt={
                "access": access,
                "load_class": load_class,
                "error_format": error_format,
                "query": None if ignores_query else tuple(each.name for each in parameters if each.place == "query"),
                "takes_tickets": any(each.name == "ticket" for each in parameters),
            },
            **litestar_options,
        )

    def on_registration(self, app: Litestar) -> None:
        """Record the type of the body, and document it."""
        super().on_registration(app)
        data = self.parsed_data_field
        self.opt["requires_body"] = data is not None and not data.is_optional
        self.opt["body"] = None if data is None else (*get_args(data.annotation), data.annotation)[0]
        documentation = self.documentation
        refusals = documentation.refusals(
            has_path_parameters=any("{" in path for path in self.paths),
            has_input=data is not None or bool(documentation.parameters),
        )
        self.operation_class = documentation.operation_class(
            requires_body=self.opt["requires_body"], documented={*map(str, refusals), *map(str, self.responses or ())}
        )
        self.responses = {**(self.responses or {}), **refusals}

    async def authorize_connection(self, connection: ASGIConnection[Any, Any, Any, Any]) -> None:
        """Run the guards; Litestar's own method would copy the handler for each of them, which takes 9 us."""
        for guard in self.resolve_guards():
            await guard(connection, self)  # type: ignore[misc]


get = partial(Endpoint, (HttpMethod.GET, HttpMethod.HEAD))
post = partial(Endpoint, (HttpMethod.POST,))
put = partial(Endpoint, (HttpMethod.PUT,))
patch = partial(Endpoint, (HttpMethod.PATCH,))
delete = partial(Endpoint, (HttpMethod.DELETE,))
