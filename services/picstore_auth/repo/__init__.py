"""The SQL of auth: one module per table that others ask for, rows in, values of the model out.

Every function takes the connection of a transaction that is already limited to the team, and says
`team_id` all the same: row-level security is the second wall, not the first.
"""

from __future__ import annotations
