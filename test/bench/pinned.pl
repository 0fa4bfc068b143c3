# How fast a backlog is drained while another session's snapshot stays open.
#
# Promises: No bloat.
use strict;
use warnings;
use OutboxBench;
use OutboxBroker;
use OutboxTest;

my $broker = OutboxBroker->new->start;
my $node = new_bench($broker);
query($node, 'SELECT outbox.pause()');

sub pass
{
	my ($pinned) = @_;
	my $session = $pinned ? open_session($node) : undef;
	ask_session($session, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM outbox.cursor') if $session;
	fill($node, EVENTS);
	my @took = drain($node, EVENTS);
	if ($session)
	{
		my $held = query($node, q{SELECT age(backend_xmin) FROM pg_stat_activity WHERE state = 'idle in transaction'});
		die "the snapshot was not held: $held" unless $held > EVENTS / 100;
		close_session($session);
	}
	query($node, 'VACUUM');
	return @took;
}

my %took = rounds(plain => sub { pass(0) }, pinned => sub { pass(1) }, most => 4);
report('drain_pinned', 'events/s', map { $took{$_}[0] } qw(pinned plain));
report('drain_pinned_cpu', 's/100k', map { $took{$_}[1] } qw(pinned plain));
$node->stop;
