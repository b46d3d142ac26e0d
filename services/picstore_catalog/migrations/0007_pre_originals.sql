-- The originals of pictures, one for each generation: a picture whose original is replaced keeps the
-- one that pages show until the other's outputs are whole.

-- Tables hide their rows also from their owner, unless the transaction is for all teams.
SET LOCAL picstore.system = 'on';

CREATE TABLE originals (
    team_id                     text COLLATE "C" NOT NULL,
    image_id                    text COLLATE "C" NOT NULL,
    generation                  integer NOT NULL CHECK (generation > 0),
    upload_id                   text COLLATE "C" NOT NULL CONSTRAINT originals_upload UNIQUE,
    filename                    text NOT NULL,
    -- The filename as it is compared and sorted: without case.
    filename_key                text COLLATE "C" NOT NULL,
    location_id                 text COLLATE "C" NOT NULL,
    object_key                  text COLLATE "C" NOT NULL,
    format                      text NOT NULL,
    width                       integer NOT NULL CHECK (width > 0),
    height                      integer NOT NULL CHECK (height > 0),
    frames                      integer NOT NULL CHECK (frames > 0),
    has_alpha                   boolean NOT NULL,
    has_gps                     boolean NOT NULL,
    -- Bytes of the file that follow the end of the picture.
    trailing_bytes              bigint NOT NULL DEFAULT 0 CHECK (trailing_bytes >= 0),
    size_bytes                  bigint NOT NULL CHECK (size_bytes > 0),
    sha256                      bytea NOT NULL CHECK (length(sha256) = 32),
    thumbhash                   bytea,
    dominant_colour             text,
    -- What the outputs of the generation are made by.
    conversion_profile_id       text COLLATE "C" NOT NULL,
    conversion_profile_revision integer NOT NULL,
    committed_at                timestamptz NOT NULL DEFAULT clock_timestamp(),

    PRIMARY KEY (image_id, generation),
    FOREIGN KEY (team_id, image_id) REFERENCES images (team_id, id),
    FOREIGN KEY (team_id, location_id) REFERENCES storage_locations (team_id, id),
    FOREIGN KEY (team_id, conversion_profile_id, conversion_profile_revision)
        REFERENCES conversion_profile_revisions (team_id, conversion_profile_id, revision),
    CHECK ((thumbhash IS NULL) = (dominant_colour IS NULL))
);
-- Whose original an object is; no object is two.
CREATE UNIQUE INDEX originals_object ON originals (location_id, object_key);
-- Which pictures have the same bytes already.
CREATE INDEX originals_by_sha256 ON originals (team_id, sha256);
-- What is made by a profile, asked before that is deleted.
CREATE INDEX originals_conversion_profile ON originals (conversion_profile_id);

ALTER TABLE originals ENABLE ROW LEVEL SECURITY;
ALTER TABLE originals FORCE ROW LEVEL SECURITY;
CREATE POLICY team ON originals
    USING (team_id = current_setting('picstore.team', true)
           OR current_setting('picstore.system', true) = 'on');

-- What `images` says of an original is of the one that is served, or of the newest while none is.
ALTER TABLE images
    ADD COLUMN trailing_bytes bigint NOT NULL DEFAULT 0 CHECK (trailing_bytes >= 0),
    -- The highest number that a generation of the picture ever had.
    ADD COLUMN last_generation integer NOT NULL DEFAULT 0,
    -- A picture that is READY may say why its newest original could not replace the one before.
    DROP CONSTRAINT images_check1,
    ADD CONSTRAINT images_failure CHECK (
        CASE state WHEN 'FAILED' THEN failure_reason IS NOT NULL
                   WHEN 'READY' THEN true
                   ELSE failure_reason IS NULL END
    );

UPDATE images SET last_generation = greatest(generation, pending_generation);

INSERT INTO originals (team_id, image_id, generation, upload_id, filename, filename_key, location_id,
                       object_key, format, width, height, frames, has_alpha, has_gps, size_bytes, sha256,
                       thumbhash, dominant_colour, conversion_profile_id,
                       conversion_profile_revision, committed_at)
SELECT team_id, id, last_generation, upload_id, filename, filename_key, originals_location_id,
       original_key, format, width, height, frames, has_alpha, has_gps, size_bytes, sha256,
       thumbhash, dominant_colour, conversion_profile_id,
       conversion_profile_revision, committed_at
FROM images
WHERE upload_id IS NOT NULL AND last_generation > 0;

-- Code that does not know the table writes `images` alone: this is for as long as it runs, and finds
-- nothing to do where both were written.
CREATE FUNCTION keep_original() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO originals (team_id, image_id, generation, upload_id, filename, filename_key,
                           location_id, object_key, format, width, height, frames, has_alpha, has_gps,
                           size_bytes, sha256, conversion_profile_id,
                           conversion_profile_revision, committed_at)
    VALUES (NEW.team_id, NEW.id, greatest(NEW.generation, NEW.pending_generation), NEW.upload_id,
            NEW.filename, NEW.filename_key, NEW.originals_location_id, NEW.original_key, NEW.format, NEW.width,
            NEW.height, NEW.frames, NEW.has_alpha, NEW.has_gps, NEW.size_bytes, NEW.sha256,
            NEW.conversion_profile_id, NEW.conversion_profile_revision, NEW.committed_at)
    ON CONFLICT DO NOTHING;
    UPDATE originals
    SET thumbhash = NEW.thumbhash, dominant_colour = NEW.dominant_colour
    WHERE upload_id = NEW.upload_id AND thumbhash IS NULL AND NEW.thumbhash IS NOT NULL;
    RETURN NULL;
END
$$;
CREATE TRIGGER keep_original AFTER UPDATE OF upload_id, thumbhash ON images
    FOR EACH ROW
    WHEN (NEW.upload_id IS NOT NULL AND greatest(NEW.generation, NEW.pending_generation) > 0)
    EXECUTE FUNCTION keep_original();
