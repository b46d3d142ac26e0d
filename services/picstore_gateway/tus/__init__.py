"""Uploads by tus 1.0, on the resumable uploads of the contract.

It is written by hand, and not read from the contract, because all it says is in headers. It keeps
nothing: what a client may ask for again is in the upload.
"""
