"""Postgres as every service uses it: pool, provisioning, migrations, outbox, paging, idempotency.

One database; each service owns one schema in it, changes that schema as `picstore_<service>_owner`
and works in it as `picstore_<service>`, a role that row-level security binds.
What a service's first migration copies is written down where it is used: `rls` (tenancy), `outbox`
(messages) and `idempotency` (request ids).
"""

from __future__ import annotations
