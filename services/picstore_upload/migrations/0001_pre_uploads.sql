-- What an upload may have left in a store, until the catalog has recorded it or it is removed.
CREATE TABLE uploads (
    id          text COLLATE "C" PRIMARY KEY,
    team_id     text COLLATE "C" NOT NULL,
    location_id text COLLATE "C" NOT NULL,
    object_key  text NOT NULL,
    state       text NOT NULL DEFAULT 'receiving'
                CHECK (state IN ('receiving', 'committing', 'sweeping')),
    lease_until timestamptz NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX uploads_lease ON uploads (lease_until);

ALTER TABLE uploads ENABLE ROW LEVEL SECURITY;
ALTER TABLE uploads FORCE ROW LEVEL SECURITY;
CREATE POLICY team ON uploads
    USING (team_id = current_setting('picstore.team', true)
           OR current_setting('picstore.system', true) = 'on');
