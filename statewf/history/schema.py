"""The tables of a store in SQLite, and how those of earlier versions become them.

Above: `database`, which makes or upgrades a file. A history row is written once and never touched again.
What a new owner has to find (deadlines, open calls) and what a commit has to find (instances whose rows
outweigh their last snapshot) lies in partial indexes: a parked instance costs nobody anything.
"""

from __future__ import annotations

APPLICATION = 0x53_57_46_31  # "SWF1" in the file's header: this is one of ours
VERSION = 5
LEAST = 4_096  # bytes of rows below which a snapshot is not worth writing

FIRST = """
CREATE TABLE machine (
    digest TEXT PRIMARY KEY, name TEXT NOT NULL, semantics INTEGER NOT NULL, definition TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE deployment (name TEXT PRIMARY KEY, digest TEXT NOT NULL REFERENCES machine) WITHOUT ROWID;
CREATE TABLE instance (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, machine TEXT NOT NULL REFERENCES machine,
    name TEXT NOT NULL, request_id TEXT, inputs TEXT NOT NULL, created INTEGER NOT NULL,
    updated INTEGER NOT NULL, seq INTEGER NOT NULL, state TEXT NOT NULL, ended TEXT NOT NULL,
    due INTEGER, busy INTEGER NOT NULL, weight INTEGER NOT NULL
);
CREATE INDEX instance_due ON instance (due) WHERE due IS NOT NULL;
CREATE INDEX instance_busy ON instance (number) WHERE busy;
CREATE INDEX instance_state ON instance (state);
CREATE TABLE request (
    name TEXT NOT NULL, request_id TEXT NOT NULL, instance TEXT NOT NULL, PRIMARY KEY (name, request_id)
) WITHOUT ROWID;
CREATE TABLE history (
    instance INTEGER NOT NULL REFERENCES instance, seq INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (instance, seq)
) WITHOUT ROWID;
CREATE TABLE snapshot (
    instance INTEGER PRIMARY KEY REFERENCES instance, seq INTEGER NOT NULL, size INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE TABLE event_key (
    instance INTEGER NOT NULL REFERENCES instance, key TEXT NOT NULL, digest TEXT NOT NULL,
    receipt TEXT NOT NULL, PRIMARY KEY (instance, key)
) WITHOUT ROWID;
CREATE TABLE outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, instance TEXT NOT NULL,
    event TEXT NOT NULL, data TEXT NOT NULL, at INTEGER NOT NULL
);
CREATE INDEX outbox_event ON outbox (event, number);
CREATE TABLE subscriber (
    event TEXT NOT NULL, name TEXT NOT NULL, told INTEGER NOT NULL, PRIMARY KEY (event, name)
) WITHOUT ROWID;
"""
TASKS = """
DELETE FROM snapshot;
CREATE TABLE task (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, instance TEXT NOT NULL, assigned TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX task_instance ON task (instance);
CREATE INDEX task_assigned ON task (assigned);
"""
OWNED = f"""
CREATE TABLE lease (
    only_one INTEGER PRIMARY KEY CHECK (only_one = 1), epoch INTEGER NOT NULL, holder TEXT NOT NULL,
    beat INTEGER NOT NULL, asked INTEGER NOT NULL, wanted INTEGER NOT NULL
);
INSERT INTO lease VALUES (1, 0, '', 0, 0, 0);
CREATE TABLE inbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT, request TEXT NOT NULL, answer TEXT, at INTEGER NOT NULL
);
CREATE INDEX inbox_open ON inbox (number) WHERE answer IS NULL;
CREATE TABLE grave (
    name TEXT NOT NULL, request_id TEXT NOT NULL, instance TEXT NOT NULL, state TEXT NOT NULL,
    ended TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (name, request_id)
) WITHOUT ROWID;
CREATE INDEX grave_instance ON grave (instance);
DROP INDEX instance_state;
ALTER TABLE instance ADD COLUMN most INTEGER NOT NULL DEFAULT {LEAST};
UPDATE instance SET most = max({LEAST}, weight, coalesce(
    (SELECT size FROM snapshot WHERE snapshot.instance = instance.number), 0));
ALTER TABLE snapshot DROP COLUMN size;
CREATE INDEX instance_heavy ON instance (number) WHERE weight > most;
CREATE INDEX instance_ended ON instance (updated) WHERE ended != '';
"""  # noqa: S608  # a number of ours
LOG = """
CREATE TABLE log (
    place INTEGER PRIMARY KEY AUTOINCREMENT, instance INTEGER NOT NULL, seq INTEGER NOT NULL
);
"""
# What each version of the schema has that the one before it had not. Snapshots of an earlier shape go: every
# instance can be told from its history. 4 brought the lease, the inbox and the archive, 5
# the order in which the steps of all instances were kept: from there on.
ADDED = {2: TASKS, 3: "DELETE FROM snapshot", 4: OWNED, 5: LOG}
