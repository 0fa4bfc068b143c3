# How fast the relays of ten databases publish together, compared with that of one.
use strict;
use warnings;
use OutboxBench;
use OutboxBroker;
use OutboxTest;

use constant DATABASES => 10;

# So many that the start of ten relays, half a second of CPU together, is no large part.
use constant EACH => EVENTS / 4;

my $broker = OutboxBroker->new->start;
my $node = new_bench($broker, create => 0, conf => 'max_worker_processes = 30');
my @names = map { "shop_$_" } 0 .. DATABASES;
foreach my $name (@names)
{
	query($node, "CREATE DATABASE $name");
	query($node, 'CREATE EXTENSION cleanoutbox; SELECT outbox.pause()', { database => $name });
}
my $alone = shift @names;

sub pass
{
	my ($count, @databases) = @_;
	fill($node, $count, { database => $_ }) foreach @databases;
	query($node, 'CHECKPOINT');
	my @took = drain($node, $count, map { { database => $_ } } @databases);
	foreach my $name (@databases)
	{
		$broker->stream('purge', "OUTBOX_$name");
		query($node, 'TRUNCATE outbox.event; VACUUM', { database => $name });
	}
	return @took;
}

my %took = rounds(one => sub { pass(EVENTS, $alone) }, ten => sub { pass(EACH, @names) }, most => 3);
report('drain_databases', 'events/s', map { $took{$_}[0] } qw(ten one));
$node->stop;
