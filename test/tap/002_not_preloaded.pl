# Without shared_preload_libraries events are recorded, and everybody is told.
use strict;
use warnings;
use Test::More;
use OutboxBroker;
use OutboxTest;

my $broker = OutboxBroker->new->start;
my $node = new_node('main', $broker, create => 0, conf => "shared_preload_libraries = ''");

my ($created, undef, $said) = try_query($node, 'CREATE EXTENSION cleanoutbox');
ok($created, 'the extension is created');
like($said, qr/WARNING:.*shared_preload_libraries/, 'with a warning');
like($said, qr/HINT:.*Add cleanoutbox to "shared_preload_libraries"/, 'and a hint');

make_things($node, 3);
($created, undef, $said) = try_query($node, 'SELECT change(1), change(2), change(1)');
ok($created, 'events are recorded');
is($said, '', 'and emit repeats no warning');
my $status = status($node);
is($status->{state}, 'not preloaded', 'outbox.status says so');
is($status->{backlog}, 3, 'and counts what waits');
like($status->{hint}, qr/shared_preload_libraries/, 'and what to do');
is(query($node, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'cleanoutbox%'}), 0, 'no worker runs');

$node->append_conf('postgresql.conf', "shared_preload_libraries = 'cleanoutbox'");
$node->restart;
drained($node, 'preloaded, it publishes what has waited');
my @messages = same_as_log($node, $broker, 'the stream holds the log');
things_are_complete($node, \@messages, 'every change has arrived in order');

$node->stop;
done_testing();
