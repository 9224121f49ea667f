"""Converts promotions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel.generation.v1 import billing_service_pb2 as pb
from pixel_limits.generation import LIST_GENERATIONS_REQUEST_PAGE_SIZE_LTE as MAX_PAGE

from pixel_generation.adapters.inbound.grpc.read_request import read_code_token, read_size, write_code_token
from pixel_generation.adapters.output_codec import timestamp
from pixel_generation.application.billing.promotion_codes import ListPromotions

if TYPE_CHECKING:
    from pixel_generation.application.reading.page import Page
    from pixel_generation.domain.billing.promotions import Promotion

DEFAULT_PAGE = 20


def read_promotions(request: pb.ListPromotionsRequest) -> ListPromotions:
    size = read_size(request.page_size, default=DEFAULT_PAGE, most=MAX_PAGE)
    return ListPromotions(after=read_code_token(request.page_token), limit=size)


def promotions_to_proto(page: Page[Promotion, str]) -> pb.ListPromotionsResponse:
    return pb.ListPromotionsResponse(
        promotions=map(promotion_to_proto, page.items), next_page_token=write_code_token(page.next)
    )


def promotion_to_proto(promotion: Promotion) -> pb.Promotion:
    return pb.Promotion(
        code=promotion.code,
        credits=promotion.credits,
        max_uses=promotion.max_uses or 0,
        used=promotion.used,
        end_time=timestamp(promotion.ends_at) if promotion.ends_at else None,
        create_time=timestamp(promotion.created_at),
    )
