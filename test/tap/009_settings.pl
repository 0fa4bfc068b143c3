# Settings that change while the relay runs.
use strict;
use warnings;
use Test::More;
use OutboxBroker;
use OutboxTest;

my $broker = OutboxBroker->new->start;
my $node = new_node('main', $broker, conf => "outbox.poll_interval = '1h'");
make_things($node, 10);

sub change_all
{
	my ($name, $where) = @_;
	query($node, 'SELECT change(i) FROM generate_series(1, 10) i');
	drained($node, $name);
}

# Commits wake the relay; polling alone does, too.
change_all('commits wake the relay without polling');
alter_database($node, "outbox.notifier = 'poll'", 'notifier = poll');
drained($node, 'it has looked once');
query($node, 'SELECT change(1)');
query($node, q{ALTER DATABASE postgres SET outbox.poll_interval = '20ms'});
change_all('polling finds events');
query($node, q{ALTER DATABASE postgres RESET outbox.notifier});
query($node, q{ALTER DATABASE postgres RESET outbox.poll_interval});
change_all('commits wake it again');

# Listeners hear of what is published.
my $listener = $node->background_psql('postgres', on_error_stop => 0);
$listener->query_safe('LISTEN shop_events');
alter_database($node, "outbox.notify_channel = 'shop_events'", 'a channel is named');
my ($heard, $newest) = ('', 0);
query($node, 'SELECT change(2)');
drained($node, 'an event is published');
my $last = $broker->count('OUTBOX_postgres');
eventually('a listener hears of it', sub { $heard .= $listener->query('SELECT 1'); $heard =~ /Asynchronous notification "shop_events".*\{"stream_sequence": $last\}/ }, sub { $heard });
$listener->quit;

# Small windows and slices.
alter_database($node, 'outbox.max_in_flight = 1', 'one message in flight');
alter_database($node, 'outbox.batch_size = 1', 'slices of one');
change_all('it publishes one by one');
set_conf($node, 'outbox.max_in_flight_bytes' => '64kB');
query($node, 'ALTER DATABASE postgres RESET outbox.max_in_flight');
query($node, 'ALTER DATABASE postgres RESET outbox.batch_size');
change_all('and in windows of few bytes');
same_as_log($node, $broker, 'the stream holds the log');

# Off and on.
set_conf($node, 'outbox.enabled' => 'off');
state_is($node, 'disabled', 'switched off by a reload');
query($node, 'SELECT change(3)');
set_conf($node, 'outbox.enabled' => 'on');
drained($node, 'switched on again');

# What is not legal is refused.
foreach my $case ([ 'subject_template', 'orders' ], [ 'subject_template', '{database}.{nothing}' ], [ 'stream', 'a.b' ], [ 'notify_channel', 'x' x 100 ], [ 'envelope', 'xml' ], [ 'batch_size', 0 ])
{
	my ($name, $value) = @$case;
	my ($good, $said) = try_query($node, "ALTER DATABASE postgres SET outbox.$name = '$value'");
	like($said, qr/ERROR:  22023:/, "outbox.$name = '" . substr($value, 0, 20) . "' is refused");
}
my ($good, $said) = try_query($node, q{ALTER SYSTEM SET outbox.nats_url = 'nats://user:secret@127.0.0.1'});
ok(!$good, 'a password in the address is refused');

# Another stream with other subjects.
query($node, q{ALTER DATABASE postgres SET outbox.stream = 'EVENTS'});
alter_database($node, q{outbox.subject_template = 'shop.{aggregate}.{aggregate_id}.{action}'}, 'another stream, other subjects');
my $old = $broker->count('OUTBOX_postgres');
query($node, 'SELECT change(4)');
drained($node, 'the next event is published there');
my ($message) = $broker->messages('EVENTS');
is($message->{subject}, 'shop.thing.4.changed', 'under its new subject');
is($broker->subjects('EVENTS'), 'shop.*.*.*', 'in a stream for these');
is($broker->count('OUTBOX_postgres'), $old, 'and no longer in the old one');

# Another broker; the first of the list is not there.
my $other = OutboxBroker->new->start;
set_conf($node, 'outbox.nats_url' => "nats://127.0.0.1:1, @{[$other->url]}");
query($node, 'SELECT change(5)');
drained($node, 'another broker after a reload');
is($other->count('EVENTS'), 2, 'it has what a stream of that name should hold, and the event');
is($broker->count('EVENTS'), 1, 'the old one has not');

# Somebody else writes to our stream: noticed, and nothing lost.
alter_database($node, q{outbox.subject_template = 'shop.{aggregate}.{action}'}, 'shorter subjects');
$other->stream('delete', 'EVENTS');
$other->stream('create', 'EVENTS', 'shop.>');
query($node, 'SELECT change(6)');
drained($node, 'published again, to a stream made by hand');
$other->stream('publish', 'shop.foreign.1', 'not ours');
query($node, 'SELECT change(i) FROM generate_series(1, 10) i');
drained($node, 'beside a foreign message all is published');
$other->stream('publish', 'shop.foreign.1', 'not ours');
alter_database($node, q{outbox.publish_mode = 'shared'}, 'publish_mode = shared');
query($node, 'SELECT change(i) FROM generate_series(1, 10) i');
$other->stream('publish', 'shop.foreign.1', 'not ours');
query($node, 'SELECT change(i) FROM generate_series(1, 10) i');
drained($node, 'shared, too');
my @ours = grep { $_->{id} ne '' } $other->messages('EVENTS');
my %arrived = map { $_->{id} =~ /(\d+)$/ => 1 } @ours;
is(keys %arrived, @ours, 'nothing is there twice');
is(query($node, 'SELECT count(*) FROM outbox.event WHERE id IN (' . join(',', keys %arrived) . ')'), scalar @ours, 'nothing is invented');
my $versions = versions_of(@ours);
is_deeply([ grep { my @v = @{ $versions->{$_} }; join(' ', @v) ne join(' ', $v[0] .. $v[0] + $#v) } keys %$versions ], [], 'versions follow each other');
is_deeply([ map { $versions->{$_}[-1] } 1 .. 10 ], [ split /\n/, query($node, 'SELECT n FROM thing ORDER BY id') ], 'up to the last');

# A name that is too long for a stream when each of its bytes is escaped: in LATIN1 the
# bytes of this one are letters of their own, two bytes each in UTF-8.
my $long = { database => "\xc3\xa4" x 31 };
query($node, qq{CREATE DATABASE "$long->{database}" TEMPLATE template0 ENCODING LATIN1 LC_COLLATE "C" LC_CTYPE "C"});
query($node, qq{ALTER DATABASE "$long->{database}" SET outbox.subject_template = 'long.{aggregate}.{action}'});
query($node, qq{ALTER DATABASE "$long->{database}" SET outbox.broadcast_template = 'longcast.{aggregate}.{action}'});
query($node, 'CREATE EXTENSION cleanoutbox', $long);
state_is($node, 'misconfigured', 'a stream cannot have a name that long', $long, reason => qr/^outbox\.stream: .* longer than 255 bytes/);
query($node, qq{ALTER DATABASE "$long->{database}" SET outbox.stream = 'LONG'});
query($node, 'SELECT pg_reload_conf()');
query($node, q{SELECT outbox.emit('thing', '1', 'made')}, $long);
drained($node, 'a name without it is published to', $long);
is($other->count('LONG'), 1, 'it holds the event');

$node->stop;
done_testing();
