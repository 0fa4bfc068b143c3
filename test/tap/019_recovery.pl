# Standbys promoted, earlier times recovered, clusters upgraded: who continues by himself, and who asks.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);
use OutboxBroker;
use OutboxTest;

my $broker = OutboxBroker->new->start;
my $stream = 'OUTBOX_postgres';
my $folder = PostgreSQL::Test::Utils::tempdir();

sub change
{
	my ($node, $times) = @_;
	query($node, 'SELECT change(i) FROM generate_series(1, 20) i') foreach 1 .. $times;
}

# Of things: each version once, in order, as far as the server knows them.
sub complete
{
	my ($node, $name) = @_;
	my @messages = $broker->messages($stream);
	my %seen;
	is_deeply([ grep { $seen{$_}++ } map { $_->{id} } @messages ], [], "$name: nothing is there twice");
	return things_are_complete($node, \@messages, "$name: all is there, in order");
}

sub fenced
{
	my ($node, $reason, $name) = @_;
	return state_is($node, 'fenced copy', $name, {}, publishing => 0, reason => $reason, hint => qr/outbox\.adopt/);
}

sub adopt
{
	my ($node, $mode) = @_;
	query($node, "SELECT outbox.adopt('$mode')");
}

# What is known of a message when its id is forgotten is its place alone.
sub forget_ids
{
	$broker->stream('update', $stream, 'duplicates=100');
	sleep 0.5;
}

# The server's files, and the server that begins with them.
my $copies = 0;
sub copy_of
{
	my ($node, $name, %options) = @_;
	my $backup = 'backup' . ++$copies;
	$node->backup($backup);
	my $copy = PostgreSQL::Test::Cluster->new($name);
	$copy->init_from_backup($node, $backup, %options);
	return $copy;
}

# Recovers what the backup holds, as of its end, and no more: an earlier time.
sub set_back
{
	my ($node) = @_;
	$node->set_recovery_mode;
	$node->append_conf('postgresql.conf', "restore_command = 'false'\nrecovery_target = 'immediate'\nrecovery_target_action = 'promote'\n");
	$node->start;
	eventually($node->name . ' has recovered', sub { (try_query($node, 'SELECT pg_is_in_recovery()'))[1] eq 'f' });
}

# A standby is promoted that lacks what the primary has published last.
my $primary = new_node('primary', $broker, streaming => 1);
make_things($primary, 20);
change($primary, 2);
drained($primary, 'a primary publishes');
forget_ids();
my $behind = copy_of($primary, 'behind');
my $standby = copy_of($primary, 'standby', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby);
$standby->stop;
change($primary, 2);
drained($primary, 'and publishes what the standby does not get');
$primary->stop('immediate');
forget_ids();
$standby->start;
$standby->promote;
fenced($standby, qr/never had/, 'promoted, the standby asks');
change($standby, 1);
is($broker->count($stream), 80, 'and publishes nothing');
adopt($standby, 'continue');
drained($standby, 'adopted, it publishes');
is($broker->count($stream), 100, 'what the stream lacked');
cmp_ok(query($standby, 'SELECT max(id) FROM outbox.event'), '>', 1e12, 'its ids are others than those that are lost');
my %seen;
is_deeply([ grep { $seen{ $_->{id} }++ } $broker->messages($stream) ], [], 'no message is there twice');
$standby->stop;

# A recovery to an earlier time than the stream knows.
set_back($behind);
fenced($behind, qr/never had/, 'an earlier time is fenced');
change($behind, 1);
is($broker->count($stream), 100, 'and publishes nothing');
$behind->stop;

# The same when nothing is lost: it continues at once.
$broker->stream('delete', $stream);
my $old = new_node('old', $broker, streaming => 1);
make_things($old, 20);
change($old, 2);
drained($old, 'one more server publishes');
forget_ids();
query($old, 'SELECT outbox.pause()');
change($old, 1);
my $later = copy_of($old, 'later');
$old->stop;
set_back($later);
query($later, 'SELECT outbox.resume()');
drained($later, 'recovered with nothing lost, it continues by itself');
change($later, 1);
drained($later, 'and goes on');
complete($later, 'after a recovery');

# pg_upgrade: another cluster, and the same outbox.
query($later, 'SELECT outbox.pause()');
change($later, 1);
$later->stop;
my $upgraded = PostgreSQL::Test::Cluster->new('upgraded');
$upgraded->init;
$upgraded->append_conf('postgresql.conf', "shared_preload_libraries = 'cleanoutbox'\noutbox.nats_url = '@{[$broker->url]}'\n");
chomp(my $bin = `dirname \$(command -v initdb)`);

chdir $folder;
command_ok([ 'pg_upgrade', '--no-sync', '-b', $bin, '-B', $bin, '-d', $later->data_dir, '-D', $upgraded->data_dir,
		'-p', $later->port, '-P', $upgraded->port, '-s', $upgraded->host ], 'pg_upgrade');
$upgraded->start;
state_is($upgraded, 'paused', 'the upgraded one is paused as it was', {}, backlog => 20);
query($upgraded, 'SELECT outbox.resume()');
drained($upgraded, 'and continues by itself');
change($upgraded, 1);
drained($upgraded, 'and goes on');
complete($upgraded, 'after pg_upgrade');
$upgraded->stop;

unlike(log_between($_, 0), qr/terminated by signal|PANIC|TRAP/, 'nothing has crashed in ' . $_->name) foreach $standby, $behind, $later, $upgraded;
done_testing();
