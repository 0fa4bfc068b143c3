# How fast a very large backlog is drained, compared with a small one: of many
# transactions, and of a single one.
use strict;
use warnings;
use List::Util qw(max);
use OutboxBench;
use OutboxBroker;
use OutboxTest;

use constant DEEP => $ENV{DEEP} || 4 * EVENTS;
use constant SHALLOW => $ENV{SHALLOW} || EVENTS / 2;

my $broker = OutboxBroker->new->start;
my $node = new_bench($broker);
query($node, 'SELECT outbox.pause()');

sub pass
{
	my ($count, $size) = @_;
	fill($node, $count, { size => $size });
	my @took = drain($node, $count, { watch => \&memory_of });
	# So that the stream's size is no part of it.
	$broker->stream('purge', 'OUTBOX_postgres');
	query($node, 'TRUNCATE outbox.event; VACUUM');
	return @took;
}

my %took = rounds(shallow => sub { pass(SHALLOW, 10) }, deep => sub { pass(DEEP, 10) }, single => sub { pass(DEEP, DEEP) }, most => 2);
report('drain_deep', 'events/s', map { $took{$_}[0] } qw(deep shallow));
report('drain_single', 'events/s', map { $took{$_}[0] } qw(single shallow));
report('drain_deep_cpu', 's/100k', map { $took{$_}[1] } qw(deep shallow));
report('drain_single_cpu', 's/100k', map { $took{$_}[1] } qw(single shallow));
report_limit('memory_deep', 'MB', [ map { max($took{deep}[2][$_], $took{single}[2][$_]) } 0 .. $#{ $took{deep}[2] } ], 32);
$node->stop;
