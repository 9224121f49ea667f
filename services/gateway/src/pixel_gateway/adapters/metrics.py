"""Every metric of the gateway."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("http_requests_total", "Answered HTTP requests.", ["route", "method", "status"])
REQUEST_SECONDS = Histogram(
    "http_request_duration_seconds",
    "Seconds from the request's head to the end of its answer; streams are not counted.",
    ["route", "method"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120),
)
OPEN_STREAMS = Gauge("pixel_gateway_open_streams", "Open progress streams.", ["transport"])
REFUSED_STREAMS = Counter(
    "pixel_gateway_refused_streams_total", "Progress streams refused at a limit.", ["transport", "bound"]
)
REFUSED_CONNECTIONS = Counter("pixel_gateway_refused_connections_total", "Connections refused at the limit.")
WATCHERS = Gauge("pixel_gateway_watchers", "Streams and waiting requests that follow a generation.")
WATCHED_GENERATIONS = Gauge("pixel_gateway_watched_generations", "Generations with followers.")
FOLLOWED_EVENTS = Counter("pixel_gateway_followed_events_total", "Status events read from the bus.")
FOLLOW_DELAY_SECONDS = Histogram(
    "pixel_gateway_follow_delay_seconds", "Seconds from a status event to its arrival here."
)
LAST_STATUS_SKIPPED = Counter(
    "pixel_gateway_last_status_skipped_total", "Last statuses not cached or read because the cache failed."
)
CUT_STREAMS = Counter(
    "pixel_gateway_cut_streams_total", "Progress streams closed before their end.", ["transport", "why"]
)
LISTENERS = Gauge("pixel_gateway_user_channels", "Open user channels.")
TICKETS = Counter("pixel_gateway_tickets_total", "Tickets for streams: made, used and refused.", ["outcome"])
BROADCASTS = Counter(
    "pixel_gateway_broadcasts_total",
    "Batches of status events sent to and received from the other gateways, and those that were lost.",
    ["outcome"],
)
REFUSED_ROLES = Counter(
    "pixel_gateway_refused_roles_total", "Callers refused because of their role.", ["access", "role"]
)
REFUSED_BULK_CALLS = Counter("pixel_gateway_refused_bulk_calls_total", "Bulk calls refused by the daily limit.")
ADMISSION_IN_FLIGHT = Gauge("pixel_admission_inflight", "Requests in progress, without open streams and waits.")
ADMISSION_LIMIT = Gauge("pixel_admission_limit", "Limit of requests in progress, above which new work is refused.")
ADMISSION_SHED = Counter("pixel_admission_shed_total", "Requests refused because of load.", ["class"])
RATE_LIMITED = Counter("pixel_rate_limited_total", "Requests over their caller's rate limit.", ["policy"])
RATE_COUNTED_ALONE = Counter(
    "pixel_rate_limit_counted_alone_total", "Requests counted by this process only, because the shared counters failed."
)
CANCELLATIONS = Counter("pixel_gateway_cancellations_total", "Requested cancellations.", ["outcome"])
