-- Uploads whose bytes come in any number of calls, or go to the store directly. A row says where
-- something of the upload may lie until nothing of it is left, so it is its own journal.
CREATE TABLE sessions (
    id              text COLLATE "C" PRIMARY KEY,
    team_id         text COLLATE "C" NOT NULL,
    project_id      text COLLATE "C" NOT NULL,
    method          text NOT NULL CHECK (method IN ('RESUMABLE', 'PUT', 'POST', 'MULTIPART')),
    -- What was said of the picture, and where the catalog wants its original.
    header          jsonb NOT NULL,
    destination     jsonb NOT NULL,
    sha256          text NOT NULL DEFAULT '',
    note            text NOT NULL DEFAULT '',
    partial         boolean NOT NULL DEFAULT false,
    concat          text[] NOT NULL DEFAULT '{}',
    size_bytes      bigint CHECK (size_bytes > 0),

    state           text NOT NULL DEFAULT 'OPEN'
                    CHECK (state IN ('OPEN', 'COMPLETED', 'FAILED', 'EXPIRED')),
    failure_reason  text,
    failure_message text,
    -- The picture that it became, as callers were told.
    result          bytea,

    -- Bytes that are safe: those of `session_parts`, then those of the tail, an object of its own.
    persisted_size  bigint NOT NULL DEFAULT 0,
    store_upload_id text,
    next_part       integer NOT NULL DEFAULT 1,
    tail_key        text,
    tail_size       bigint NOT NULL DEFAULT 0,

    -- Whoever writes holds the lease; every change of theirs names the epoch, and a new holder has a
    -- new one. `wanted` asks the holder to let go.
    epoch           bigint NOT NULL DEFAULT 0,
    lease_until     timestamptz,
    completing      boolean NOT NULL DEFAULT false,
    wanted          boolean NOT NULL DEFAULT false,

    -- Until when a presigned request may still bring something.
    signed_until    timestamptz,
    expires_at      timestamptz NOT NULL,
    -- When the sweeper is to look at it next: to end it, to clean up, or to forget it.
    due_at          timestamptz NOT NULL,
    cleaned         boolean NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at        timestamptz,

    UNIQUE (team_id, id),
    CHECK ((state = 'FAILED') = (failure_reason IS NOT NULL)),
    CHECK ((state = 'OPEN') = (ended_at IS NULL)),
    CHECK (tail_size >= 0 AND (tail_size = 0) = (tail_key IS NULL))
);
CREATE INDEX sessions_due ON sessions (due_at);

CREATE TABLE session_parts (
    team_id    text COLLATE "C" NOT NULL,
    session_id text COLLATE "C" NOT NULL,
    number     integer NOT NULL CHECK (number BETWEEN 1 AND 10000),
    etag       text NOT NULL,
    size       bigint NOT NULL CHECK (size > 0),
    PRIMARY KEY (session_id, number),
    FOREIGN KEY (team_id, session_id) REFERENCES sessions (team_id, id) ON DELETE CASCADE
);

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

ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY team ON sessions
    USING (team_id = current_setting('picstore.team', true)
           OR current_setting('picstore.system', true) = 'on');

ALTER TABLE session_parts ENABLE ROW LEVEL SECURITY;
ALTER TABLE session_parts FORCE ROW LEVEL SECURITY;
CREATE POLICY team ON session_parts
    USING (team_id = current_setting('picstore.team', true)
           OR current_setting('picstore.system', true) = 'on');
