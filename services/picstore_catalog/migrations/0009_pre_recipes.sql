-- How each output was made, and what children died of that made none.

-- As its converter told it; NULL for what was made before, or by a converter from before.
ALTER TABLE outputs ADD COLUMN recipe jsonb CHECK (jsonb_typeof(recipe) = 'object');

-- What is known of each sandboxed process that a job has killed: what there is to reproduce it.
ALTER TABLE jobs
    ADD COLUMN deaths jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(deaths) = 'array');
