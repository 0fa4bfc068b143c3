# How fast events are recorded while very many wait to be published.
use strict;
use warnings;
use OutboxBench;
use OutboxBroker;
use OutboxTest;

use constant SECONDS => $ENV{SECONDS} || 3;
use constant WAITING => $ENV{WAITING} || 5 * EVENTS;
use constant CLIENTS => 4;

my $broker = OutboxBroker->new->start;
my $node = new_bench($broker);
my $script = <<'SQL';
\set id random(1, 1000)
SELECT outbox.emit('bench', :id::text, 'made', jsonb_build_object('i', :id::integer, 'fill', repeat('x', 200)));
SQL

foreach my $name (qw(empty waiting))
{
	query($node, "CREATE DATABASE $name");
	query($node, 'CREATE EXTENSION cleanoutbox; SELECT outbox.pause()', { database => $name });
}
fill($node, WAITING, { database => 'waiting' });
query($node, 'VACUUM ANALYZE', { database => 'waiting' });

sub emit
{
	my ($name) = @_;
	query($node, 'TRUNCATE outbox.event', { database => $name }) if $name eq 'empty';
	query($node, 'CHECKPOINT');
	return pgbench($node, $script, CLIENTS, SECONDS, '-d', $node->connstr($name));
}

my %took = rounds(empty => sub { emit('empty') }, waiting => sub { emit('waiting') });
report('emit_backlog', 'transactions/s', map { $took{$_}[0] } qw(waiting empty));
$node->stop;
