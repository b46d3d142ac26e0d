-- Teams that can be closed, keys that can change, and people who log in.

ALTER TABLE teams
    ADD COLUMN disabled boolean NOT NULL DEFAULT false,
    ADD COLUMN revision bigint NOT NULL DEFAULT 1;

ALTER TABLE users
    -- Argon2id in the PHC string format; NULL for who has never set a password.
    ADD COLUMN password_hash text,
    ADD COLUMN last_login_at timestamptz;

ALTER TABLE api_keys
    ADD COLUMN revision bigint NOT NULL DEFAULT 1,
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now(),
    DROP CONSTRAINT api_keys_user,
    ADD CONSTRAINT api_keys_user FOREIGN KEY (team_id, user_id)
        REFERENCES users (team_id, id) ON DELETE CASCADE;

-- A role that somebody has is not deleted under them.
ALTER TABLE user_roles
    DROP CONSTRAINT user_roles_role,
    ADD CONSTRAINT user_roles_role FOREIGN KEY (team_id, role_id) REFERENCES roles (team_id, id);

CREATE TABLE sessions (
    id             text COLLATE "C" PRIMARY KEY,
    team_id        text COLLATE "C" NOT NULL,
    user_id        text COLLATE "C" NOT NULL,
    -- SHA-256 of the whole text of the credential.
    digest         bytea NOT NULL CHECK (length(digest) = 32),
    client_address text NOT NULL,
    user_agent     text NOT NULL,
    created_at     timestamptz NOT NULL,
    last_used_at   timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    revoked_at     timestamptz,
    FOREIGN KEY (team_id, user_id) REFERENCES users (team_id, id) ON DELETE CASCADE
);
CREATE INDEX sessions_user_id ON sessions (team_id, user_id, id);
CREATE INDEX sessions_expires_at ON sessions (expires_at);

CREATE TABLE invitations (
    id          text COLLATE "C" PRIMARY KEY,
    team_id     text COLLATE "C" NOT NULL,
    user_id     text COLLATE "C" NOT NULL,
    -- Empty for the operator.
    inviter_id  text COLLATE "C" NOT NULL,
    -- SHA-256 of the whole text of the token.
    digest      bytea NOT NULL CHECK (length(digest) = 32),
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    accepted_at timestamptz,
    revoked_at  timestamptz,
    FOREIGN KEY (team_id, user_id) REFERENCES users (team_id, id) ON DELETE CASCADE
);
CREATE INDEX invitations_team_id ON invitations (team_id, id);
CREATE INDEX invitations_user_id ON invitations (team_id, user_id);

ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY team ON sessions
    USING (team_id = current_setting('picstore.team', true)
           OR current_setting('picstore.system', true) = 'on');

ALTER TABLE invitations ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitations FORCE ROW LEVEL SECURITY;
CREATE POLICY team ON invitations
    USING (team_id = current_setting('picstore.team', true)
           OR current_setting('picstore.system', true) = 'on');
