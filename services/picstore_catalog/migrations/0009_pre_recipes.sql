-- How each output was made.

-- As its converter told it; NULL for what was made before, or by a converter from before.
ALTER TABLE outputs ADD COLUMN recipe jsonb CHECK (jsonb_typeof(recipe) = 'object');
