# Databases that are copies of the one under load, in the same server: row 17.
#
# The copy is told to publish to the original's stream, under the original's
# subjects, and must not: not even what was pending when it was made.  As an outbox
# of its own it publishes what it has recorded itself, to a stream of its own.
use strict;
use warnings;
use World qw(any wait_until);

my %copy = (database => 'copy');

sub aim_at_original
{
	my ($world) = @_;
	$world->does("ALTER DATABASE copy SET outbox.stream = 'OUTBOX_stress'; ALTER DATABASE copy SET outbox.subject_template = 'stress.{aggregate}.{action}'", { database => 'postgres' })
		or $world->trouble('the copy cannot be configured');
}

sub work_in_copy
{
	my ($world) = @_;
	$world->does('SELECT stress.change(i, 100) FROM generate_series(0, 29) i', \%copy) or $world->trouble('a copy takes no events');
}

# Fenced, whatever it records; then it goes its own way.
sub must_ask
{
	my ($world, $crowd) = @_;
	$crowd->decide('all', \%copy);
	# Until it is adopted, a restored copy gives ids from 1 on.
	$world->does('ALTER TABLE stress.ledger DROP CONSTRAINT ledger_pkey', \%copy);
	aim_at_original($world);
	work_in_copy($world);
	$world->becomes('fenced copy', qr/./, 15, \%copy);
	$world->rest(0.3);
	$world->does('ALTER DATABASE copy RESET ALL', { database => 'postgres' }) or $world->trouble('the copy cannot be configured');
	wait_until(10, sub { $world->does(q{SELECT outbox.adopt('fork')}, \%copy) }) or $world->trouble("outbox.adopt('fork') fails");
	work_in_copy($world);
	$world->becomes('idle', qr//, 15, \%copy);
	my $stored = ($world->stream_state('OUTBOX_copy'))[0];
	$world->trouble("the copy has published $stored events") unless $stored == 60;
	$world->flows(10);
	# To drop a database every session must agree, which those that run into one lock
	# timeout after the other never come to.
	$crowd->stop;
	forget_copy($world);
	$crowd->start($world->{clients});
}

sub forget_copy
{
	my ($world) = @_;
	$world->does('DROP DATABASE IF EXISTS copy WITH (FORCE)', { database => 'postgres' }) or $world->trouble('the copy stays');
	$world->stream('delete', 'OUTBOX_copy');
}

# With events that wait, for the broker is away.
sub copy_by_template
{
	my ($world, $crowd) = @_;
	$world->lift_later(3600, sub { forget_copy($world) });
	$world->kill_broker;
	$world->rest(0.3);
	$crowd->stop;
	$crowd->decide('all');
	$world->stop_watch;
	wait_until(10, sub { $world->does('CREATE DATABASE copy TEMPLATE stress', { database => 'postgres' }) }) or $world->trouble('no copy');
	$world->start_broker;
	$world->start_watch;
	$crowd->start($world->{clients});
	must_ask($world, $crowd);
}

sub restore_dump
{
	my ($world, $crowd) = @_;
	my $dump = "$world->{home}/dump";
	my $format = any('c', 'p');
	$world->lift_later(3600, sub { forget_copy($world) });
	system("pg_dump -F$format -f '$dump' stress 2>> '$world->{home}/psql.log'") == 0 or die "no dump, see $world->{home}/psql.log\n";
	$world->does('CREATE DATABASE copy', { database => 'postgres' }) or $world->trouble('no copy');
	my $restore = $format eq 'c' ? "pg_restore -e -d copy '$dump'" : "psql -qX -v ON_ERROR_STOP=1 -d copy -f '$dump'";
	system("$restore >> '$world->{home}/psql.log' 2>&1") == 0 or $world->trouble("the dump ($format) is not restored, see psql.log");
	unlink $dump;
	must_ask($world, $crowd);
}

# A relay that is told to look again while it starts ends with this word.
my %copied = (way => 1, row => 17, weight => 2, log => qr/background worker "cleanoutbox relay" \(PID \d+\) exited with exit code 1/, expect => sub { $_[0]->flows(10) });

(
	{ %copied, name => 'template copy', inject => \&copy_by_template },
	{ %copied, name => 'dump restored', inject => \&restore_dump },
);
