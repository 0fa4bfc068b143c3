# What rules cost: the time of a statement beyond what it takes on a table without
# rules, for ours and for the same rules in PL/pgSQL.
use strict;
use warnings;
use OutboxBench;
use OutboxBroker;
use OutboxTest;
use OutboxTwins;
use Time::HiRes qw(time);

my %rows = (single => 4_000, single_event => 4_000, lines => 1_000);
my $broker = OutboxBroker->new->start;
my $node = new_bench($broker, conf => 'autovacuum = off');
query($node, 'SELECT outbox.pause()');
query($node, twin_tables($_)) foreach TWINS;
my $session = open_session($node, {});
ask_session($session, 'SET synchronous_commit = off');

# Microseconds a row.
sub run
{
	my ($case, $twin) = @_;
	my $count = $rows{$case} // 20_000;
	ask_session($session, $_) foreach 'TRUNCATE outbox.event', preparation($case, $twin, $count);
	query($node, 'CHECKPOINT');
	my $begin = time();
	ask_session($session, statement($case, $twin, $count));
	return (time() - $begin) / $count * 1e6;
}

foreach my $case (CASES)
{
	my %took = rounds(map({ my $twin = $_; ($twin => sub { run($case, $twin) }) } TWINS), most => 3);
	my %cost = map { ($_ => [ cost($took{$_}[0], $took{bare}[0]) ]) } qw(ours plpgsql);
	report("rules_$case", 'us/row', $cost{ours}, $cost{plpgsql});
}
close_session($session);
$node->stop;

sub cost
{
	my ($values, $bare) = @_;
	return map { $values->[$_] - $bare->[$_] } 0 .. $#$values;
}
