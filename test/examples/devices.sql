-- Promises: Rules hold for every writer.
--
-- IoT: devices, how they come into use and leave it, and what they measure.
--
-- What the statements answer is in expected/devices.out.
CREATE SCHEMA iot;

CREATE TABLE iot.device (
	serial text PRIMARY KEY,
	model text NOT NULL,
	site text,
	state text NOT NULL DEFAULT 'manufactured',
	version bigint NOT NULL DEFAULT 1,
	CONSTRAINT active_has_site CHECK (state NOT IN ('active', 'suspended') OR site IS NOT NULL)
);
-- An event of a transition carries the row of the device.  What is not for everybody stands in a table of its own.
CREATE TABLE iot.certificate (
	serial text PRIMARY KEY REFERENCES iot.device,
	public_key bytea NOT NULL
);
-- What a device measures, and between which values all is well.
CREATE TABLE iot.channel (
	serial text NOT NULL REFERENCES iot.device,
	metric text NOT NULL,
	unit text NOT NULL,
	normal numrange NOT NULL,
	PRIMARY KEY (serial, metric)
);
-- Readings, a month in each partition, so that old ones leave with their table.  Each keeps the range that was normal when
-- it was taken: that is needed later on, and lets a rule judge a reading by its row alone.
CREATE TABLE iot.reading (
	serial text NOT NULL,
	metric text NOT NULL,
	measured_at timestamptz NOT NULL,
	value numeric NOT NULL,
	normal numrange NOT NULL,
	PRIMARY KEY (serial, metric, measured_at),
	FOREIGN KEY (serial, metric) REFERENCES iot.channel
) PARTITION BY RANGE (measured_at);
CREATE TABLE iot.reading_2025_01 PARTITION OF iot.reading FOR VALUES FROM ('2025-01-01 00:00+00') TO ('2025-02-01 00:00+00');

-- A device with its certificate and its channels.
SELECT outbox.define_aggregate('device', 'iot.device', 'serial', 'version');
SELECT outbox.define_entity('device', 'iot.certificate', 'serial');
SELECT outbox.define_entity('device', 'iot.channel', 'serial');
SELECT outbox.define_immutable('device', 'model');
SELECT outbox.define_lifecycle('device', 'state', '{manufactured}');
SELECT outbox.define_transition('device', 'manufactured', 'provisioned', 'provisioned');
SELECT outbox.define_transition('device', 'provisioned', 'active', 'activated', 'new.site IS NOT NULL');
SELECT outbox.define_transition('device', 'active', 'suspended', 'suspended');
SELECT outbox.define_transition('device', 'suspended', 'active', 'resumed');
SELECT outbox.define_transition('device', 'manufactured', 'retired', 'retired');
SELECT outbox.define_transition('device', 'provisioned', 'retired', 'retired');
SELECT outbox.define_transition('device', 'suspended', 'retired', 'retired');
-- Moving an active device would mix up the readings of two places.
SELECT outbox.define_invariant('device', 'stays_while_active', 'old.state <> ''active'' OR new.site = old.site',
	'a device is suspended before it is moved');
SELECT outbox.define_invariant('device', 'has_certificate',
	'(new.state IN (''provisioned'', ''active'', ''suspended'')) = EXISTS (SELECT FROM iot.certificate c WHERE c.serial = new.serial)',
	'a device has a certificate from provisioning until it is retired', 'commit');
SELECT outbox.define_invariant('device', 'measures_something',
	'new.state <> ''active'' OR EXISTS (SELECT FROM iot.channel c WHERE c.serial = new.serial)',
	'a device that is active has a channel', 'commit');
SELECT outbox.define_event('device', 'thresholds_changed', 'update on iot.channel', 'new.normal <> old.normal',
	$$jsonb_build_object('metric', new.metric, 'from', lower(new.normal), 'to', upper(new.normal))$$);

-- A reading is an aggregate of its own, without a version, since it never changes: to make it part of the device would let
-- every reading lock and number the device.  Its key is that of the partitioned table.  Of a million readings a day, those
-- that are out of range are told to others; the rest is looked up where it is.
SELECT outbox.define_aggregate('reading', 'iot.reading', 'serial,metric,measured_at');
SELECT outbox.define_immutable('reading', 'value', 'normal');
SELECT outbox.define_invariant('reading', 'not_from_the_future', 'new.measured_at < now() + interval ''5 minutes''',
	'the clock of the device is ahead of ours');
SELECT outbox.define_event('reading', 'out_of_range', 'insert', 'NOT new.value <@ new.normal',
	$$jsonb_build_object('serial', new.serial, 'metric', new.metric, 'value', new.value)$$);

-- From the factory to the customer.
INSERT INTO iot.device (serial, model) VALUES ('TH-0042', 'thermo 2'), ('TH-0043', 'thermo 2');
INSERT INTO iot.channel VALUES ('TH-0042', 'temperature', 'C', '[2, 8]'), ('TH-0042', 'humidity', '%', '[0, 60]');
UPDATE iot.device SET state = 'active', site = 'cold store' WHERE serial = 'TH-0042';
UPDATE iot.device SET state = 'provisioned' WHERE serial = 'TH-0042';
BEGIN;
INSERT INTO iot.certificate VALUES ('TH-0042', '\x30820122'), ('TH-0043', '\x30820123');
UPDATE iot.device SET state = 'provisioned' WHERE serial IN ('TH-0042', 'TH-0043');
COMMIT;
UPDATE iot.device SET state = 'active' WHERE serial = 'TH-0042';
UPDATE iot.device SET state = 'active', site = 'cold store' WHERE serial = 'TH-0042';
UPDATE iot.device SET state = 'active', site = 'cold store' WHERE serial = 'TH-0043';
UPDATE iot.device SET site = 'harbour' WHERE serial = 'TH-0042';
-- CHECK holds as well; who uses both has the one that answers first.
UPDATE iot.device SET state = 'suspended', site = NULL WHERE serial = 'TH-0042';

-- Readings come in bulk, for devices that are active.
CREATE TEMPORARY TABLE incoming (serial text, metric text, measured_at timestamptz, value numeric);
COPY incoming FROM stdin;
TH-0042	temperature	2025-01-10 08:00:00+00	4.1
TH-0042	temperature	2025-01-10 08:01:00+00	9.7
TH-0042	humidity	2025-01-10 08:01:00+00	41
TH-0043	temperature	2025-01-10 08:01:00+00	85
\.
INSERT INTO iot.reading
SELECT i.serial, i.metric, i.measured_at, i.value, c.normal
  FROM incoming i JOIN iot.channel c USING (serial, metric) JOIN iot.device d USING (serial)
 WHERE d.state = 'active'
    ON CONFLICT DO NOTHING;
-- Rules hold in each partition, also in one that is new, and for who writes to it directly.
CREATE TABLE iot.reading_2999_01 PARTITION OF iot.reading FOR VALUES FROM ('2999-01-01 00:00+00') TO ('2999-02-01 00:00+00');
INSERT INTO iot.reading_2999_01 VALUES ('TH-0042', 'humidity', '2999-01-01 00:00+00', 40, '[0, 60]');
UPDATE iot.reading_2025_01 SET value = 5.0 WHERE value = 9.7;
-- A month is dropped as a table.
DROP TABLE iot.reading_2999_01;

UPDATE iot.channel SET normal = '[2, 10]' WHERE serial = 'TH-0042' AND metric = 'temperature';
UPDATE iot.device SET state = 'suspended' WHERE serial = 'TH-0042';
UPDATE iot.device SET state = 'retired' WHERE serial = 'TH-0042';
BEGIN;
DELETE FROM iot.certificate WHERE serial = 'TH-0042';
UPDATE iot.device SET state = 'retired' WHERE serial = 'TH-0042';
COMMIT;

SELECT serial, state, version FROM iot.device ORDER BY serial;
SELECT aggregate, aggregate_id, action, version, convert_from(payload, 'UTF8')::jsonb - '{serial,model,state,version}'::text[] AS payload
  FROM outbox.event WHERE aggregate IN ('device', 'reading') ORDER BY id;

-- The rules as calls, to be kept beside the migrations, compared and reviewed.
SELECT outbox.describe_aggregate('reading') \g (tuples_only=on format=unaligned)

SET client_min_messages = warning;
DROP SCHEMA iot CASCADE;
