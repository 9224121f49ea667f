-- name: list_provider_health
-- The stored breakers; an open one past its time stays open until a worker takes the probe.
SELECT h.provider, h.state, h.failures, h.open_until FROM provider_health AS h;

-- name: fail_provider
-- Counts a failure and opens the breaker at the limit; calls that end after its opening do not prolong it.
WITH counted AS (
    INSERT INTO provider_health AS h (provider, failures) VALUES (%(provider)s::text, 1)
    ON CONFLICT (provider) DO UPDATE SET failures = h.failures + 1, updated_at = now()
    WHERE h.state = 'closed' OR (h.state = 'half_open' AND %(is_probe)s::boolean)
    RETURNING h.provider, h.state, h.failures, h.open_until
)
SELECT c.provider, c.state, c.failures, c.open_until, true AS counted,
    c.state = 'half_open' OR c.failures >= %(max_failures)s::integer OR %(trip)s::boolean AS opens
FROM counted AS c
UNION ALL
SELECT h.provider, h.state, h.failures, h.open_until, false AS counted, false AS opens
FROM provider_health AS h
WHERE h.provider = %(provider)s::text AND NOT EXISTS (SELECT 1 FROM counted);

-- name: open_provider
-- Opens the breaker: each failure beyond the limit doubles the time, half of which is jitter.
UPDATE provider_health AS h
SET
    state = 'open', updated_at = now(),
    open_until = now() + make_interval(secs => (0.5 + %(draw)s::double precision / 2) * least(
        %(max_open_s)s::double precision,
        %(first_open_s)s::double precision
            * 2 ^ least(greatest(h.failures - %(max_failures)s::integer, 0), 20)::double precision))
WHERE h.provider = %(provider)s::text AND h.state <> 'open'
RETURNING h.provider, h.state, h.failures, h.open_until;

-- name: succeed_provider
-- Resets the failure count; only the probe closes a half-open breaker.
UPDATE provider_health AS h
SET state = 'closed', failures = 0, open_until = NULL, updated_at = now()
WHERE h.provider = %(provider)s::text
    AND ((h.state = 'closed' AND h.failures > 0) OR (h.state = 'half_open' AND %(is_probe)s::boolean))
RETURNING h.provider, h.state, h.failures, h.open_until;

-- name: get_provider_health
-- One breaker.
SELECT h.provider, h.state, h.failures, h.open_until FROM provider_health AS h WHERE h.provider = %(provider)s::text;

-- name: take_provider_probe
-- Gives the probe call to one worker; a probe that did not end in time is given again.
UPDATE provider_health AS h
SET state = 'half_open', open_until = now() + make_interval(secs => %(probe_s)s::double precision), updated_at = now()
WHERE h.provider = %(provider)s::text AND h.state IN ('open', 'half_open') AND h.open_until <= now()
RETURNING h.provider;
