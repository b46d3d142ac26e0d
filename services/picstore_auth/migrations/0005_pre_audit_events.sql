-- The audit log, of all services. What is in it is never changed or deleted.

CREATE TABLE audit_events (
    -- Made where it happened: an event that is handed over twice is kept once.
    id             text COLLATE "C" PRIMARY KEY,
    -- Empty where nobody's team is known. No foreign key: the log outlives what it tells of.
    team_id        text COLLATE "C" NOT NULL,
    event_time     timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL DEFAULT now(),
    user_id        text COLLATE "C" NOT NULL,
    credential_id  text COLLATE "C" NOT NULL,
    service        text NOT NULL,
    client_address text NOT NULL,
    user_agent     text NOT NULL,
    request_id     text NOT NULL,
    method         text COLLATE "C" NOT NULL,
    method_name    text COLLATE "C" NOT NULL GENERATED ALWAYS AS (split_part(method, '/', 2)) STORED,
    resource_type  text COLLATE "C" NOT NULL,
    resource_id    text COLLATE "C" NOT NULL,
    project_id     text COLLATE "C" NOT NULL,
    outcome        text NOT NULL CHECK (outcome IN ('DONE', 'DENIED')),
    reason         text NOT NULL CHECK ((reason <> '') = (outcome = 'DENIED')),
    -- [[field, old value, new value], …]
    changes        jsonb NOT NULL CHECK (jsonb_typeof(changes) = 'array')
);
-- Lists, newest first; one index for each filter that leaves little of much.
CREATE INDEX audit_events_time ON audit_events (team_id, event_time, id);
CREATE INDEX audit_events_user ON audit_events (team_id, user_id, event_time, id);
CREATE INDEX audit_events_credential ON audit_events (team_id, credential_id, event_time, id);
CREATE INDEX audit_events_method ON audit_events (team_id, method_name, event_time, id);
CREATE INDEX audit_events_type ON audit_events (team_id, resource_type, event_time, id);
CREATE INDEX audit_events_resource ON audit_events (team_id, resource_id, event_time, id);
CREATE INDEX audit_events_denied ON audit_events (team_id, event_time, id) WHERE outcome = 'DENIED';

-- Teams read, the service itself adds, and there is no policy by which a row could be changed.
ALTER TABLE audit_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_events FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON audit_events FOR SELECT
    USING ((team_id <> '' AND team_id = current_setting('picstore.team', true))
           OR current_setting('picstore.system', true) = 'on');
CREATE POLICY record ON audit_events FOR INSERT
    WITH CHECK (current_setting('picstore.system', true) = 'on');
REVOKE UPDATE, DELETE, TRUNCATE ON audit_events FROM picstore_auth;
