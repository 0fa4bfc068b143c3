-- Promises: Rules hold for every writer.
--
-- A social feed: who follows whom, posts, reactions, and how posts are moderated.
--
-- What the statements answer is in expected/feed.out.
CREATE SCHEMA feed;

CREATE TABLE feed.person (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text NOT NULL UNIQUE,
	is_moderator boolean NOT NULL DEFAULT false
);
CREATE TABLE feed.post (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	author_id bigint NOT NULL REFERENCES feed.person ON DELETE CASCADE,
	body text NOT NULL DEFAULT '' CHECK (length(body) <= 500),
	state text NOT NULL DEFAULT 'draft',
	published_at timestamptz,
	moderator_id bigint REFERENCES feed.person,
	reason text,
	version bigint NOT NULL DEFAULT 1
);
-- Four pictures at most: a place and a primary key say so, without counting.
CREATE TABLE feed.picture (
	post_id bigint NOT NULL REFERENCES feed.post ON DELETE CASCADE,
	place smallint NOT NULL CHECK (place BETWEEN 1 AND 4),
	url text NOT NULL,
	PRIMARY KEY (post_id, place)
);
-- One reaction of each person to a post; nobody follows himself, or somebody twice.
CREATE TABLE feed.reaction (
	post_id bigint REFERENCES feed.post ON DELETE CASCADE,
	person_id bigint REFERENCES feed.person ON DELETE CASCADE,
	kind text NOT NULL CHECK (kind IN ('like', 'laugh', 'care')),
	PRIMARY KEY (post_id, person_id)
);
CREATE TABLE feed.follow (
	follower_id bigint REFERENCES feed.person ON DELETE CASCADE,
	followed_id bigint REFERENCES feed.person ON DELETE CASCADE,
	PRIMARY KEY (follower_id, followed_id),
	CHECK (follower_id <> followed_id)
);

-- A post with its pictures.  Its lifecycle is that of a moderated text.
SELECT outbox.define_aggregate('post', 'feed.post', version_column => 'version');
SELECT outbox.define_entity('post', 'feed.picture', 'post_id');
SELECT outbox.define_immutable('post', 'author_id');
SELECT outbox.define_lifecycle('post', 'state', '{draft}');
SELECT outbox.define_transition('post', 'draft', 'published', 'published', 'new.published_at IS NOT NULL');
SELECT outbox.define_transition('post', 'published', 'reported', 'reported');
SELECT outbox.define_transition('post', 'reported', 'published', 'cleared', 'new.moderator_id IS NOT NULL');
SELECT outbox.define_transition('post', 'reported', 'removed', 'removed', 'new.moderator_id IS NOT NULL AND new.reason IS NOT NULL');
SELECT outbox.define_transition('post', 'published', 'withdrawn', 'withdrawn');
SELECT outbox.lifecycle_diagram('post') \g (tuples_only=on format=unaligned)

SELECT outbox.define_invariant('post', 'nobody_judges_himself', 'new.moderator_id <> new.author_id',
	'nobody moderates a post of his own');
SELECT outbox.define_invariant('post', 'published_once', 'old.published_at IS NULL OR new.published_at = old.published_at',
	'a post keeps the time at which it was published');
SELECT outbox.define_invariant('post', 'evidence_stays', 'new.body = old.body OR new.state IN (''draft'', ''published'')',
	'the text of a post that was reported does not change');
SELECT outbox.define_invariant('post', 'says_something',
	'new.state = ''draft'' OR new.body <> '''' OR EXISTS (SELECT FROM feed.picture p WHERE p.post_id = new.id)',
	'a post has a text or a picture', 'commit');
SELECT outbox.define_invariant('post', 'moderator_is_one',
	'new.moderator_id IS NULL OR (SELECT m.is_moderator FROM feed.person m WHERE m.id = new.moderator_id)',
	'this takes a moderator', 'commit');
SELECT outbox.define_event('post', 'edited', 'update', 'old.state = ''published'' AND new.body <> old.body',
	$$jsonb_build_object('body', new.body)$$);
SELECT outbox.define_event('post', 'deleted', 'delete', payload => $$jsonb_build_object('author', old.author_id)$$);

-- Reactions and follows need nothing from the post or the person but that they exist: they are aggregates of their own.
-- Were reactions part of the post, each would lock it, and number it under the hands of who edits it.
SELECT outbox.define_aggregate('reaction', 'feed.reaction', 'post_id,person_id');
SELECT outbox.define_event('reaction', 'added', 'insert');
SELECT outbox.define_event('reaction', 'changed', 'update', 'new.kind <> old.kind');
SELECT outbox.define_event('reaction', 'taken_back', 'delete');
SELECT outbox.define_aggregate('follow', 'feed.follow', 'follower_id,followed_id');
SELECT outbox.define_event('follow', 'begun', 'insert');
SELECT outbox.define_event('follow', 'ended', 'delete');

INSERT INTO feed.person (name, is_moderator) VALUES ('Ada', false), ('Grace', false), ('Ken', true);
INSERT INTO feed.follow VALUES (2, 1);
INSERT INTO feed.follow VALUES (1, 1);

-- Ada writes.
INSERT INTO feed.post (author_id) VALUES (1) RETURNING id;
UPDATE feed.post SET state = 'published' WHERE id = 1;
UPDATE feed.post SET state = 'published', published_at = '2027-01-10 08:00+00' WHERE id = 1;
BEGIN;
INSERT INTO feed.picture VALUES (1, 1, 'https://example.org/engine.png');
UPDATE feed.post SET state = 'published', published_at = '2027-01-10 08:00+00' WHERE id = 1;
COMMIT;
DELETE FROM feed.picture;
INSERT INTO feed.picture VALUES (1, 5, 'https://example.org/fifth.png');
UPDATE feed.post SET published_at = '2027-01-10 09:00+00' WHERE id = 1;
UPDATE feed.post SET body = 'It weaves algebraical patterns.' WHERE id = 1;

-- Grace reacts; an upsert is a writer like any other.
INSERT INTO feed.reaction VALUES (1, 2, 'laugh') ON CONFLICT (post_id, person_id) DO UPDATE SET kind = excluded.kind;
INSERT INTO feed.reaction VALUES (1, 2, 'like') ON CONFLICT (post_id, person_id) DO UPDATE SET kind = excluded.kind;

-- Somebody reports the post, and a moderator looks at it; not Ada, and not Grace.
UPDATE feed.post SET state = 'reported' WHERE id = 1;
UPDATE feed.post SET body = 'It weaves.' WHERE id = 1;
UPDATE feed.post SET state = 'published' WHERE id = 1;
UPDATE feed.post SET state = 'published', moderator_id = 1 WHERE id = 1;
UPDATE feed.post SET state = 'published', moderator_id = 2 WHERE id = 1;
UPDATE feed.post SET state = 'published', moderator_id = 3 WHERE id = 1;
UPDATE feed.post SET state = 'removed', moderator_id = 3, reason = 'spam' WHERE id = 1;

-- Ada leaves.  Foreign keys delete what is hers, and it is told of all of it.
DELETE FROM feed.person WHERE id = 1;

SELECT aggregate, aggregate_id, action, version,
       convert_from(payload, 'UTF8')::jsonb - '{id,author_id,published_at,version,reason}'::text[] AS payload
  FROM outbox.event WHERE aggregate IN ('post', 'reaction', 'follow') ORDER BY id;

SET client_min_messages = warning;
DROP SCHEMA feed CASCADE;
