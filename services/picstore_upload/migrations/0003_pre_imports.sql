-- Pictures that are fetched from URLs and buckets. The tables are the queue, too: `due_at` is when an
-- item may be taken, and while somebody works on it the end of the lease.
CREATE TABLE import_jobs (
    id              text COLLATE "C" PRIMARY KEY,
    team_id         text COLLATE "C" NOT NULL,
    project_id      text COLLATE "C" NOT NULL,
    upload_profile  text NOT NULL,
    location        text NOT NULL,
    on_duplicate    text NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('url', 'bucket')),
    -- Without its query. The whole of it is only at its item, and only until that has ended.
    url             text NOT NULL DEFAULT '',
    filename        text NOT NULL DEFAULT '',
    alt_text        text NOT NULL DEFAULT '',
    bucket_location_id text COLLATE "C" NOT NULL DEFAULT '',
    bucket_prefix   text NOT NULL DEFAULT '',
    -- For whom it is done: a serialised picstore.auth.v1.Principal, and what revokes it.
    principal       bytea NOT NULL,
    credential_id   text COLLATE "C" NOT NULL,
    -- The caller and its request id, so that the same request makes one job; null without one.
    request_key     text COLLATE "C",
    request_hash    bytea,
    state           text NOT NULL DEFAULT 'queued'
                    CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    listed          boolean NOT NULL,
    item_count      bigint NOT NULL DEFAULT 0,
    open_count      bigint NOT NULL DEFAULT 0,
    imported_count  bigint NOT NULL DEFAULT 0,
    duplicate_count bigint NOT NULL DEFAULT 0,
    refused_count   bigint NOT NULL DEFAULT 0,
    failed_count    bigint NOT NULL DEFAULT 0,
    received_bytes  bigint NOT NULL DEFAULT 0,
    total_bytes     bigint NOT NULL DEFAULT 0,
    failure_reason  text NOT NULL DEFAULT '',
    failure_message text NOT NULL DEFAULT '',
    -- Of listing a bucket; as with items.
    list_attempts   integer NOT NULL DEFAULT 0,
    list_due_at     timestamptz NOT NULL DEFAULT now(),
    -- Jobs take turns: the one that was served longest ago is next.
    served_at       timestamptz NOT NULL DEFAULT now(),
    -- Whether it has ended, and the sweep is still to write that to some of its items.
    leftover        boolean NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL DEFAULT now(),
    ended_at        timestamptz,
    UNIQUE (team_id, id)
);
CREATE UNIQUE INDEX import_jobs_request ON import_jobs (team_id, request_key);
CREATE INDEX import_jobs_project ON import_jobs (team_id, project_id, id);
CREATE INDEX import_jobs_served ON import_jobs (served_at) WHERE state IN ('queued', 'running');
CREATE INDEX import_jobs_unlisted ON import_jobs (list_due_at)
    WHERE state IN ('queued', 'running') AND NOT listed;
CREATE INDEX import_jobs_credential ON import_jobs (credential_id)
    WHERE state IN ('queued', 'running');
CREATE INDEX import_jobs_leftover ON import_jobs (id) WHERE leftover;
CREATE INDEX import_jobs_ended ON import_jobs (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE import_items (
    job_id         text COLLATE "C" NOT NULL,
    number         bigint NOT NULL,
    team_id        text COLLATE "C" NOT NULL,
    -- The object's key, or the URL without its query.
    source         text COLLATE "C" NOT NULL,
    -- What is listed again is found by this. A URL may be too long for an index, and behind row-level
    -- security none on an expression is used.
    source_hash    text COLLATE "C" NOT NULL GENERATED ALWAYS AS (md5(source)) STORED,
    -- The whole URL, until the item has ended; null for objects.
    url            text,
    -- Chosen once, so that an attempt which follows one that was committed finds its picture.
    upload_id      text COLLATE "C" NOT NULL,
    state          text NOT NULL DEFAULT 'queued'
                   CHECK (state IN ('queued', 'running', 'imported', 'duplicate', 'refused',
                                    'failed', 'cancelled')),
    attempts       integer NOT NULL DEFAULT 0,
    due_at         timestamptz NOT NULL DEFAULT now(),
    image_id       text COLLATE "C" NOT NULL DEFAULT '',
    reason         text NOT NULL DEFAULT '',
    message        text NOT NULL DEFAULT '',
    received_bytes bigint NOT NULL DEFAULT 0,
    total_bytes    bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (job_id, number),
    FOREIGN KEY (team_id, job_id) REFERENCES import_jobs (team_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX import_items_source ON import_items (job_id, source_hash);
CREATE INDEX import_items_due ON import_items (job_id, due_at, number)
    WHERE state IN ('queued', 'running');
CREATE INDEX import_items_running ON import_items (due_at) WHERE state = 'running';

ALTER TABLE import_jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE import_jobs FORCE ROW LEVEL SECURITY;
CREATE POLICY team ON import_jobs
    USING (team_id = current_setting('picstore.team', true)
           OR current_setting('picstore.system', true) = 'on');

ALTER TABLE import_items ENABLE ROW LEVEL SECURITY;
ALTER TABLE import_items FORCE ROW LEVEL SECURITY;
CREATE POLICY team ON import_items
    USING (team_id = current_setting('picstore.team', true)
           OR current_setting('picstore.system', true) = 'on');
