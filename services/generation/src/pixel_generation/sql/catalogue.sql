-- name: list_models
-- The enabled models in catalogue order, each with its price rules, the state of its queue, the breaker of its
-- provider, and whether a budget of the provider is used up in its current period.
SELECT
    m.id, m.provider, m.provider_model, m.aliases, m.display_name, m.queue, m.credits_per_unit, m.ratios, m.extra_sizes,
    m.styles, m.qualities, m.parameters, m.max_units, m.typical_seconds, m.takes_seed, m.capabilities, r.prices,
    l.state AS queue_state,
    CASE WHEN h.state = 'open' AND h.open_until <= now() THEN 'half_open' ELSE coalesce(h.state, 'closed') END AS health,
    EXISTS (
        SELECT 1
        FROM budgets AS b
        CROSS JOIN LATERAL (SELECT CASE b.period
            WHEN 'day' THEN (now() AT TIME ZONE 'UTC')::date
            WHEN 'month' THEN date_trunc('month', now() AT TIME ZONE 'UTC')::date
            ELSE '1970-01-01'
        END AS started) AS p
        WHERE b.scope = 'provider' AND b.subject = m.provider
            AND CASE WHEN b.period_start >= p.started THEN b.used ELSE 0 END >= b.limit_amount
    ) AS is_spent
FROM models AS m
JOIN queues AS l ON l.queue = m.queue
LEFT JOIN provider_health AS h ON h.provider = m.provider
CROSS JOIN LATERAL (
    SELECT
        coalesce(
            json_agg(
                json_build_object(
                    'id', p.id, 'credits_per_unit', p.credits_per_unit, 'cost_usd_micros', p.cost_usd_micros,
                    'quality', p.quality, 'size', p.size)
                ORDER BY p.id),
            '[]') AS prices
    FROM prices AS p
    WHERE p.model = m.id
) AS r
WHERE m.enabled
ORDER BY m.position, m.id;
