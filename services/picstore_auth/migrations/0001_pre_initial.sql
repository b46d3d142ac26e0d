-- Teams and what belongs to them; the service's own keys; request ids and the outbox.

CREATE TABLE teams (
    id           text COLLATE "C" PRIMARY KEY,
    -- Unique in the installation, which tells nobody anything: only the operator makes teams.
    short_name   text NOT NULL CONSTRAINT teams_short_name UNIQUE,
    display_name text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE users (
    id           text COLLATE "C" PRIMARY KEY,
    team_id      text COLLATE "C" NOT NULL REFERENCES teams (id),
    email        text NOT NULL,
    display_name text NOT NULL,
    disabled     boolean NOT NULL DEFAULT false,
    revision     bigint NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (team_id, id)
);
CREATE UNIQUE INDEX users_email ON users (team_id, lower(email));

CREATE TABLE roles (
    id           text COLLATE "C" PRIMARY KEY,
    team_id      text COLLATE "C" NOT NULL REFERENCES teams (id),
    short_name   text NOT NULL,
    display_name text NOT NULL,
    revision     bigint NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (team_id, id),
    CONSTRAINT roles_short_name UNIQUE (team_id, short_name)
);

CREATE TABLE role_grants (
    team_id    text COLLATE "C" NOT NULL,
    role_id    text COLLATE "C" NOT NULL,
    permission text NOT NULL,
    -- Empty for the team itself and all of its projects. Projects are catalog's: no foreign key.
    project_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (role_id, permission, project_id),
    FOREIGN KEY (team_id, role_id) REFERENCES roles (team_id, id) ON DELETE CASCADE
);

CREATE TABLE user_roles (
    team_id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    role_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (user_id, role_id),
    FOREIGN KEY (team_id, user_id) REFERENCES users (team_id, id) ON DELETE CASCADE,
    CONSTRAINT user_roles_role FOREIGN KEY (team_id, role_id)
        REFERENCES roles (team_id, id) ON DELETE CASCADE
);
CREATE INDEX user_roles_role_id ON user_roles (role_id);

CREATE TABLE api_keys (
    id                        text COLLATE "C" PRIMARY KEY,
    team_id                   text COLLATE "C" NOT NULL,
    user_id                   text COLLATE "C" NOT NULL,
    -- SHA-256 of the whole text of the key.
    digest                    bytea NOT NULL CHECK (length(digest) = 32),
    display_name              text NOT NULL,
    inherit                   boolean NOT NULL,
    -- An upload profile of catalog's; empty for none.
    default_upload_profile_id text COLLATE "C" NOT NULL,
    expires_at                timestamptz,
    revoked_at                timestamptz,
    last_used_at              timestamptz,
    created_at                timestamptz NOT NULL DEFAULT now(),
    UNIQUE (team_id, id),
    CONSTRAINT api_keys_user FOREIGN KEY (team_id, user_id) REFERENCES users (team_id, id)
);
CREATE INDEX api_keys_user_id ON api_keys (user_id, id);

CREATE TABLE api_key_grants (
    team_id    text COLLATE "C" NOT NULL,
    key_id     text COLLATE "C" NOT NULL,
    permission text NOT NULL,
    project_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (key_id, permission, project_id),
    FOREIGN KEY (team_id, key_id) REFERENCES api_keys (team_id, id) ON DELETE CASCADE
);

-- The keys that sign service tokens. Newest signs; all verify until they expire.
CREATE TABLE signing_keys (
    id                 text COLLATE "C" PRIMARY KEY,
    public_key         bytea NOT NULL CHECK (length(public_key) = 32),
    sealed_private_key bytea NOT NULL,
    created_at         timestamptz NOT NULL,
    expires_at         timestamptz NOT NULL
);

ALTER TABLE teams ENABLE ROW LEVEL SECURITY;
ALTER TABLE teams FORCE ROW LEVEL SECURITY;
CREATE POLICY team ON teams
    USING (id = current_setting('picstore.team', true)
           OR current_setting('picstore.system', true) = 'on');

ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
CREATE POLICY team ON users
    USING (team_id = current_setting('picstore.team', true)
           OR current_setting('picstore.system', true) = 'on');

ALTER TABLE roles ENABLE ROW LEVEL SECURITY;
ALTER TABLE roles FORCE ROW LEVEL SECURITY;
CREATE POLICY team ON roles
    USING (team_id = current_setting('picstore.team', true)
           OR current_setting('picstore.system', true) = 'on');

ALTER TABLE role_grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE role_grants FORCE ROW LEVEL SECURITY;
CREATE POLICY team ON role_grants
    USING (team_id = current_setting('picstore.team', true)
           OR current_setting('picstore.system', true) = 'on');

ALTER TABLE user_roles ENABLE ROW LEVEL SECURITY;
ALTER TABLE user_roles FORCE ROW LEVEL SECURITY;
CREATE POLICY team ON user_roles
    USING (team_id = current_setting('picstore.team', true)
           OR current_setting('picstore.system', true) = 'on');

ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY team ON api_keys
    USING (team_id = current_setting('picstore.team', true)
           OR current_setting('picstore.system', true) = 'on');

ALTER TABLE api_key_grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_key_grants FORCE ROW LEVEL SECURITY;
CREATE POLICY team ON api_key_grants
    USING (team_id = current_setting('picstore.team', true)
           OR current_setting('picstore.system', true) = 'on');

-- Nobody's team: out of reach of every transaction that is for one.
ALTER TABLE signing_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE signing_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON signing_keys
    USING (current_setting('picstore.system', true) = 'on');

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
