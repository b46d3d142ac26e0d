-- Locations that teams set up themselves, beside those of the operator.

-- So far only the operator could, and what does not say otherwise is the operator's.
ALTER TABLE storage_locations ADD COLUMN operator_managed boolean NOT NULL DEFAULT true;

-- Ambient credentials are the installation's own: no team may have us use them.
ALTER TABLE storage_locations ADD CONSTRAINT storage_locations_ambient CHECK (
    operator_managed OR provider <> 's3' OR s3_access_key_id IS NOT NULL
);

-- What is kept in a location, asked before it changes its place or goes.
CREATE INDEX images_originals_location ON images (originals_location_id);
CREATE INDEX outputs_location ON outputs (location_id);
CREATE INDEX jobs_outputs_location ON jobs (outputs_location_id);

-- Secrets that may need another key are walked through by the id of their location.
CREATE INDEX storage_locations_sealed ON storage_locations (id)
    WHERE s3_secret_access_key IS NOT NULL;
