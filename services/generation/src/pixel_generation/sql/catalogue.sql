-- name: list_models
-- The enabled models in catalogue order.
SELECT
    m.id, m.provider, m.provider_model, m.aliases, m.display_name, m.lane, m.credits_per_image, m.ratios, m.extra_sizes,
    m.styles, m.qualities, m.parameters, m.max_images, m.typical_seconds
FROM models AS m
WHERE m.enabled
ORDER BY m.position, m.id;
