"""Uploads that are made first and may be interrupted: written in many calls, or presigned."""
