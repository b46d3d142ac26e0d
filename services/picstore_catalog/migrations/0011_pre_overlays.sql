-- Overlay templates, pictures that are derived by them, and jobs that draw an original.

-- Tables hide their rows also from their owner, unless the transaction is for all teams.
SET LOCAL picstore.system = 'on';

CREATE TABLE overlay_templates (
    team_id      text COLLATE "C" NOT NULL CHECK (team_id <> ''),
    id           text COLLATE "C" PRIMARY KEY,
    -- The only project that may use it; null for all of the team's.
    project_id   text COLLATE "C",
    short_name   text COLLATE "C" NOT NULL CHECK (short_name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    display_name text NOT NULL DEFAULT '' CHECK (length(display_name) <= 200),
    -- The current one.
    revision     integer NOT NULL DEFAULT 1 CHECK (revision >= 1),
    version      integer NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (team_id, id),
    CONSTRAINT overlay_templates_short_name UNIQUE (team_id, short_name),
    CONSTRAINT overlay_templates_project
        FOREIGN KEY (team_id, project_id) REFERENCES projects (team_id, id)
);

CREATE TABLE overlay_template_revisions (
    team_id             text COLLATE "C" NOT NULL CHECK (team_id <> ''),
    overlay_template_id text COLLATE "C" NOT NULL,
    revision            integer NOT NULL CHECK (revision >= 1),
    overlay             jsonb NOT NULL CHECK (jsonb_typeof(overlay) = 'object'),
    -- A user's id, or the name of a service.
    creator             text NOT NULL,
    created_at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (team_id, overlay_template_id, revision),
    CONSTRAINT overlay_template_revisions_template
        FOREIGN KEY (team_id, overlay_template_id) REFERENCES overlay_templates (team_id, id)
);

-- A template and its first revision come in one statement, at whose end this is checked.
ALTER TABLE overlay_templates
    ADD CONSTRAINT overlay_templates_revision
    FOREIGN KEY (team_id, id, revision)
    REFERENCES overlay_template_revisions (team_id, overlay_template_id, revision);

CREATE TRIGGER overlay_template_revisions_immutable
    BEFORE UPDATE ON overlay_template_revisions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

ALTER TABLE overlay_templates ENABLE ROW LEVEL SECURITY;
ALTER TABLE overlay_templates FORCE ROW LEVEL SECURITY;
CREATE POLICY team ON overlay_templates
    USING (team_id = current_setting('picstore.team', true)
           OR current_setting('picstore.system', true) = 'on');

ALTER TABLE overlay_template_revisions ENABLE ROW LEVEL SECURITY;
ALTER TABLE overlay_template_revisions FORCE ROW LEVEL SECURITY;
CREATE POLICY team ON overlay_template_revisions
    USING (team_id = current_setting('picstore.team', true)
           OR current_setting('picstore.system', true) = 'on');

-- What a picture was derived from. It is told of only, so that both may be deleted: no foreign keys.
ALTER TABLE images
    ADD COLUMN base_image_id             text COLLATE "C",
    ADD COLUMN base_generation           integer CHECK (base_generation > 0),
    ADD COLUMN base_sha256               bytea CHECK (length(base_sha256) = 32),
    ADD COLUMN overlay_template_id       text COLLATE "C",
    ADD COLUMN overlay_template_revision integer CHECK (overlay_template_revision > 0),
    ADD COLUMN overlay_variables         jsonb CHECK (jsonb_typeof(overlay_variables) = 'object'),
    ADD CONSTRAINT images_derived_whole CHECK (
        num_nulls(base_image_id, base_generation, base_sha256, overlay_template_id,
                  overlay_template_revision, overlay_variables) IN (0, 6)
    ),
    -- A derived picture is CONVERTING already while its first original is drawn, and FAILED where
    -- that can't be.
    DROP CONSTRAINT images_check,
    ADD CONSTRAINT images_original_whole CHECK (
        state = 'AWAITING_UPLOAD'
        OR (state IN ('CONVERTING', 'FAILED') AND base_image_id IS NOT NULL
            AND committed_at IS NULL)
        OR num_nulls(upload_id, originals_location_id, original_key, format, width, height,
                     frames, has_alpha, has_gps, size_bytes, sha256, committed_at) = 0
    );

ALTER TABLE jobs
    ADD COLUMN kind text NOT NULL DEFAULT 'convert' CHECK (kind IN ('convert', 'render')),
    -- What is to be drawn: the overlay and the originals that it takes, all fixed here.
    ADD COLUMN render jsonb CHECK (jsonb_typeof(render) = 'object'),
    -- The keys that attempts were given for what they draw, so that the next one removes what one
    -- that died has left.
    ADD COLUMN render_keys text[] NOT NULL DEFAULT '{}',
    ADD CONSTRAINT jobs_render CHECK ((kind = 'render') = (render IS NOT NULL));
