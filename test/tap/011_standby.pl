# A standby publishes nothing, until it is promoted.
use strict;
use warnings;
use Test::More;
use OutboxBroker;
use OutboxTest;

my $broker = OutboxBroker->new->start;
my $primary = new_node('primary', $broker, streaming => 1);
make_things($primary, 20);
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

query($primary, 'SELECT change(i) FROM generate_series(1, 20) i');
drained($primary, 'the primary publishes');
eventually('the standby follows', sub { (try_query($standby, 'SELECT count(*) FROM outbox.event'))[1] eq '20' });
my $status = status($standby);
is($status->{state}, 'standby', 'its status says what it is');
ok(!$status->{publishing}, 'that it does not publish');
like($status->{hint}, qr/promoted/, 'and when it will');
eventually('its backlog follows the primary', sub { status($standby)->{backlog} == 0 }, sub { status($standby) });
ok((try_query($standby, 'SELECT * FROM outbox.stat_relay, outbox.pending'))[0], 'the other views can be read, too');
is(query($standby, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'cleanoutbox%'}), 0, 'no worker runs there');
my ($good, $said) = try_query($standby, q{SELECT outbox.emit('order', '1', 'placed')});
like($said, qr/ERROR:  25006:/, 'nothing can be emitted there');

# What the primary could not publish any more.
$broker->pause;
query($primary, 'SELECT change(i) FROM generate_series(1, 20) i');
eventually('the standby has the last events', sub { (try_query($standby, 'SELECT count(*) FROM outbox.event'))[1] eq '40' });
$primary->stop('immediate');
is(status($standby)->{state}, 'standby', 'the primary is gone, and the standby waits');
$broker->kill9;
$broker->start;
$standby->promote;
drained($standby, 'promoted, it publishes');
query($standby, 'SELECT change(i) FROM generate_series(1, 20) i');
drained($standby, 'and goes on');
my @messages = same_as_log($standby, $broker, 'the stream holds the log of both, each event once');
things_are_complete($standby, \@messages, 'every change has arrived in order');

$standby->stop;
done_testing();
