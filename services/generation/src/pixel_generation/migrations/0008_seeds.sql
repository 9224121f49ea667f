SET LOCAL lock_timeout = '2s';

ALTER TABLE models ADD COLUMN takes_seed boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN models.takes_seed IS 'Whether a seed reproduces a picture; a seed for a model that takes none is refused, or dropped where the caller allows it.';
UPDATE models SET takes_seed = true WHERE provider = 'sketch';
