# A broker that loses what it has acknowledged: it is found, and sent again.
#
# Promises: Accounted.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);
use OutboxBroker;
use OutboxTest;

my $stream = 'OUTBOX_postgres';
my $broker = OutboxBroker->new->start;
my $node = new_node('main', $broker);

# So many events, in transactions of three, some of which roll back.
sub emit
{
	my ($count) = @_;
	query($node, <<"SQL");
DO \$\$
BEGIN
	FOR i IN 1 .. $count LOOP
		PERFORM outbox.emit('order', (i % 7)::text, 'placed', to_jsonb(i));
		IF i % 11 = 0 THEN
			PERFORM nextval('outbox.event_id_seq');
		END IF;
		IF i % 3 = 0 THEN
			COMMIT;
		END IF;
	END LOOP;
END
\$\$
SQL
}

# Ids of events by their sequences.
sub places
{
	return { map { $_->{seq} => $_->{id} } $broker->brief($stream) };
}

sub counter
{
	my ($name) = @_;
	return query($node, "SELECT $name FROM outbox.relay_state()");
}

# Waits until nothing is left to be published nor to be repaired.
sub at_rest
{
	my ($name) = @_;
	return state_is($node, 'idle', $name, {}, backlog => 0);
}

sub folder { return "$broker->{home}/store" }

sub copy_folder
{
	my ($from, $to) = @_;
	system('rm', '-rf', $to) == 0 && system('cp', '-a', $from, $to) == 0 or die "cp $from $to";
}

# The stream as it was: what was stored since the last keep() is lost.
sub keep
{
	$broker->stop;
	copy_folder(folder(), "$broker->{home}/kept");
	$broker->start;
}

sub roll_back
{
	$broker->kill9;
	copy_folder("$broker->{home}/kept", folder());
	$broker->start;
}

# A block in the middle of the stream is cut by a third.
sub damage
{
	$broker->stop;
	my @blocks = sort { ($a =~ /(\d+)\.blk/)[0] <=> ($b =~ /(\d+)\.blk/)[0] } glob(folder() . "/jetstream/*/streams/$stream/msgs/*.blk");
	note("blocks: " . join ' ', map { -s $_ } @blocks);
	is(@blocks > 2, 1, 'there is a block in the middle');
	my $block = $blocks[ int(@blocks / 2) ];
	truncate($block, int((-s $block) * 2 / 3)) or die "truncate $block: $!";
	$broker->start;
}

my $repaired;

# The end is lost: exactly that is sent again, each event to its old place.
emit(300);
at_rest('published');
keep();
emit(200);
at_rest('more is published');
my $before = places();
is(scalar keys %$before, 500, 'the stream holds 500 events');
my $offset = -s $node->logfile;
roll_back();
eventually('the loss is repaired', sub { counter('repaired') eq '200' });
emit(30);
at_rest('what is new follows');
my $after = places();
is_deeply([ grep { ($after->{$_} // '') ne $before->{$_} } sort { $a <=> $b } keys %$before ], [], 'every event has its old place');
is(counter('lost'), '200', 'exactly the lost ones were found');
is(counter('gone'), '0', 'all were retained');
same_as_log($node, $broker, 'nothing is missing, twice, or out of order');
my $log = log_between($node, $offset);
is(() = $log =~ /has lost 200 events that it had acknowledged/g, 1, 'one line in the log says so');
is(() = $log =~ /is repaired: 200 events were sent again, 0 were no longer retained/g, 1, 'and one that it is mended');

# With the relay away meanwhile, and killed while it repairs.
keep();
emit(5000);
at_rest('many more are published');
$before = places();
query($node, 'SELECT outbox.pause()');
roll_back();
query($node, 'ALTER DATABASE postgres SET outbox.max_in_flight = 1');
query($node, 'SELECT outbox.resume()');
state_is($node, 'repairing', 'outbox.status shows the repair', {}, reason => qr/^\d+ events that the broker has lost are still to be sent again$/);
eventually('some are sent', sub { counter('to_repair') < 4900 });
my $killed = relay_pid($node);
kill 'KILL', $killed;
eventually('the server is back', sub { (eval { relay_pid($node) } // $killed) ne $killed });
state_is($node, 'repairing', 'killed in the middle, another process goes on');
alter_database($node, 'outbox.max_in_flight = 1000', 'it hurries');
at_rest('the loss is repaired');
is_deeply(places(), $before, 'every event has its old place');
same_as_log($node, $broker, 'nothing is missing, twice, or out of order');

# A durable consumer has run ahead: only its stream's messages are lost.
$broker->stream('consume', $stream, 'ahead', 100000);
keep();
emit(100);
at_rest('published');
my @had = split /\n/, $broker->stream('consume', $stream, 'ahead', 1000);
is(scalar @had, 100, 'a durable consumer has had them');
$before = places();
$broker->stop;
my ($messages) = glob(folder() . "/jetstream/*/streams/$stream/msgs");
my ($kept) = glob("$broker->{home}/kept/jetstream/*/streams/$stream/msgs");
copy_folder($kept, $messages);
$broker->start;
emit(20);
at_rest('the loss is repaired, what is new follows');
$after = places();
is_deeply([ grep { ($after->{$_} // '') ne $before->{$_} } keys %$before ], [], 'every event has its old place');
# Newer servers set a consumer back to where the stream ended: it gets what was lost again.
my @gets = map { (split /\t/)[0] } split /\n/, $broker->stream('consume', $stream, 'ahead', 1000);
my ($highest) = sort { $b <=> $a } keys %$before;
my $first = @gets > 20 ? $highest - 99 : $highest + 1;
is_deeply(\@gets, [ $first .. $highest + 20 ], 'the consumer gets all that is new, and nothing else but maybe all that was lost');

# Somebody else writes before the relay is back: what was lost gets new places.
keep();
emit(150);
at_rest('published');
$before = places();
query($node, 'SELECT outbox.pause()');
roll_back();
$broker->stream('publish', 'postgres.other.written', 'x') foreach 1 .. 200;
query($node, 'SELECT outbox.resume()');
emit(10);
at_rest('the loss is repaired');
is(counter('repaired'), '150', 'exactly what was lost was sent again');
$after = places();
my %ids;
$ids{$_}++ foreach grep { $_ ne '' } values %$after;
is_deeply([ grep { ($ids{$_} // 0) != 1 } values %$before ], [], 'every event is there, once');

# Purged: that is no loss.
$broker->stream('purge', $stream);
emit(10);
at_rest('published');
$node->restart;
at_rest('a new relay has looked');
is($broker->count($stream), '10', 'what was purged is not sent again');
is(counter('lost'), '0', 'nor taken for lost');

# Deleted: all that is retained comes back first, in order.
query($node, 'SELECT outbox.pause()');
$broker->stream('delete', $stream);
emit(10);
query($node, 'SELECT outbox.resume()');
at_rest('published');
is($broker->count($stream), '20', 'what was known to be in it, and what is new');
my @messages = $broker->brief($stream);
my @order = map { $_->{id} =~ /(\d+)$/ } @messages;
is_deeply(\@order, [ sort { $a <=> $b } @order ], 'in order');

# A hole in the middle: what is missing is sent again, to new places.
emit(3000);
at_rest('published');
$before = places();
$repaired = counter('repaired');
$broker->stream('remove', $stream, $_) foreach 500, 501, 1000;
$broker->stop;
$broker->start;
eventually('the holes are found and filled', sub { counter('repaired') == $repaired + 3 });
at_rest('published');
%ids = ();
$ids{$_}++ foreach values %{ places() };
is_deeply([ grep { ($ids{$_} // 0) != 1 } values %$before ], [], 'every event is there, once');

# A damaged file in the middle: the same, when somebody looks, for not every server
# tells, and once it has forgotten the ids.
$broker->stream('update', $stream, 'duplicates=2000');
query($node, q{SELECT count(outbox.emit('order', (i % 7)::text, 'placed', to_jsonb(repeat('x', 100000)))) FROM generate_series(1, 300) i});
at_rest('published');
$before = places();
damage();
at_rest('connected again');
eventually('the hole is found and filled', sub {
		query($node, 'SELECT complete, missing FROM outbox.verify()') eq 't|0' && counter('repaired') > $repaired + 3 });
at_rest('published');
%ids = ();
$ids{$_}++ foreach values %{ places() };
is_deeply([ grep { ($ids{$_} // 0) != 1 } values %$before ], [], 'every event is there, once');

# Asked for, it looks at everything.
is(query($node, 'SELECT complete, missing, repaired, gone FROM outbox.verify()'), 't|0|0|0', 'outbox.verify finds nothing');
cmp_ok(query($node, 'SELECT checked FROM outbox.verify()'), '>=', 3000, 'it has looked at everything');
$broker->stream('remove', $stream, 2000);
is(query($node, 'SELECT complete, missing FROM outbox.verify()'), 't|1', 'outbox.verify finds what is missing');

# Beside other writers nothing is sent again, but it is counted.
alter_database($node, "outbox.publish_mode = 'shared'", 'another mode');
emit(10);
at_rest('published');
my $count = $broker->count($stream);
$broker->stream('remove', $stream, 2500);
is(query($node, 'SELECT complete, missing, repaired FROM outbox.verify()'), 't|1|0', 'on a shared stream outbox.verify counts what is missing');
is($broker->count($stream), $count - 1, 'and sends nothing');

$node->stop;
done_testing();
