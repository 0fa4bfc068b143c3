-- Promises: Rules hold for every writer.
--
-- Booking: courses that take place in rooms, and who has a seat.
--
-- No room has two courses at a time: PostgreSQL has exclusion constraints for that, and nothing is better.  No course has
-- more people than seats: that spans rows, so two who take the last seat at the same moment would both see it free.  An
-- invariant at commit is judged under the lock of the course, so the second one is refused.
--
-- What the statements answer is in expected/booking.out.
CREATE SCHEMA booking;
CREATE EXTENSION btree_gist; -- lets an exclusion constraint compare room_id

CREATE TABLE booking.room (
	id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text NOT NULL UNIQUE,
	seats integer NOT NULL CHECK (seats > 0)
);
CREATE TABLE booking.course (
	id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	title text NOT NULL,
	room_id integer NOT NULL REFERENCES booking.room,
	during tstzrange NOT NULL CHECK (NOT isempty(during) AND NOT lower_inf(during) AND NOT upper_inf(during)),
	capacity integer NOT NULL CHECK (capacity > 0),
	state text NOT NULL DEFAULT 'planned',
	version integer NOT NULL DEFAULT 1,
	CONSTRAINT room_is_free EXCLUDE USING gist (room_id WITH =, during WITH &&) WHERE (state <> 'cancelled')
);
CREATE TABLE booking.seat (
	course_id integer NOT NULL REFERENCES booking.course,
	person text NOT NULL,
	reserved_until timestamptz, -- null: paid for
	PRIMARY KEY (course_id, person) -- nobody has two
);

SELECT outbox.define_aggregate('course', 'booking.course', version_column => 'version');
SELECT outbox.define_entity('course', 'booking.seat', 'course_id');
SELECT outbox.define_lifecycle('course', 'state', '{planned}');
SELECT outbox.define_transition('course', 'planned', 'open', 'opened');
SELECT outbox.define_transition('course', 'open', 'full', 'sold_out');
SELECT outbox.define_transition('course', 'full', 'open', 'seats_free_again');
SELECT outbox.define_transition('course', 'planned', 'cancelled', 'cancelled');
SELECT outbox.define_transition('course', 'open', 'cancelled', 'cancelled');
SELECT outbox.define_transition('course', 'full', 'cancelled', 'cancelled');

-- A course that is open for booking stays where and when it is.
SELECT outbox.define_invariant('course', 'place_and_time_are_promised',
	'old.state = ''planned'' OR (new.room_id, new.during) = (old.room_id, old.during)',
	'a course that can be booked does not move; cancel it instead');
SELECT outbox.define_invariant('course', 'fits_into_room',
	'new.capacity <= (SELECT r.seats FROM booking.room r WHERE r.id = new.room_id)',
	'the room has fewer seats than the course', 'commit');
SELECT outbox.define_invariant('course', 'not_overbooked',
	'(SELECT count(*) FROM booking.seat s WHERE s.course_id = new.id) <= new.capacity',
	'the course has no seat left', 'commit');
SELECT outbox.define_invariant('course', 'booked_while_open',
	'new.state IN (''open'', ''full'') OR NOT EXISTS (SELECT FROM booking.seat s WHERE s.course_id = new.id)',
	'seats are booked in courses that are open', 'commit');
SELECT outbox.define_invariant('course', 'full_is_full',
	'new.state <> ''full'' OR (SELECT count(*) FROM booking.seat s WHERE s.course_id = new.id) = new.capacity',
	'a course is full when all its seats are taken', 'commit');

-- Events of seats are the course's: they carry its id and its version.
SELECT outbox.define_event('course', 'seat_reserved', 'insert on booking.seat', payload =>
	$$jsonb_build_object('person', new.person, 'paid', new.reserved_until IS NULL)$$);
SELECT outbox.define_event('course', 'seat_paid', 'update on booking.seat', 'old.reserved_until IS NOT NULL AND new.reserved_until IS NULL',
	$$jsonb_build_object('person', new.person)$$);
SELECT outbox.define_event('course', 'seat_given_back', 'delete on booking.seat', payload => $$jsonb_build_object('person', old.person)$$);

-- A day is planned.
INSERT INTO booking.room (name, seats) VALUES ('library', 2), ('hall', 200);
INSERT INTO booking.course (title, room_id, during, capacity) VALUES
	('Relational algebra', 1, '[2027-03-01 09:00+00, 2027-03-01 11:00+00)', 2),
	('Compilers', 2, '[2027-03-01 09:00+00, 2027-03-01 12:00+00)', 150);
-- The library is taken until 11:00; then it is free.
INSERT INTO booking.course (title, room_id, during, capacity) VALUES ('Logic', 1, '[2027-03-01 10:00+00, 2027-03-01 12:00+00)', 2);
INSERT INTO booking.course (title, room_id, during, capacity) VALUES ('Logic', 1, '[2027-03-01 11:00+00, 2027-03-01 12:00+00)', 2);
UPDATE booking.course SET capacity = 3 WHERE title = 'Logic';

-- Seats are booked, and the last one is noticed.
INSERT INTO booking.seat VALUES (1, 'Ada', '2027-02-20 00:00+00');
UPDATE booking.course SET state = 'open' WHERE id = 1;
INSERT INTO booking.seat VALUES (1, 'Ada', '2027-02-20 00:00+00');
UPDATE booking.seat SET reserved_until = NULL WHERE course_id = 1 AND person = 'Ada';
BEGIN;
INSERT INTO booking.seat VALUES (1, 'Edgar', '2027-02-20 00:00+00');
UPDATE booking.course SET state = 'full' WHERE id = 1;
COMMIT;
INSERT INTO booking.seat VALUES (1, 'Grace');
INSERT INTO booking.seat VALUES (1, 'Edgar');
UPDATE booking.course SET room_id = 2 WHERE id = 1;
-- Edgar does not pay.  Who frees a seat has to say that the course is not full any more.
DELETE FROM booking.seat WHERE reserved_until < '2027-02-21 00:00+00';
BEGIN;
DELETE FROM booking.seat WHERE reserved_until < '2027-02-21 00:00+00';
UPDATE booking.course SET state = 'open' WHERE id = 1;
COMMIT;
-- A course is cancelled when its people have been let go, and its room is free at once.
UPDATE booking.course SET state = 'cancelled' WHERE id = 1;
BEGIN;
DELETE FROM booking.seat WHERE course_id = 1;
UPDATE booking.course SET state = 'cancelled' WHERE id = 1;
INSERT INTO booking.course (title, room_id, during, capacity) VALUES ('Set theory', 1, '[2027-03-01 09:00+00, 2027-03-01 11:00+00)', 2);
COMMIT;
UPDATE booking.course SET state = 'open' WHERE id = 1;

SELECT id, title, state, version FROM booking.course ORDER BY id;
SELECT aggregate_id, action, version, convert_from(payload, 'UTF8')::jsonb ->> 'person' AS person
  FROM outbox.event WHERE aggregate = 'course' ORDER BY id;

SET client_min_messages = warning;
DROP SCHEMA booking CASCADE;
DROP EXTENSION btree_gist;
