"""Work and facts over NATS JetStream: topology, publisher, worker, events and dead letters.

Postgres is the truth and JetStream a way to wake whoever is free: its store may be deleted while
everything runs. Publishers and workers then declare the streams again and carry on, and the
owner of the work re-enqueues what was lost. Delivery is at least once, so consumers are idempotent.
"""

from __future__ import annotations
