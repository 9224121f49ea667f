SET LOCAL lock_timeout = '2s';

CREATE TABLE models (
    id text PRIMARY KEY,
    position smallint NOT NULL,
    provider text NOT NULL,
    provider_model text NOT NULL,
    aliases text[] NOT NULL DEFAULT '{}',
    display_name text NOT NULL,
    lane text NOT NULL REFERENCES lanes (lane),
    credits_per_image bigint NOT NULL CHECK (credits_per_image > 0),
    ratios json NOT NULL,
    extra_sizes text[] NOT NULL DEFAULT '{}',
    styles text[] NOT NULL DEFAULT '{}',
    qualities text[] NOT NULL DEFAULT '{}',
    parameters jsonb NOT NULL DEFAULT '{}',
    max_images smallint NOT NULL DEFAULT 10 CHECK (max_images BETWEEN 1 AND 10),
    typical_seconds double precision NOT NULL CHECK (typical_seconds > 0),
    enabled boolean NOT NULL DEFAULT true
);
COMMENT ON COLUMN models.ratios IS 'Aspect ratio to size, such as {"16:9": "1344x768"}; json and not jsonb, because the order is the catalogue''s.';
COMMENT ON COLUMN models.styles IS 'Accepted presets; empty means any word.';
COMMENT ON COLUMN models.parameters IS 'Provider options by name, each with the words it accepts.';

INSERT INTO lanes (lane) VALUES ('sketch'), ('openai');

INSERT INTO models
    (id, position, provider, provider_model, aliases, display_name, lane, credits_per_image, ratios, extra_sizes, styles,
     qualities, parameters, max_images, typical_seconds)
VALUES
    ('studio-sketch', 1, 'sketch', 'studio-sketch', '{}', 'Studio Sketch (procedural, not an AI model)', 'sketch', 1,
     '{"1:1": "1024x1024", "16:9": "1344x768", "9:16": "768x1344", "4:3": "1152x864", "3:4": "864x1152",
       "3:2": "1248x832", "2:3": "832x1248", "21:9": "1568x672"}',
     '{256x256,512x512,1536x1024,1024x1536,1792x1024,1024x1792}',
     '{painterly,ink,watercolor,oil,pastel,neon,blueprint,woodcut,anime,photo}', '{}', '{}', 10, 1),
    ('gpt-image-2.5-flare', 2, 'openai', 'gpt-image-2.5-flare', '{dall-e-3,dall-e,gpt-image-1}', 'GPT Image 2.5 Flare',
     'openai', 4,
     '{"1:1": "1024x1024", "3:2": "1536x1024", "2:3": "1024x1536", "16:9": "1536x864", "9:16": "864x1536"}',
     '{}', '{}', '{low,medium,high,xhigh,max,auto}',
     '{"background": ["auto", "opaque", "transparent"], "moderation": ["auto", "low"]}', 10, 20),
    ('gpt-image-2', 3, 'openai', 'gpt-image-2', '{}', 'GPT Image 2', 'openai', 8,
     '{"1:1": "1024x1024", "3:2": "1536x1024", "2:3": "1024x1536", "16:9": "1536x864", "9:16": "864x1536"}',
     '{}', '{}', '{low,medium,high,auto}',
     '{"background": ["auto", "opaque"], "moderation": ["auto", "low"]}', 10, 30);
