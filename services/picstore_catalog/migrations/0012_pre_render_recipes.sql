-- How the original of each derived picture was drawn.

-- As its converter told it; NULL for what was drawn before, or by a converter from before.
ALTER TABLE jobs ADD COLUMN recipe jsonb CHECK (jsonb_typeof(recipe) = 'object');
