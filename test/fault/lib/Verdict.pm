# Verdict: holds the promises against what has become of a cycle.
#
#	my $before = Verdict::mark($world);
#	... the cycle ...
#	my %found = Verdict::judge($world, $row, $crowd, $before);
#
# Nothing is believed that the extension says of itself, but that nothing is
# pending: the ledger is a table of the clients' own, the stream is read message
# by message.  A cycle is judged by what came after its mark, a world (whole) by
# all that it ever committed.
package Verdict;

use strict;
use warnings;
use Time::HiRes qw(time);
use World qw(wait_until slurp);

our @KINDS = qw(missing phantom duplicate disordered torn altered gap);

# The bounds that hold in every cycle.
use constant {
	DRAIN_SECONDS => 30,
	RELAY_MEMORY_KB => 64 * 1024,
	HELD_SNAPSHOT_MS => 5000,
	OWN_TABLES_KB => 16 * 1024,
	LOG_KB => 512 * 1024,
};

# Never part of what anybody may log: every payload and every password holds it.
our $CANARY = 'canary-4711';

# Where log, ledger and stream stand.
sub mark
{
	my ($world) = @_;
	my ($event) = $world->query('SELECT coalesce(max(event_id), 0) FROM stress.ledger');
	return {
		log => -s "$world->{home}/postgresql.log" // 0,
		event => $event // die("the ledger cannot be read\n"),
		sequence => ($world->stream_state)[2] // 0,
	};
}

# Waits until all that was committed is published; says how long it took.
sub drain
{
	my ($world) = @_;
	my $begin = time();
	my $left;
	wait_until(DRAIN_SECONDS, sub { $left = $world->value('SELECT count(*) FROM outbox.pending'); return defined $left && $left eq '0'; })
		or $world->trouble(($left // '?') . ' events are still pending after ' . DRAIN_SECONDS . ' s: ' . join(' ', $world->query('SELECT state, reason FROM outbox.status')));
	return time() - $begin;
}

# Writes the ledger from the mark on to a file; also that of another server.
sub write_ledger
{
	my ($world, $from, $file, $where) = @_;
	open(my $out, '>', $file) or die "$file: $!";
	print $out map { "$_\n" } $world->query("SELECT event_id, aggregate, aggregate_id, ordinal, xid, checksum FROM stress.ledger WHERE event_id > $from->{event} ORDER BY event_id", $where);
	close $out;
}

# Writes the stream behind a sequence to a file.  A cluster that has lost a node may
# leave a question without an answer.
sub write_stream
{
	my ($world, $sequence, $file) = @_;
	my $first = $sequence + 1;
	foreach (1 .. 4)
	{
		return if system("'$world->{work}/reader' '@{[ $world->look_url ]}' OUTBOX_stress 60 $first @{[ $world->{damaged} // '' ]} > '$file' 2>> '$world->{home}/reader.log'") == 0;
	}
	$world->trouble('the stream could not be read in full: ' . slurp("$world->{home}/reader.log"));
}

# Writes ledger and stream from the mark on and compares them; counts by kind.
sub compare
{
	my ($world, $from, $name) = @_;
	my $home = $world->{home};
	my $uuid = $world->value('SELECT uuid FROM outbox.identity') // '';
	write_ledger($world, $from, "$home/$name.ledger");
	write_stream($world, $from->{sequence}, "$home/$name.stream");
	my @files = ((map { "--former=$_" } @{$from->{former} // []}), $uuid, "$home/$name.ledger", "$home/$name.stream");
	my $text = qx('$^X' test/fault/compare @{[ map { "'$_'" } @files ]} 2>&1);
	World::write_file("$home/$name.compared", $text);
	my %found = $text =~ /^  (\w+) +(\d+)/mg;
	$world->trouble("compare: $text") unless defined $found{committed};
	$world->trouble('nothing was committed') unless $found{committed};
	return %found;
}

# What must not stand in the server's log, whatever was done to it.
sub read_log
{
	my ($world, $row, $offset) = @_;
	my $allowed = $row->{log} // qr/(?!)/;
	my ($starts, $lines) = (0, 0);
	foreach my $line (split /\n/, slurp("$world->{home}/postgresql.log", $offset))
	{
		$starts++ if $line =~ /all server processes terminated; reinitializing|starting PostgreSQL/;
		$lines++ if $line =~ /cleanoutbox (?:relay|launcher): /;
		$world->trouble("log holds a canary: " . substr($line, 0, 200)) if index($line, $CANARY) >= 0;
		next if $line =~ $allowed;
		$world->trouble("log: $line")
			if $line =~ /PANIC|TRAP:|terminated by signal (?!9\b)|cleanoutbox relay.*exited with exit code [^0]|cleanoutbox launcher.*exited with exit code [^01]|removed before it was published|cleanoutbox (?:relay|launcher): (?:ERROR|FATAL)(?!.*(?:terminating|starting up|shutting down|recovery mode))/;
	}
	$world->trouble("the server started $starts times") if $starts && !$row->{restarts};
	$world->trouble("extension wrote $lines lines to the log") if $lines > ($row->{lines} // 40);
	$world->trouble('nats-server logs a canary') if index(slurp("$world->{home}/nats.log"), $CANARY) >= 0;
}

# What watch.c has seen of the relay.
sub read_watch
{
	my ($world) = @_;
	my %seen;
	my $text = slurp("$world->{home}/watch");
	while ($text =~ /^(\w+) (\d+)$/mg) { $seen{$1} = $2 if $2 >= ($seen{$1} // 0); }
	$world->trouble("the relay took $seen{memory_kb} kB") if ($seen{memory_kb} // 0) > RELAY_MEMORY_KB;
	$world->trouble("the relay held a snapshot for $seen{snapshot_ms} ms") if ($seen{snapshot_ms} // 0) > HELD_SNAPSHOT_MS;
	$world->trouble('the relay was never watched') unless $seen{samples};
	return %seen;
}

# What the tables say when all is published.
sub look_at_tables
{
	my ($world) = @_;
	my ($row) = $world->query(<<'SQL');
SELECT (SELECT count(*) FROM outbox.dead_letter), (SELECT stream_sequence FROM outbox.cursor WHERE name = 'relay'),
       (SELECT coalesce(last_sequence, 0) FROM outbox.stat_relay), state,
       (SELECT sum(pg_total_relation_size(oid)) / 1024 FROM pg_class WHERE relnamespace = 'outbox'::regnamespace AND relkind = 'r' AND relname !~ '^event'),
       (SELECT sum(pg_total_relation_size(oid)) / 1024 FROM pg_class WHERE relnamespace = 'outbox'::regnamespace AND relkind = 'r' AND relname ~ '^event')
  FROM outbox.status
SQL
	return $world->trouble('the tables cannot be read') unless defined $row;
	my ($dead, $floor, $sequence, $state, $own, $log) = split /\t/, $row;
	my $last = ($world->stream_state)[2];
	$world->trouble("$dead dead letters") if $dead;
	$world->trouble("the cursor says sequence $floor, the relay $sequence, the stream ends at $last") if $sequence ne $last || $floor > $last;
	$world->trouble("the state is $state") unless $state =~ /^(?:idle|publishing)$/;
	$world->trouble("tables beside the log take $own kB") if $own > OWN_TABLES_KB;
	$world->trouble("the log takes $log kB") if $log > LOG_KB;
}

# Where the relay says that events stand, there they are.
sub look_at_trail
{
	my ($world, $from) = @_;
	my %event = slurp("$world->{home}/cycle.stream") =~ /^(\d+)\t[0-9a-f-]{36}-(\d+)\t/mg;
	my @places = $world->query(<<"SQL");
SELECT t.runs[i] + n, t.runs[i + 1] + n
  FROM outbox.trail t, generate_series(1, cardinality(t.runs), 3) i, generate_series(0, t.runs[i + 2] - 1) n
 WHERE t.stream = 'OUTBOX_stress' AND t.runs[i] + n > $from->{sequence}
SQL
	my @wrong = grep { my ($sequence, $id) = split /\t/; ($event{$sequence} // '') ne $id; } @places;
	$world->trouble(@wrong . ' of ' . @places . " events are not where outbox.trail says, one of them $wrong[0]") if @wrong;
	$world->trouble('outbox.trail knows no place') unless @places;
}

sub judge
{
	my ($world, $row, $crowd, $from) = @_;
	my $drained = drain($world);
	my %found = (compare($world, $from, 'cycle'), drained => $drained, read_watch($world));
	my %total = $crowd->total;
	look_at_tables($world);
	look_at_trail($world, $from) unless $row->{loose};
	read_log($world, $row, $from->{log});
	$world->trouble("$total{unexpected} unexpected errors: " . join(' ', $crowd->complaints)) if $total{unexpected};
	$world->trouble("$total{full} times there was no space") if $total{full} && !$row->{full};
	$world->trouble('nobody was told that there is no space') if $row->{full} && !$total{full} && !$total{breaks};
	account_for_others($world, \%found, $from);
	$row->{account}->($world, \%found, $from) if $row->{account};
	return (%found, %total, committed => $found{committed});
}

# What others have published is no phantom if it is exactly that; but it stays in the
# stream, so later cycles begin behind it.  An heir is fenced when, and only when,
# the stream holds what it lacks.
sub account_for_others
{
	my ($world, $found, $from) = @_;
	my ($foreign, $former) = ($from->{foreign} // 0, $found->{former} // 0);
	$world->trouble("$found->{phantom} messages are none of ours, not $foreign") if $foreign && $found->{phantom} != $foreign;
	$found->{phantom} = 0 if $foreign;
	$world->trouble("fenced: $from->{fenced}, but the stream holds $former messages that it lacks")
		if defined $from->{fenced} && !$from->{fenced} != !$former;
	$world->{base} = mark($world) if $foreign || $from->{former};
}

# All that a world has committed against all that its stream holds, since somebody
# took its stream away.
sub whole
{
	my ($world) = @_;
	my $base = $world->{base} // { event => 0, sequence => 0 };
	return unless $world->value("SELECT EXISTS (SELECT FROM stress.ledger WHERE event_id > $base->{event})") eq 't';
	return compare($world, $base, 'whole');
}

1;
