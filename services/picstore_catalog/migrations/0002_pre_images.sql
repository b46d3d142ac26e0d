-- Pictures, their outputs, and the ledger of the jobs that make them.

CREATE TABLE images (
    id                    text COLLATE "C" PRIMARY KEY,
    team_id               text COLLATE "C" NOT NULL,
    project_id            text COLLATE "C" NOT NULL,
    upload_profile_id     text COLLATE "C" NOT NULL,
    filename              text NOT NULL,
    location              text NOT NULL,
    alt_text              text NOT NULL DEFAULT '',
    state                 text NOT NULL
                          CHECK (state IN ('AWAITING_UPLOAD', 'CONVERTING', 'READY', 'FAILED')),
    failure_reason        text,
    failure_message       text,

    -- The original, as the last commit found it.
    upload_id             text COLLATE "C" UNIQUE,
    originals_location_id text COLLATE "C",
    original_key          text,
    format                text,
    width                 integer CHECK (width > 0),
    height                integer CHECK (height > 0),
    frames                integer CHECK (frames > 0),
    has_alpha             boolean,
    has_gps               boolean,
    size_bytes            bigint CHECK (size_bytes > 0),
    sha256                bytea CHECK (length(sha256) = 32),

    thumbhash             bytea,
    dominant_colour       text,

    -- The set of outputs that pages get, and the one that is being made; 0 for none.
    generation            integer NOT NULL DEFAULT 0,
    pending_generation    integer NOT NULL DEFAULT 0,

    version               bigint NOT NULL DEFAULT 1,
    created_at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    committed_at          timestamptz,
    ready_at              timestamptz,

    UNIQUE (team_id, id),
    FOREIGN KEY (team_id, project_id) REFERENCES projects (team_id, id),
    FOREIGN KEY (team_id, upload_profile_id) REFERENCES upload_profiles (team_id, id),
    FOREIGN KEY (team_id, originals_location_id) REFERENCES storage_locations (team_id, id),
    CHECK (state = 'AWAITING_UPLOAD'
           OR num_nulls(upload_id, originals_location_id, original_key, format, width, height,
                        frames, has_alpha, has_gps, size_bytes, sha256, committed_at) = 0),
    CHECK ((state = 'FAILED') = (failure_reason IS NOT NULL)),
    CHECK ((thumbhash IS NULL) = (dominant_colour IS NULL))
);
-- Lists, newest first: ids sort by the time they were made.
CREATE INDEX images_project ON images (project_id, id);
CREATE INDEX images_project_state ON images (project_id, state, id);
CREATE INDEX images_project_sha256 ON images (project_id, sha256, id) WHERE sha256 IS NOT NULL;

CREATE TABLE jobs (
    id                  text COLLATE "C" PRIMARY KEY,
    team_id             text COLLATE "C" NOT NULL,
    image_id            text COLLATE "C" NOT NULL,
    generation          integer NOT NULL,
    lane                text NOT NULL CHECK (lane IN ('interactive', 'fast', 'slow', 'bulk')),

    -- Where its outputs go; fixed here, so that a changed profile never splits a generation.
    outputs_location_id text COLLATE "C" NOT NULL,
    output_key_prefix   text NOT NULL,

    state               text NOT NULL DEFAULT 'QUEUED'
                        CHECK (state IN ('QUEUED', 'RUNNING', 'DONE', 'FAILED')),
    attempt             integer NOT NULL DEFAULT 0,
    child_deaths        integer NOT NULL DEFAULT 0,
    worker              text NOT NULL DEFAULT '',
    run_at              timestamptz NOT NULL DEFAULT clock_timestamp(),
    lease_until         timestamptz,
    sweep_at            timestamptz,
    sweeps              integer NOT NULL DEFAULT 0,
    failure_reason      text,
    failure_message     text,
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at          timestamptz NOT NULL DEFAULT clock_timestamp(),

    UNIQUE (team_id, id),
    FOREIGN KEY (team_id, image_id) REFERENCES images (team_id, id),
    FOREIGN KEY (team_id, outputs_location_id) REFERENCES storage_locations (team_id, id),
    CHECK ((state = 'RUNNING') = (lease_until IS NOT NULL)),
    CHECK ((state IN ('DONE', 'FAILED')) = (sweep_at IS NULL))
);
CREATE INDEX jobs_image ON jobs (image_id, generation);
CREATE INDEX jobs_sweep ON jobs (sweep_at) WHERE sweep_at IS NOT NULL;

CREATE TABLE outputs (
    id               text COLLATE "C" PRIMARY KEY,
    team_id          text COLLATE "C" NOT NULL,
    image_id         text COLLATE "C" NOT NULL,
    generation       integer NOT NULL,
    -- NULL where it is SKIPPED.
    job_id           text COLLATE "C",
    location_id      text COLLATE "C" NOT NULL,
    spec             jsonb NOT NULL,
    spec_hash        bytea NOT NULL CHECK (length(spec_hash) = 32),
    -- Whether the generation is not whole without it.
    awaited          boolean NOT NULL,
    estimated_cpu_ms integer NOT NULL,

    state            text NOT NULL
                     CHECK (state IN ('QUEUED', 'CONVERTING', 'READY', 'FAILED', 'SKIPPED')),
    reason           text,
    message          text,
    object_key       text,
    width            integer CHECK (width > 0),
    height           integer CHECK (height > 0),
    size_bytes       bigint CHECK (size_bytes > 0),
    sha256           bytea CHECK (length(sha256) = 32),
    encode_cpu_ms    integer CHECK (encode_cpu_ms >= 0),
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    ready_at         timestamptz,

    FOREIGN KEY (team_id, image_id) REFERENCES images (team_id, id),
    FOREIGN KEY (team_id, job_id) REFERENCES jobs (team_id, id),
    FOREIGN KEY (team_id, location_id) REFERENCES storage_locations (team_id, id),
    CHECK ((state = 'SKIPPED') = (job_id IS NULL)),
    CHECK ((state IN ('FAILED', 'SKIPPED')) = (reason IS NOT NULL)),
    CHECK ((state = 'READY')
           = (num_nulls(object_key, width, height, size_bytes, sha256, encode_cpu_ms, ready_at) = 0))
);
-- One result for each thing that is to be made. What is skipped may repeat a spec: often that is
-- the very reason.
CREATE UNIQUE INDEX outputs_spec ON outputs (image_id, generation, spec_hash)
    WHERE state <> 'SKIPPED';
CREATE INDEX outputs_image ON outputs (image_id, generation, id);
CREATE INDEX outputs_job ON outputs (job_id);

ALTER TABLE images ENABLE ROW LEVEL SECURITY;
ALTER TABLE images FORCE ROW LEVEL SECURITY;
CREATE POLICY team ON images
    USING (team_id = current_setting('picstore.team', true)
           OR current_setting('picstore.system', true) = 'on');

ALTER TABLE jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobs FORCE ROW LEVEL SECURITY;
CREATE POLICY team ON jobs
    USING (team_id = current_setting('picstore.team', true)
           OR current_setting('picstore.system', true) = 'on');

ALTER TABLE outputs ENABLE ROW LEVEL SECURITY;
ALTER TABLE outputs FORCE ROW LEVEL SECURITY;
CREATE POLICY team ON outputs
    USING (team_id = current_setting('picstore.team', true)
           OR current_setting('picstore.system', true) = 'on');
