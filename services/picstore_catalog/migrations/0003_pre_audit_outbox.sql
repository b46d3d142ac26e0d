-- What was done, on its way to the audit log.

CREATE TABLE audit_outbox (
    id         text COLLATE "C" PRIMARY KEY,
    event      bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE audit_outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_outbox FORCE ROW LEVEL SECURITY;
CREATE POLICY add ON audit_outbox FOR INSERT WITH CHECK (true);
CREATE POLICY relay ON audit_outbox USING (current_setting('picstore.system', true) = 'on');
