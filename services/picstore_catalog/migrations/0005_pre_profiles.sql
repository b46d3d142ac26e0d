-- Who made a revision, and which revision a picture was converted by; deleting asks who uses what.

-- Tables hide their rows also from their owner, unless the transaction is for all teams.
SET LOCAL picstore.system = 'on';

-- A user's id, or the name of a service; empty for revisions from before this was kept.
ALTER TABLE conversion_profile_revisions ADD COLUMN creator text NOT NULL DEFAULT '';

-- What the outputs of the newest generation are made by; null before the bytes have come.
ALTER TABLE images
    ADD COLUMN conversion_profile_id text COLLATE "C",
    ADD COLUMN conversion_profile_revision integer,
    ADD CONSTRAINT images_conversion_profile
        FOREIGN KEY (team_id, conversion_profile_id, conversion_profile_revision)
        REFERENCES conversion_profile_revisions (team_id, conversion_profile_id, revision),
    ADD CONSTRAINT images_conversion_profile_whole
        CHECK (num_nulls(conversion_profile_id, conversion_profile_revision) <> 1);

-- The upload profile's, at the revision that was current when the bytes came.
UPDATE images i
SET conversion_profile_id = u.conversion_profile_id,
    conversion_profile_revision = coalesce(
        (SELECT max(r.revision)
         FROM conversion_profile_revisions r
         WHERE r.team_id = u.team_id AND r.conversion_profile_id = u.conversion_profile_id
           AND r.created_at <= i.committed_at),
        1)
FROM upload_profiles u
WHERE u.team_id = i.team_id AND u.id = i.upload_profile_id AND i.committed_at IS NOT NULL;
