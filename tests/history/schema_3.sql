PRAGMA application_id = 1398228529;
PRAGMA user_version = 3;
BEGIN TRANSACTION;
CREATE TABLE deployment (name TEXT PRIMARY KEY, digest TEXT NOT NULL REFERENCES machine) WITHOUT ROWID;
INSERT INTO "deployment" VALUES('door','e3f5f89759ec4e15cbfe2d7503f39882e99858b930e4c69f13848251a6e93084');
INSERT INTO "deployment" VALUES('review','244358b8e271bcb7b8824e76178ec4efe34f4d69ca6d83744d2ae57dec713fe8');
CREATE TABLE event_key (
    instance INTEGER NOT NULL REFERENCES instance, key TEXT NOT NULL, digest TEXT NOT NULL,
    receipt TEXT NOT NULL, PRIMARY KEY (instance, key)
) WITHOUT ROWID;
INSERT INTO "event_key" VALUES(1,'k1','fe7331405fcb2bf9ffca6b26350f6a940159fb14ba47b9897844b17d89ada904','["OPEN","accepted",2,"open",["CLOSE"],[]]');
CREATE TABLE history (
    instance INTEGER NOT NULL REFERENCES instance, seq INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (instance, seq)
) WITHOUT ROWID;
INSERT INTO "history" VALUES(1,1,'{"seq":1,"at":1700000000000,"event":"$start","data":{"n":1},"changes":[{"region":"main","from":null,"to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(1,2,'{"seq":2,"at":1700000000000,"event":"OPEN","data":{"by":"ann"},"changes":[{"region":"main","from":"closed","to":"open","attempt":1}],"key":"k1","sent":1700000000000}');
INSERT INTO "history" VALUES(2,1,'{"seq":1,"at":1700000000000,"event":"$start","data":{"n":2},"changes":[{"region":"main","from":null,"to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,2,'{"seq":2,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx0"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,3,'{"seq":3,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx1"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,4,'{"seq":4,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx2"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,5,'{"seq":5,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx3"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,6,'{"seq":6,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx4"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,7,'{"seq":7,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx5"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,8,'{"seq":8,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx6"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,9,'{"seq":9,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx7"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,10,'{"seq":10,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx8"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,11,'{"seq":11,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx9"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,12,'{"seq":12,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx10"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,13,'{"seq":13,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx11"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,14,'{"seq":14,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx12"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,15,'{"seq":15,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx13"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,16,'{"seq":16,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx14"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,17,'{"seq":17,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx15"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,18,'{"seq":18,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx16"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,19,'{"seq":19,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx17"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,20,'{"seq":20,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx18"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,21,'{"seq":21,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx19"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,22,'{"seq":22,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx20"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,23,'{"seq":23,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx21"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,24,'{"seq":24,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx22"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,25,'{"seq":25,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx23"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,26,'{"seq":26,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx24"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,27,'{"seq":27,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx25"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,28,'{"seq":28,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx26"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,29,'{"seq":29,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx27"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,30,'{"seq":30,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx28"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,31,'{"seq":31,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx29"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,32,'{"seq":32,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx30"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,33,'{"seq":33,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx31"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,34,'{"seq":34,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx32"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,35,'{"seq":35,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx33"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,36,'{"seq":36,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx34"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,37,'{"seq":37,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx35"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,38,'{"seq":38,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx36"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,39,'{"seq":39,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx37"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,40,'{"seq":40,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx38"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,41,'{"seq":41,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx39"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,42,'{"seq":42,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx40"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,43,'{"seq":43,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx41"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,44,'{"seq":44,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx42"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,45,'{"seq":45,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx43"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,46,'{"seq":46,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx44"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,47,'{"seq":47,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx45"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,48,'{"seq":48,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx46"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,49,'{"seq":49,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx47"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,50,'{"seq":50,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx48"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,51,'{"seq":51,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx49"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,52,'{"seq":52,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx50"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,53,'{"seq":53,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx51"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,54,'{"seq":54,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx52"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,55,'{"seq":55,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx53"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,56,'{"seq":56,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx54"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,57,'{"seq":57,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx55"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,58,'{"seq":58,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx56"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,59,'{"seq":59,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx57"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,60,'{"seq":60,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx58"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(2,61,'{"seq":61,"at":1700000000000,"event":"CLOSE","data":{"note":"xxxxxxxxxxxxxxxxxxxx59"},"changes":[{"region":"main","from":"closed","to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(3,1,'{"seq":1,"at":1700000000000,"event":"$start","data":{},"changes":[{"region":"workflow","from":null,"to":"running","attempt":1},{"region":"ask","from":"waiting","to":"assigned","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(4,1,'{"seq":1,"at":1700000000000,"event":"$start","data":{"n":3},"changes":[{"region":"main","from":null,"to":"closed","attempt":1}],"sent":1700000000000}');
INSERT INTO "history" VALUES(4,2,'{"seq":2,"at":1700000000000,"event":"$cancel","data":{"now":false},"changes":[{"region":"main","from":"closed","to":"$cancelled","attempt":1}],"sent":1700000000000}');
CREATE TABLE instance (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, machine TEXT NOT NULL REFERENCES machine,
    name TEXT NOT NULL, request_id TEXT, inputs TEXT NOT NULL, created INTEGER NOT NULL,
    updated INTEGER NOT NULL, seq INTEGER NOT NULL, state TEXT NOT NULL, ended TEXT NOT NULL,
    due INTEGER, busy INTEGER NOT NULL, weight INTEGER NOT NULL
);
INSERT INTO "instance" VALUES(1,'door-409150c9bc43','e3f5f89759ec4e15cbfe2d7503f39882e99858b930e4c69f13848251a6e93084','door','R-1','{"n":1}',1700000000000,1700000000000,2,'open','',1700000010000,0,314);
INSERT INTO "instance" VALUES(2,'door-549a0ec935ec','e3f5f89759ec4e15cbfe2d7503f39882e99858b930e4c69f13848251a6e93084','door',NULL,'{"n":2}',1700000000000,1700000000000,61,'closed','',NULL,0,2506);
INSERT INTO "instance" VALUES(3,'review-b0081554f2a2','244358b8e271bcb7b8824e76178ec4efe34f4d69ca6d83744d2ae57dec713fe8','review','R-2','{}',1700000000000,1700000000000,1,'running','',NULL,0,211);
INSERT INTO "instance" VALUES(4,'door-d73e217e89b9','e3f5f89759ec4e15cbfe2d7503f39882e99858b930e4c69f13848251a6e93084','door',NULL,'{"n":3}',1700000000000,1700000000000,2,'$cancelled','failure',NULL,0,313);
CREATE TABLE machine (
    digest TEXT PRIMARY KEY, name TEXT NOT NULL, semantics INTEGER NOT NULL, definition TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "machine" VALUES('244358b8e271bcb7b8824e76178ec4efe34f4d69ca6d83744d2ae57dec713fe8','review',2,'{
  "name": "review",
  "steps": [
    {
      "id": "ask",
      "type": "human-task",
      "assignTo": "ann"
    },
    {
      "id": "ship"
    }
  ]
}
');
INSERT INTO "machine" VALUES('e3f5f89759ec4e15cbfe2d7503f39882e99858b930e4c69f13848251a6e93084','door',2,'{
  "name": "door",
  "initialState": "closed",
  "states": {
    "closed": {
      "on": {
        "OPEN": "open",
        "CLOSE": "closed"
      }
    },
    "open": {
      "on": {
        "CLOSE": "closed"
      },
      "timeout": 10000,
      "timeoutTransition": "alarm"
    },
    "alarm": {
      "on": {
        "CLOSE": "closed",
        "LOCK": "locked"
      },
      "onEntry": {
        "type": "emit",
        "event": "Alarm.raised",
        "data": {
          "loud": true
        }
      }
    },
    "locked": {
      "terminal": true
    }
  }
}
');
CREATE TABLE outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, instance TEXT NOT NULL,
    event TEXT NOT NULL, data TEXT NOT NULL, at INTEGER NOT NULL
);
INSERT INTO "outbox" VALUES(1,'review-b0081554f2a2/1/0','review-b0081554f2a2','HumanTask.created','{"id":"review-b0081554f2a2/ask/1","requestId":"review-b0081554f2a2","stepId":"ask","assignedTo":"ann","details":{},"dueAt":null}',1700000000000);
INSERT INTO "outbox" VALUES(2,'review-b0081554f2a2/1/1','review-b0081554f2a2','Notification.send','{"userId":"ann","type":"approval-required","data":{"taskId":"review-b0081554f2a2/ask/1","requestId":"review-b0081554f2a2","details":{},"dueDate":null}}',1700000000000);
CREATE TABLE request (
    name TEXT NOT NULL, request_id TEXT NOT NULL, instance TEXT NOT NULL, PRIMARY KEY (name, request_id)
) WITHOUT ROWID;
INSERT INTO "request" VALUES('door','R-1','door-409150c9bc43');
INSERT INTO "request" VALUES('review','R-2','review-b0081554f2a2');
CREATE TABLE snapshot (
    instance INTEGER PRIMARY KEY REFERENCES instance, seq INTEGER NOT NULL, size INTEGER NOT NULL,
    body TEXT NOT NULL
);
INSERT INTO "snapshot" VALUES(2,47,181,'{"seq":47,"at":1700000000000,"context":{"n":2,"note":"xxxxxxxxxxxxxxxxxxxx45"},"regions":[["closed",1,47]],"deadlines":[],"calls":[],"queue":[],"raised":[],"deferred":[],"ended":""}');
CREATE TABLE subscriber (
    event TEXT NOT NULL, name TEXT NOT NULL, told INTEGER NOT NULL, PRIMARY KEY (event, name)
) WITHOUT ROWID;
CREATE TABLE task (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, instance TEXT NOT NULL, assigned TEXT NOT NULL,
    body TEXT NOT NULL
);
INSERT INTO "task" VALUES(1,'review-b0081554f2a2/ask/1','review-b0081554f2a2','"ann"','["review-b0081554f2a2/ask/1","review-b0081554f2a2","ask","ann",{},null]');
CREATE INDEX instance_due ON instance (due) WHERE due IS NOT NULL;
CREATE INDEX instance_busy ON instance (number) WHERE busy;
CREATE INDEX instance_state ON instance (state);
CREATE INDEX outbox_event ON outbox (event, number);
CREATE INDEX task_instance ON task (instance);
CREATE INDEX task_assigned ON task (assigned);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('outbox',2);
COMMIT;
