-- Projects, where their pictures are kept, what is made of them, and what every schema has.
--
-- Unique keys and foreign keys begin with team_id: both look behind row-level security.

CREATE TABLE projects (
    team_id      text COLLATE "C" NOT NULL CHECK (team_id <> ''),
    id           text COLLATE "C" PRIMARY KEY,
    short_name   text COLLATE "C" NOT NULL CHECK (short_name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    display_name text NOT NULL DEFAULT '' CHECK (length(display_name) <= 200),
    -- The first part of every object key.
    base_path    text COLLATE "C" NOT NULL CHECK (base_path <> '' AND length(base_path) <= 300),
    -- Of one original; 0 leaves it to the installation.
    max_bytes    bigint NOT NULL DEFAULT 0 CHECK (max_bytes >= 0),
    max_pixels   bigint NOT NULL DEFAULT 0 CHECK (max_pixels >= 0),
    version      integer NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (team_id, id),
    CONSTRAINT projects_short_name UNIQUE (team_id, short_name)
);

CREATE TABLE storage_locations (
    team_id              text COLLATE "C" NOT NULL CHECK (team_id <> ''),
    id                   text COLLATE "C" PRIMARY KEY,
    -- The only project that may use it; null for all of the team's.
    project_id           text COLLATE "C",
    short_name           text COLLATE "C" NOT NULL CHECK (short_name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    display_name         text NOT NULL DEFAULT '' CHECK (length(display_name) <= 200),
    provider             text NOT NULL CHECK (provider IN ('s3', 'local')),
    s3_endpoint          text,
    s3_region            text,
    s3_bucket            text,
    s3_prefix            text,
    -- Null for ambient credentials.
    s3_access_key_id     text,
    -- Sealed for the place that `storage_location:<id>` names.
    s3_secret_access_key bytea,
    local_directory      text,
    public_base_url      text NOT NULL DEFAULT '',
    cache_control        text NOT NULL DEFAULT '',
    version              integer NOT NULL DEFAULT 1,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    UNIQUE (team_id, id),
    CONSTRAINT storage_locations_short_name UNIQUE (team_id, short_name),
    CONSTRAINT storage_locations_project
        FOREIGN KEY (team_id, project_id) REFERENCES projects (team_id, id),
    CONSTRAINT storage_locations_s3 CHECK (
        num_nonnulls(s3_endpoint, s3_region, s3_bucket, s3_prefix)
            = CASE provider WHEN 's3' THEN 4 ELSE 0 END
        AND num_nonnulls(s3_access_key_id, s3_secret_access_key) IN (0, 2)
        AND (provider = 's3' OR s3_access_key_id IS NULL)
    ),
    CONSTRAINT storage_locations_local CHECK ((provider = 'local') = (local_directory IS NOT NULL))
);

CREATE TABLE conversion_profiles (
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
    CONSTRAINT conversion_profiles_short_name UNIQUE (team_id, short_name),
    CONSTRAINT conversion_profiles_project
        FOREIGN KEY (team_id, project_id) REFERENCES projects (team_id, id)
);

CREATE TABLE conversion_profile_revisions (
    team_id               text COLLATE "C" NOT NULL CHECK (team_id <> ''),
    conversion_profile_id text COLLATE "C" NOT NULL,
    revision              integer NOT NULL CHECK (revision >= 1),
    formats               jsonb NOT NULL CHECK (jsonb_typeof(formats) = 'array'),
    sizes                 jsonb NOT NULL CHECK (jsonb_typeof(sizes) = 'array'),
    background            text NOT NULL CHECK (background ~ '^#[0-9a-f]{6}$'),
    created_at            timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (team_id, conversion_profile_id, revision),
    CONSTRAINT conversion_profile_revisions_profile
        FOREIGN KEY (team_id, conversion_profile_id) REFERENCES conversion_profiles (team_id, id)
);

-- A profile and its first revision come in one statement, at whose end this is checked.
ALTER TABLE conversion_profiles
    ADD CONSTRAINT conversion_profiles_revision
    FOREIGN KEY (team_id, id, revision)
    REFERENCES conversion_profile_revisions (team_id, conversion_profile_id, revision);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a row of % never changes', TG_TABLE_NAME;
END
$$;
CREATE TRIGGER conversion_profile_revisions_immutable
    BEFORE UPDATE ON conversion_profile_revisions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE upload_profiles (
    team_id               text COLLATE "C" NOT NULL CHECK (team_id <> ''),
    id                    text COLLATE "C" PRIMARY KEY,
    project_id            text COLLATE "C" NOT NULL,
    short_name            text COLLATE "C" NOT NULL CHECK (short_name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    display_name          text NOT NULL DEFAULT '' CHECK (length(display_name) <= 200),
    originals_location_id text COLLATE "C" NOT NULL,
    originals_path        text COLLATE "C" NOT NULL DEFAULT '' CHECK (length(originals_path) <= 300),
    outputs_location_id   text COLLATE "C" NOT NULL,
    outputs_path          text COLLATE "C" NOT NULL DEFAULT '' CHECK (length(outputs_path) <= 300),
    conversion_profile_id text COLLATE "C" NOT NULL,
    version               integer NOT NULL DEFAULT 1,
    created_at            timestamptz NOT NULL DEFAULT now(),
    updated_at            timestamptz NOT NULL DEFAULT now(),
    UNIQUE (team_id, id),
    CONSTRAINT upload_profiles_short_name UNIQUE (team_id, project_id, short_name),
    CONSTRAINT upload_profiles_project
        FOREIGN KEY (team_id, project_id) REFERENCES projects (team_id, id),
    CONSTRAINT upload_profiles_originals_location
        FOREIGN KEY (team_id, originals_location_id) REFERENCES storage_locations (team_id, id),
    CONSTRAINT upload_profiles_outputs_location
        FOREIGN KEY (team_id, outputs_location_id) REFERENCES storage_locations (team_id, id),
    CONSTRAINT upload_profiles_conversion_profile
        FOREIGN KEY (team_id, conversion_profile_id) REFERENCES conversion_profiles (team_id, id)
);
-- Lists are per project.
CREATE INDEX upload_profiles_project ON upload_profiles (team_id, project_id, id);

ALTER TABLE projects ENABLE ROW LEVEL SECURITY;
ALTER TABLE projects FORCE ROW LEVEL SECURITY;
CREATE POLICY team ON projects
    USING (team_id = current_setting('picstore.team', true)
           OR current_setting('picstore.system', true) = 'on');

ALTER TABLE storage_locations ENABLE ROW LEVEL SECURITY;
ALTER TABLE storage_locations FORCE ROW LEVEL SECURITY;
CREATE POLICY team ON storage_locations
    USING (team_id = current_setting('picstore.team', true)
           OR current_setting('picstore.system', true) = 'on');

ALTER TABLE conversion_profiles ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversion_profiles FORCE ROW LEVEL SECURITY;
CREATE POLICY team ON conversion_profiles
    USING (team_id = current_setting('picstore.team', true)
           OR current_setting('picstore.system', true) = 'on');

ALTER TABLE conversion_profile_revisions ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversion_profile_revisions FORCE ROW LEVEL SECURITY;
CREATE POLICY team ON conversion_profile_revisions
    USING (team_id = current_setting('picstore.team', true)
           OR current_setting('picstore.system', true) = 'on');

ALTER TABLE upload_profiles ENABLE ROW LEVEL SECURITY;
ALTER TABLE upload_profiles FORCE ROW LEVEL SECURITY;
CREATE POLICY team ON upload_profiles
    USING (team_id = current_setting('picstore.team', true)
           OR current_setting('picstore.system', true) = 'on');

-- As picstore_kit.pg.idempotency gives it.
CREATE TABLE request_ids (
    principal    text COLLATE "C" NOT NULL,
    method       text COLLATE "C" NOT NULL,
    request_id   text COLLATE "C" NOT NULL,
    -- Empty for what is done outside any team.
    team_id      text COLLATE "C" NOT NULL
                 DEFAULT coalesce(current_setting('picstore.team', true), ''),
    payload_hash bytea NOT NULL,
    response     bytea NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (principal, method, request_id)
);
CREATE INDEX request_ids_created_at ON request_ids (created_at);

ALTER TABLE request_ids ENABLE ROW LEVEL SECURITY;
ALTER TABLE request_ids FORCE ROW LEVEL SECURITY;
CREATE POLICY team ON request_ids
    USING ((team_id <> '' AND team_id = current_setting('picstore.team', true))
           OR current_setting('picstore.system', true) = 'on');

-- As picstore_kit.pg.outbox gives it.
CREATE TABLE outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    msg_id     text NOT NULL DEFAULT gen_random_uuid()::text,
    subject    text NOT NULL,
    payload    bytea NOT NULL,
    headers    jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    due_at     timestamptz NOT NULL DEFAULT now(),
    attempts   integer NOT NULL DEFAULT 0,
    last_error text
);
CREATE INDEX outbox_due ON outbox (due_at, id);

ALTER TABLE outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE outbox FORCE ROW LEVEL SECURITY;
CREATE POLICY add ON outbox FOR INSERT WITH CHECK (true);
CREATE POLICY relay ON outbox USING (current_setting('picstore.system', true) = 'on');

-- Only wakes the relay, whose poll is the truth.
CREATE FUNCTION outbox_wake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('outbox.' || TG_TABLE_SCHEMA, '');
    RETURN NULL;
END
$$;
CREATE TRIGGER outbox_wake AFTER INSERT ON outbox
    FOR EACH STATEMENT EXECUTE FUNCTION outbox_wake();
