# Many databases, and commands that want one for themselves.
#
# Promises: Polite.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use OutboxBroker;
use OutboxTest;

my $broker = OutboxBroker->new->start;
my $node = new_node('main', $broker, conf => 'max_worker_processes = 20');

sub in { return { database => $_[0] } }

sub make_database
{
	my ($name) = @_;
	query($node, "CREATE DATABASE $name");
	query($node, 'CREATE EXTENSION cleanoutbox', in($name));
	make_things($node, 3, in($name));
}

sub change
{
	my ($name, $which) = @_;
	query($node, "SELECT change($which)", in($name));
}

sub relays
{
	return query($node, q{SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_stat_activity WHERE backend_type = 'cleanoutbox relay'});
}

# Ten databases.
set_conf($node, 'outbox.databases' => 'postgres, d1, d2, d3, d4, d5, d6, d8, d9, d10, c3, r2');
make_database("d$_") foreach 1 .. 8;
query($node, "CREATE DATABASE $_") foreach qw(d9 d10);
query($node, 'ALTER DATABASE d8 SET outbox.enabled = off');
foreach my $i (1 .. 8)
{
	change("d$i", 1 + $_ % 3) foreach 1 .. $i;
}
drained($node, "d$_ is published", in("d$_")) foreach 1 .. 6;
state_is($node, 'excluded', 'outbox.databases leaves d7 out', in('d7'), backlog => 7, hint => qr/outbox\.databases/);
state_is($node, 'disabled', 'outbox.enabled is off in d8', in('d8'), backlog => 8, hint => qr/outbox\.enabled/);
same_as_log($node, $broker, "d$_ has a stream with its events and no others", in("d$_")) foreach 1 .. 6;
eventually('relays run where they are wanted, nowhere else', sub { relays() eq 'd1 d2 d3 d4 d5 d6 postgres' }, \&relays);
is($broker->count("OUTBOX_d$_"), 0, "nothing of d$_ is published") foreach 7, 8;
set_conf($node, 'outbox.databases' => '');
drained($node, 'd7 is admitted by a reload', in('d7'));
query($node, 'ALTER DATABASE d8 RESET outbox.enabled');
drained($node, 'd8 is enabled', in('d8'));
same_as_log($node, $broker, "d$_ has not lost anything", in("d$_")) foreach 7, 8;

# DROP DATABASE, and one of the same name again.
query($node, 'DROP DATABASE d1');
pass('a database with a relay can be dropped');
make_database('d1');
change('d1', $_) foreach 1 .. 3;
drained($node, 'one of the same name publishes', in('d1'));
my @messages = $broker->messages('OUTBOX_d1');
is(scalar @messages, 4, 'behind what the old one has left in the stream');
is_deeply([ problems($node, [ @messages[ 1 .. 3 ] ], in('d1')) ], [], 'its events, all of them');
query($node, 'DROP DATABASE d6 WITH (FORCE)');
pass('also with force');

# RENAME: another stream, nothing twice.
change('d2', 1);
query($node, 'ALTER DATABASE d2 RENAME TO r2');
change('r2', $_) foreach 1 .. 3;
drained($node, 'a renamed database publishes', in('r2'));
my @before = $broker->messages('OUTBOX_d2');
my @after = $broker->messages('OUTBOX_r2');
is_deeply([ problems($node, [ @before, @after ], in('r2')) ], [], 'what was published before is not published again');

# A copy publishes nothing, its origin goes on.
query($node, 'CREATE DATABASE c3 TEMPLATE d3');
change('c3', 1);
change('d3', 1);
my $status = state_is($node, 'fenced copy', 'a copy is fenced', in('c3'), backlog => 1);
like($status->{reason}, qr/belongs to another database/, 'with the reason');
like($status->{hint}, qr/outbox\.adopt/, 'and what to do');
drained($node, 'its origin publishes', in('d3'));
same_as_log($node, $broker, 'all and nothing else', in('d3'));
ok(!($broker->run_tool('info', 'OUTBOX_c3'))[0], 'the copy has not even made a stream');
query($node, 'DROP EXTENSION cleanoutbox; CREATE EXTENSION cleanoutbox;', in('c3'));
change('c3', 2);
drained($node, 'made its own, it publishes', in('c3'));
same_as_log($node, $broker, 'its own events', in('c3'));

# DROP EXTENSION and CREATE EXTENSION.
query($node, 'DROP EXTENSION cleanoutbox', in('d4'));
eventually('the relay leaves when the extension is dropped', sub { relays() !~ /d4/ }, \&relays);
query($node, 'BEGIN; CREATE EXTENSION cleanoutbox; ROLLBACK', in('d4'));
query($node, 'CREATE EXTENSION cleanoutbox', in('d4'));
my $old = $broker->count('OUTBOX_d4');
change('d4', $_) foreach 1 .. 3;
drained($node, 'and is back when it is created', in('d4'));
@messages = $broker->messages('OUTBOX_d4');
is_deeply([ problems($node, [ @messages[ $old .. $#messages ] ], in('d4')) ], [], 'with its events');

# A command that fails gives the relay back.
my $guest = $node->background_psql('d5', on_error_stop => 0);
$guest->query_safe('SELECT 1');
my ($good, $said) = try_query($node, 'ALTER DATABASE d5 RENAME TO d55');
like($said, qr/being accessed by other users/, 'a database that somebody uses cannot be renamed');
change('d5', 1);
drained($node, 'and its relay comes back', in('d5'));
same_as_log($node, $broker, 'with nothing lost', in('d5'));
$guest->quit;

# Too few workers: seen, and mended by a restart.
set_conf($node, 'max_worker_processes' => 4);
$node->restart;
my @all = qw(postgres d1 r2 d3 d4 d5 d7 d8 c3);
change($_, 2) foreach @all[ 1 .. $#all ];
my %states;
eventually('some databases get no worker, and say so', sub {
		%states = map { $_ => status($node, in($_))->{state} // '' } @all;
		2 == grep({ $_ eq 'idle' } values %states) && @all - 2 == grep({ $_ eq 'no free worker slot' } values %states) }, sub { \%states });
my ($starved) = grep { $states{$_} =~ /slot/ } @all;
like(status($node, in($starved))->{hint}, qr/max_worker_processes/, 'with what to do');
set_conf($node, 'max_worker_processes' => 20);
$node->restart;
drained($node, "$_ publishes with enough workers", in($_)) foreach @all;
same_as_log($node, $broker, 'nothing was lost meanwhile', in($_)) foreach qw(d3 d5 d7 d8 c3);

my $log = log_between($node, 0);
unlike($log, qr/terminated by signal|PANIC|TRAP/, 'nothing has crashed');
is(() = $log =~ /FATAL:  database .* does not exist/g, 0, 'no worker has gone after a database that is not there');

$node->stop;
done_testing();
