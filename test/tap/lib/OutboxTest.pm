# OutboxTest: servers with the extension, waiting, and judging what arrived.
#
#	my $broker = OutboxBroker->new->start;
#	my $node = new_node('main', $broker);
#	query($node, "SELECT outbox.emit('order', '42', 'placed')");
#	drained($node, 'all is published');
#	same_as_log($node, $broker, 'the stream holds what the log holds');
#
# The database is "postgres" where none is given as { database => NAME }.
# Everything that is waited for has a deadline, after which the test fails.
package OutboxTest;

use strict;
use warnings;
use Exporter 'import';
use IPC::Run;
use JSON::PP ();
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use OutboxBroker;

our @EXPORT = qw(new_node query try_query status relay_pid eventually state_is drained same_as_log problems
  versions_of alter_database make_things things_are_complete start_load stop_load crash log_between set_conf stream_name);

use constant PATIENCE => 120;
# Once something has not come in time, the rest is not waited for that long.
use constant RESIGNATION => 5;

my @loads;
my $patience = PATIENCE;

END
{
	local $?;
	stop_load($_) foreach @loads;
}

# A started server with the library preloaded; "create" (1): and the extension
# in postgres; "conf": further lines; "streaming": standbys can follow it.
sub new_node
{
	my ($name, $broker, %options) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	my $url = ref $broker ? $broker->url : $broker;
	$node->init(allows_streaming => $options{streaming} // 0);
	$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'cleanoutbox'
restart_after_crash = on
log_statement = none
max_connections = 40
max_prepared_transactions = 20
outbox.nats_url = '$url'
outbox.retry_initial = 50ms
outbox.retry_max = 500ms
@{[ $options{conf} // '' ]}
CONF
	$node->start;
	query($node, 'CREATE EXTENSION cleanoutbox') if $options{create} // 1;
	return $node;
}

# Changes settings of the configuration file and reloads it.
sub set_conf
{
	my ($node, %settings) = @_;
	$node->append_conf('postgresql.conf', join '', map { "$_ = '$settings{$_}'\n" } sort keys %settings);
	$node->reload;
}

# (1, output) or (0, error); never dies, whatever becomes of the server.
sub try_query
{
	my ($node, $sql, $where) = @_;
	my ($out, $err) = ('', '');
	my $database = $where->{database} // 'postgres';
	my $good = eval {
		IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=verbose', '-d', $node->connstr($database),
				'-f', '-' ], '<', \$sql, '>', \$out, '2>', \$err);
	};
	chomp $out;
	return $good ? (1, $out, $err) : (0, $err || $@);
}

sub query
{
	my ($node, $sql, $where) = @_;
	my ($good, $said) = try_query($node, $sql, $where);
	die "$sql: $said" unless $good;
	return $said;
}

# outbox.status as a hash; empty when the server does not answer.
sub status
{
	my ($node, $where) = @_;
	my ($good, $said) = try_query($node, 'SELECT row_to_json(s) FROM outbox.status s', $where);
	return $good ? JSON::PP::decode_json($said) : {};
}

sub relay_pid
{
	my ($node, $where) = @_;
	my ($good, $said) = try_query($node, 'SELECT pid FROM outbox.stat_relay', $where);
	return $good ? $said : '';
}

# Waits until the condition is true: a test of its own.
sub eventually
{
	my ($name, $condition, $explain) = @_;
	my $end = time() + $patience;
	my $true;
	until ($true = $condition->())
	{
		last if time() > $end;
		sleep 0.05;
	}
	return ok(1, $name) if $true;
	ok(0, $name);
	diag("still not so after $patience s", $explain ? explain($explain->()) : ());
	$patience = RESIGNATION;
	return 0;
}

# Waits until outbox.status shows this state, and what else is given.
sub state_is
{
	my ($node, $state, $name, $where, %also) = @_;
	my $seen;
	my %wanted = (state => $state, %also);
	my $fits = sub {
		$seen = status($node, $where);
		foreach my $column (keys %wanted)
		{
			my ($is, $be) = ($seen->{$column} // '', $wanted{$column});
			return 0 unless ref $be ? $is =~ $be : $is eq $be;
		}
		return 1;
	};
	eventually($name, $fits, sub { $seen });
	return $seen;
}

# Waits until nothing is left to be published.
sub drained
{
	my ($node, $name, $where) = @_;
	return state_is($node, 'idle', $name, $where, backlog => 0);
}

# ALTER DATABASE ... SET, and until a relay with that setting runs.
sub alter_database
{
	my ($node, $setting, $name, $where) = @_;
	my $database = $where->{database} // 'postgres';
	my $before = relay_pid($node, $where);
	query($node, qq{ALTER DATABASE "$database" SET $setting});
	eventually($name, sub { my $now = relay_pid($node, $where); $now ne '' && $now ne $before });
}

sub stream_name
{
	my ($where) = @_;
	return $where->{stream} // 'OUTBOX_' . ($where->{database} // 'postgres');
}

# What is in the log and not a dead letter, by id.
sub read_log
{
	my ($node, $where) = @_;
	my $rows = query($node, <<'SQL', $where);
SELECT id, xid, aggregate || '.' || action, encode(convert_to(aggregate_id, 'UTF8'), 'hex'), version, encode(payload, 'hex')
  FROM outbox.event e WHERE NOT EXISTS (SELECT FROM outbox.dead_letter d WHERE d.event_id = e.id)
SQL
	my %log;
	foreach my $row (split /\n/, $rows)
	{
		my ($id, $xid, $type, $aggregate_id, $version, $payload) = split /\|/, $row, -1;
		$log{$id} = { xid => $xid, type => $type, aggregate_id => pack('H*', $aggregate_id), version => $version, payload => pack('H*', $payload) };
	}
	return \%log;
}

# In what a message differs from its event.
sub differences
{
	my ($message, $event) = @_;
	return grep { ($message->{$_} // '') ne $event->{$_} } qw(type aggregate_id version payload);
}

# What is wrong with the stream, compared with the log: events that are missing,
# invented, twice, altered, out of order within their aggregate, or not next to
# the others of their transaction.
sub problems
{
	my ($node, $messages, $where) = @_;
	my $log = read_log($node, $where);
	my $uuid = query($node, 'SELECT uuid FROM outbox.identity', $where);
	my (@wrong, %seen, %newest, $before);
	foreach my $message (@$messages)
	{
		my ($id) = $message->{id} =~ /^\Q$uuid\E.(\d+)$/;
		my $event = defined $id ? $log->{$id} : undef;
		if (!$event) { push @wrong, "not in the log: $message->{id}"; next; }
		push @wrong, "twice: event $id" if $seen{$id}++;
		push @wrong, "event $id altered: $_" foreach differences($message, $event);
		my $aggregate = "$event->{type}/$event->{aggregate_id}" =~ s/\.[^.]*\//\//r;
		push @wrong, "event $id after $newest{$aggregate} of $aggregate" if ($newest{$aggregate} // 0) > $id;
		$newest{$aggregate} = $id;
		push @wrong, "event $id is not next to its transaction's: index $message->{index}"
		  if $where->{whole} // 1 and $before && $before->{tx} eq $message->{tx}
		  ? $message->{index} != $before->{index} + 1
		  : $message->{index} != 1 || ($before && $before->{index} != $before->{count});
		$before = $message;
	}
	push @wrong, map { "missing: event $_" } grep { !$seen{$_} } sort { $a <=> $b } keys %$log;
	return @wrong;
}

# A test: the stream holds the log, neither more nor less.  "whole" (1): each
# transaction is there as a whole; not so beside dead letters.  "brief" (0): for
# hundreds of thousands.
sub same_as_log
{
	my ($node, $broker, $name, $where) = @_;
	my $stream = stream_name($where);
	my @messages = $where->{brief} ? $broker->brief($stream) : $broker->messages($stream);
	my @wrong = problems($node, \@messages, $where);
	my $more = @wrong - 12;
	is_deeply([ $more > 0 ? (@wrong[ 0 .. 11 ], "and $more more") : @wrong ], [], $name);
	return @messages;
}

# Aggregates whose every change is numbered: change(id) adds one and emits.
sub make_things
{
	my ($node, $count, $where) = @_;
	query($node, <<"SQL", $where);
CREATE TABLE thing (id integer PRIMARY KEY, n bigint NOT NULL DEFAULT 0);
INSERT INTO thing SELECT generate_series(1, $count);
CREATE FUNCTION change(which integer) RETURNS bigint LANGUAGE sql AS \$\$
	WITH changed AS (UPDATE thing SET n = n + 1 WHERE id = which RETURNING id, n)
	SELECT outbox.emit('thing', id::text, 'changed', jsonb_build_object('n', n), version => n) FROM changed
\$\$;
SQL
}

# The versions that have arrived, by aggregate id, in the stream's order.
sub versions_of
{
	my (@messages) = @_;
	my %versions;
	push @{ $versions{ $_->{aggregate_id} } }, $_->{version} foreach grep { $_->{type} eq 'thing.changed' } @messages;
	return \%versions;
}

# A test: each thing's versions have arrived as 1, 2, 3 ... up to its number.
sub things_are_complete
{
	my ($node, $messages, $name, $where) = @_;
	my $versions = versions_of(@$messages);
	my (@wrong, $changes);
	foreach my $row (split /\n/, query($node, 'SELECT id, n FROM thing ORDER BY id', $where))
	{
		my ($id, $n) = split /\|/, $row;
		$changes += $n;
		my @arrived = @{ delete $versions->{$id} // [] };
		push @wrong, "thing $id at $n: arrived @arrived[0 .. ($#arrived > 20 ? 20 : $#arrived)]" if "@arrived" ne join ' ', 1 .. $n;
	}
	push @wrong, map { "thing $_ does not exist" } keys %$versions;
	is_deeply(\@wrong, [], $name);
	return $changes;
}

# Runs pgbench with these scripts (name => text) again and again, whatever
# becomes of the server, until stop_load.
sub start_load
{
	my ($node, $clients, %scripts) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir();
	my @scripts;
	foreach my $name (sort keys %scripts)
	{
		my ($weight, $text) = $scripts{$name} =~ /^(\d+):(.*)$/s ? ($1, $2) : (1, $scripts{$name});
		append_to_file("$folder/$name", $text);
		push @scripts, '-f', "$folder/$name\@$weight";
	}
	my $pid = fork() // die "fork: $!";
	if ($pid == 0)
	{
		open(STDOUT, '>', "$folder/log") and open(STDERR, '>&', \*STDOUT);
		until (-e "$folder/stop")
		{
			system('pgbench', '-n', '-c', $clients, '-T', 1, @scripts, '-d', $node->connstr('postgres'));
			sleep 0.1;
		}
		POSIX::_exit(0);
	}
	my $load = { folder => $folder, pid => $pid };
	push @loads, $load;
	return $load;
}

sub stop_load
{
	my ($load) = @_;
	my $pid = delete $load->{pid} or return;
	append_to_file("$load->{folder}/stop", '');
	waitpid($pid, 0);
}

# All processes of the server, the postmaster first.
sub processes
{
	my ($node) = @_;
	my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	my @children = map { split ' ', slurp_file($_) } glob "/proc/$postmaster/task/*/children";
	return ($postmaster, @children);
}

# Kills the whole server at once, without a chance to write anything.
sub crash
{
	my ($node) = @_;
	my @pids = processes($node);
	kill 'STOP', $pids[0];
	kill 'KILL', reverse processes($node);
	$node->kill9;
	my $end = time() + PATIENCE;
	while (grep { is_alive($_) } @pids)
	{
		die "processes survive SIGKILL" if time() > $end;
		sleep 0.02;
	}
	# Its number may live on until somebody collects the dead process.
	unlink $node->data_dir . '/postmaster.pid', $node->host . '/.s.PGSQL.' . $node->port . '.lock';
}

sub is_alive
{
	my ($pid) = @_;
	open(my $in, '<', "/proc/$pid/stat") or return 0;
	return (<$in> // '') !~ /^\d+ \(.*\) [ZX]/;
}

# What the server has written to its log since the offset.
sub log_between
{
	my ($node, $offset) = @_;
	return slurp_file($node->logfile, $offset);
}

1;
