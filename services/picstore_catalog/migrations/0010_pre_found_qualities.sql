-- Which pictures came last by a conversion profile: where searches for a quality begin.
CREATE INDEX originals_recent_by_profile ON originals (conversion_profile_id, committed_at DESC);
