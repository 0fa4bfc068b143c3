# How fast events are recorded while very many wait to be published.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use OutboxBench;
use OutboxBroker;
use OutboxTest;

use constant SECONDS => 6;
use constant CLIENTS => 4;

my $broker = OutboxBroker->new->start;
my $node = new_bench($broker);
my $script = PostgreSQL::Test::Utils::tempdir() . '/emit.sql';
append_to_file($script,
	"\\set id random(1, 1000)\nSELECT outbox.emit('bench', :id::text, 'made', jsonb_build_object('i', :id::integer, 'fill', repeat('x', 200)));\n");

foreach my $name (qw(empty waiting))
{
	query($node, "CREATE DATABASE $name");
	query($node, 'CREATE EXTENSION cleanoutbox; SELECT outbox.pause()', { database => $name });
}
fill($node, EVENTS, { database => 'waiting' });
query($node, 'VACUUM ANALYZE', { database => 'waiting' });

sub emit
{
	my ($name) = @_;
	query($node, 'TRUNCATE outbox.event', { database => $name }) if $name eq 'empty';
	query($node, 'CHECKPOINT');
	my $said = `pgbench -n -M prepared -c @{[ CLIENTS ]} -j 2 -T @{[ SECONDS ]} -f '$script' -d '@{[ $node->connstr($name) ]}' 2>&1`;
	my ($rate) = $said =~ /^tps = ([\d.]+)/m or die $said;
	return $rate;
}

my %took = rounds(empty => sub { emit('empty') }, waiting => sub { emit('waiting') });
report('emit_backlog', 'transactions/s', map { $took{$_}[0] } qw(waiting empty));
$node->stop;
