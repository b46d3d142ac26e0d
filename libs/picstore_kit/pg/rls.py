"""Row-level security, the second wall between teams: a forgotten `WHERE` leaks nothing.

`Database.transaction(team=…)` names the team and `Database.system_transaction()` lifts the limit,
each for one transaction only. A transaction that did neither sees no row at all. Every table that
belongs to teams has a column `team_id text COLLATE "C" NOT NULL`, and its migration says, with the
table's name instead of `images`:

    ALTER TABLE images ENABLE ROW LEVEL SECURITY;
    ALTER TABLE images FORCE ROW LEVEL SECURITY;
    CREATE POLICY team ON images
        USING (team_id = current_setting('picstore.team', true)
               OR current_setting('picstore.system', true) = 'on');

A policy without `WITH CHECK` uses its `USING` for new rows too, so a row of another team can be
neither written nor read. `FORCE` binds the owner as well, who would otherwise see everything.

Three things the policy cannot mend, so write tables accordingly:

- Uniqueness is checked behind its back and would tell of another team's row: make unique keys
  begin with `team_id` unless the value is a secret or an id of ours.
- So are foreign keys: refer to `(team_id, id)` where a caller chooses what is referred to.
- Views run with their owner's rights: create them `WITH (security_invoker = true)`.

A table without `team_id` (schema_migrations, a service's own keys) needs none of this;
`unprotected_tables` finds a table that has the column but not the wall.
"""

from __future__ import annotations

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

_UNPROTECTED = """
    SELECT c.relname
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'team_id' AND NOT a.attisdropped
    WHERE c.relnamespace = current_schema()::regnamespace
      AND c.relkind IN ('r', 'p')
      AND NOT (c.relrowsecurity
               AND c.relforcerowsecurity
               AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid))
    ORDER BY c.relname
"""


async def unprotected_tables(conn: AsyncConnection[TupleRow]) -> list[str]:
    """Name the tables of the current schema that have a `team_id` and no enforced policy.

    Every service's integration tests expect an empty list after its migrations.
    """
    cursor = await conn.execute(_UNPROTECTED)
    return [name for (name,) in await cursor.fetchall()]
