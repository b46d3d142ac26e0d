-- What is said of pictures, and the indexes that lists and lookups need. Under row-level security an
-- index answers only operators that Postgres knows to leak nothing of other rows (LEAKPROOF):
-- comparisons of texts, numbers and times are, LIKE and those of GIN are not.

-- Tables hide their rows also from their owner, unless the transaction is for all teams.
SET LOCAL picstore.system = 'on';

ALTER TABLE images
    -- Text by BCP 47 tag, in canonical form.
    ADD COLUMN alt_texts jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(alt_texts) = 'object'),
    -- As they were written; `image_tags` is what finds them.
    ADD COLUMN tags text[] NOT NULL DEFAULT '{}',
    ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    ADD COLUMN focal_x double precision CHECK (focal_x BETWEEN 0 AND 1),
    ADD COLUMN focal_y double precision CHECK (focal_y BETWEEN 0 AND 1),
    -- The filename as it is compared and sorted: without case.
    ADD COLUMN filename_key text COLLATE "C" NOT NULL DEFAULT '',
    -- The size as it is sorted; an expression would do but for row-level security.
    ADD COLUMN size_key bigint GENERATED ALWAYS AS (coalesce(size_bytes, 0)) STORED,
    ADD CONSTRAINT images_focal_point_whole CHECK (num_nulls(focal_x, focal_y) <> 1);

UPDATE images SET filename_key = lower(filename);

CREATE TABLE image_tags (
    team_id    text COLLATE "C" NOT NULL,
    project_id text COLLATE "C" NOT NULL,
    image_id   text COLLATE "C" NOT NULL,
    -- The tag as it is compared: without case.
    tag_key    text COLLATE "C" NOT NULL,
    PRIMARY KEY (image_id, tag_key),
    FOREIGN KEY (team_id, image_id) REFERENCES images (team_id, id) ON DELETE CASCADE
);
CREATE INDEX image_tags_project ON image_tags (project_id, tag_key, image_id);

ALTER TABLE image_tags ENABLE ROW LEVEL SECURITY;
ALTER TABLE image_tags FORCE ROW LEVEL SECURITY;
CREATE POLICY team ON image_tags
    USING (team_id = current_setting('picstore.team', true)
           OR current_setting('picstore.system', true) = 'on');

-- One for each order and each filter of a list, every one with the id as the tie-break.
CREATE INDEX images_by_time ON images (project_id, created_at, id);
CREATE INDEX images_by_filename ON images (project_id, filename_key, id);
CREATE INDEX images_by_size ON images (project_id, size_key, id);
CREATE INDEX images_by_state ON images (project_id, state, created_at, id);
CREATE INDEX images_by_format ON images (project_id, format, created_at, id);
CREATE INDEX images_by_upload_profile ON images (upload_profile_id, created_at, id);
CREATE INDEX images_by_conversion_profile
    ON images (conversion_profile_id, project_id, created_at, id);
-- Lookups in one project and in all.
CREATE INDEX images_by_sha256 ON images (team_id, sha256, project_id) WHERE sha256 IS NOT NULL;

DROP INDEX images_project;
DROP INDEX images_project_state;
DROP INDEX images_project_sha256;
