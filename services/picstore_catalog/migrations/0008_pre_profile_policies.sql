-- What profiles say besides formats and sizes, tiny previews, and outputs that turn out to be of no use.

-- Tables hide their rows also from their owner, unless the transaction is for all teams.
SET LOCAL picstore.system = 'on';

-- What outputs keep of metadata and colours, and how large they may be; what is absent is the default.
ALTER TABLE conversion_profile_revisions
    ADD COLUMN policies jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(policies) = 'object');

-- A WebP of a few pixels, and the colours of the picture, what there is most of first.
ALTER TABLE originals
    ADD COLUMN preview bytea,
    ADD COLUMN palette text[] NOT NULL DEFAULT '{}';
ALTER TABLE images
    ADD COLUMN preview bytea,
    ADD COLUMN palette text[] NOT NULL DEFAULT '{}';

ALTER TABLE outputs
    -- The one of the next better format, made by the same job, and by how much this one may be
    -- larger before it is of no use.
    ADD COLUMN better_id text COLLATE "C",
    ADD COLUMN skip_if_larger_percent integer CHECK (skip_if_larger_percent >= 0),
    ADD CONSTRAINT outputs_better CHECK ((better_id IS NULL) = (skip_if_larger_percent IS NULL)),
    -- What a worker skips keeps its job.
    DROP CONSTRAINT outputs_check,
    ADD CONSTRAINT outputs_job CHECK (state = 'SKIPPED' OR job_id IS NOT NULL);
