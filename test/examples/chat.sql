-- Promises: Rules hold for every writer.
--
-- A chat: rooms with members, and messages that can be edited for a while.
--
-- What the statements answer is in expected/chat.out.
CREATE SCHEMA chat;

SELECT outbox.define_value_object('chat.handle', 'text', 'VALUE ~ ''^[a-z0-9_]{2,20}$''',
	'a handle has 2 to 20 small letters, digits or underscores');

CREATE TABLE chat.person (
	handle chat.handle PRIMARY KEY
);
CREATE TABLE chat.room (
	id uuid PRIMARY KEY,
	kind text NOT NULL CHECK (kind IN ('direct', 'group')),
	title text,
	version bigint NOT NULL DEFAULT 1,
	CHECK ((kind = 'group') = (title IS NOT NULL))
);
CREATE TABLE chat.member (
	room_id uuid NOT NULL REFERENCES chat.room ON DELETE CASCADE,
	handle chat.handle NOT NULL REFERENCES chat.person,
	role text NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'member')),
	left_at timestamptz, -- whoever has left is kept, for what he has written
	PRIMARY KEY (room_id, handle)
);
-- That only members write, a foreign key says.
CREATE TABLE chat.message (
	id uuid PRIMARY KEY,
	room_id uuid NOT NULL,
	author chat.handle NOT NULL,
	body text NOT NULL CHECK (length(body) <= 4000),
	state text NOT NULL DEFAULT 'sent',
	sent_at timestamptz NOT NULL DEFAULT now(),
	edited_at timestamptz,
	revision integer NOT NULL DEFAULT 1,
	FOREIGN KEY (room_id, author) REFERENCES chat.member (room_id, handle) ON DELETE CASCADE
);

-- A room with its members.  When two owners leave at the same moment, each sees the other one stay: rules about several
-- rows need the lock that an invariant at commit has.
SELECT outbox.define_aggregate('room', 'chat.room', version_column => 'version');
SELECT outbox.define_entity('room', 'chat.member', 'room_id');
SELECT outbox.define_immutable('room', 'kind');
SELECT outbox.define_invariant('room', 'has_owner',
	'new.kind = ''direct'' OR EXISTS (SELECT FROM chat.member m WHERE m.room_id = new.id AND m.role = ''owner'' AND m.left_at IS NULL)',
	'a room needs an owner; make somebody else the owner first', 'commit');
SELECT outbox.define_invariant('room', 'direct_is_two',
	'new.kind <> ''direct'' OR (SELECT count(*) FROM chat.member m WHERE m.room_id = new.id) = 2',
	'a direct conversation has two members', 'commit');
SELECT outbox.define_event('room', 'member_joined', 'insert on chat.member', payload =>
	$$jsonb_build_object('handle', new.handle, 'role', new.role)$$);
SELECT outbox.define_event('room', 'member_left', 'update on chat.member', 'old.left_at IS NULL AND new.left_at IS NOT NULL',
	$$jsonb_build_object('handle', new.handle)$$);

-- A message is an aggregate of its own: were it part of the room, all who write would wait for each other.
SELECT outbox.define_aggregate('message', 'chat.message', version_column => 'revision');
SELECT outbox.define_immutable('message', 'room_id', 'author', 'sent_at');
SELECT outbox.define_lifecycle('message', 'state', '{sent}');
SELECT outbox.define_transition('message', 'sent', 'deleted');
SELECT outbox.define_invariant('message', 'sent_now', 'old.id IS NOT NULL OR new.sent_at <= now()', 'a message is not sent in the future');
SELECT outbox.define_invariant('message', 'edit_window',
	'new.body = old.body OR new.state = ''deleted'' OR now() < old.sent_at + interval ''15 minutes''',
	'a message can be edited for 15 minutes');
SELECT outbox.define_invariant('message', 'edits_are_marked',
	'new.body = old.body OR new.state = ''deleted'' OR new.edited_at IS NOT DISTINCT FROM now()', -- = would let a null pass
	'a message that was edited says when');
SELECT outbox.define_invariant('message', 'deleted_is_empty', 'new.state <> ''deleted'' OR new.body = ''''',
	'a message that is deleted has no text');
-- Subscribers of a room get what they show, and no more.
SELECT outbox.define_event('message', 'sent', 'insert', payload =>
	$$jsonb_build_object('room', new.room_id, 'author', new.author, 'body', new.body)$$);
SELECT outbox.define_event('message', 'edited', 'update', 'new.body <> old.body AND new.state = ''sent''',
	$$jsonb_build_object('room', new.room_id, 'body', new.body)$$);
SELECT outbox.define_event('message', 'deleted', 'update', 'new.state = ''deleted'' AND old.state <> ''deleted''',
	$$jsonb_build_object('room', new.room_id)$$);

-- The program makes the ids.
\set compilers '018f6a10-0000-7000-8000-000000000001'
\set aside     '018f6a10-0000-7000-8000-000000000002'
\set morning   '018f6a20-0000-7000-8000-000000000001'
\set question  '018f6a20-0000-7000-8000-000000000002'
\set goto      '018f6a20-0000-7000-8000-000000000003'

-- Ada opens a room; a room without an owner is none.
INSERT INTO chat.person VALUES ('ada'), ('grace'), ('ken');
INSERT INTO chat.person VALUES ('Linus T.');
INSERT INTO chat.room VALUES (:'compilers', 'group', 'Compilers');
BEGIN;
INSERT INTO chat.room VALUES (:'compilers', 'group', 'Compilers');
INSERT INTO chat.member VALUES (:'compilers', 'ada', 'owner'), (:'compilers', 'grace', 'member');
COMMIT;
-- A conversation of three is a room.
BEGIN;
INSERT INTO chat.room VALUES (:'aside', 'direct', NULL);
INSERT INTO chat.member SELECT :'aside', handle FROM chat.person;
COMMIT;
UPDATE chat.room SET kind = 'direct', title = NULL;

-- They talk.  Ken is not in the room.
INSERT INTO chat.message (id, room_id, author, body) VALUES (:'morning', :'compilers', 'grace', 'Good mornign');
INSERT INTO chat.message (id, room_id, author, body) VALUES (:'question', :'compilers', 'ken', 'May I come in?');
-- An edit has to be marked; whose it is, and when it was sent, stays.
UPDATE chat.message SET body = 'Good morning' WHERE id = :'morning';
UPDATE chat.message SET body = 'Good morning', edited_at = now() WHERE id = :'morning' RETURNING revision;
UPDATE chat.message SET author = 'ada' WHERE id = :'morning';
-- One of last week can be deleted, and not be rewritten; what is deleted does not come back.
INSERT INTO chat.message (id, room_id, author, body, sent_at)
VALUES (:'goto', :'compilers', 'ada', 'I never use goto', now() - interval '1 week');
UPDATE chat.message SET body = 'I hardly ever use goto', edited_at = now() WHERE id = :'goto';
UPDATE chat.message SET state = 'deleted' WHERE id = :'goto';
UPDATE chat.message SET state = 'deleted', body = '' WHERE id = :'goto';
UPDATE chat.message SET state = 'sent', body = 'I never use goto' WHERE id = :'goto';

-- Ada may leave when somebody else owns the room.
UPDATE chat.member SET left_at = now() WHERE handle = 'ada';
BEGIN;
UPDATE chat.member SET role = 'owner' WHERE handle = 'grace';
UPDATE chat.member SET left_at = now() WHERE handle = 'ada';
COMMIT;

SELECT id, title, version FROM chat.room;
SELECT aggregate, right(aggregate_id, 1) AS "...id", action, version, convert_from(payload, 'UTF8')::jsonb - 'room' AS payload
  FROM outbox.event WHERE aggregate IN ('room', 'message') ORDER BY id;

SET client_min_messages = warning;
DROP SCHEMA chat CASCADE;
