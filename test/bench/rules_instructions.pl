# The same costs as rules.pl, and what an event costs its transaction, as instructions
# that callgrind counts: they do not depend on what else the machine does.
#
# The server is one process here, without a launcher that would give databases their slots
# (max_worker_processes: as few as there can be), and ends a dump after each statement.
use strict;
use warnings;
use IPC::Run;
use OutboxBench;
use OutboxBroker;
use OutboxTest;
use OutboxTwins;
use PostgreSQL::Test::Utils;

use constant TRANSACTIONS => 300;

my %rows = (single => 200, single_event => 200, lines => 100);
my $change = 'UPDATE bare.quiet SET total = total + 1 WHERE id = i';
my $document = "jsonb_build_object('id', i, 'total', 42.50, 'currency', 'EUR', 'lines', jsonb_build_array(1, 2, 3))";
my %emits = (
	none => $change,
	ours => "$change; PERFORM outbox.emit('order', i::text, 'placed', $document)",
	minimal => "$change; INSERT INTO minimal (topic, payload) VALUES ('order.placed', $document)",
	usual => "$change; INSERT INTO usual (aggregate, aggregate_id, type, payload) VALUES ('order', i::text, 'placed', $document)");
my $outboxes = <<'SQL';
CREATE TABLE minimal (id bigserial PRIMARY KEY, topic text NOT NULL, payload jsonb NOT NULL);
CREATE TABLE usual (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), aggregate text NOT NULL, aggregate_id text NOT NULL, type text NOT NULL,
	payload jsonb NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), published_at timestamptz);
CREATE INDEX ON usual (created_at) WHERE published_at IS NULL;
SQL

if (system('valgrind --version > /dev/null 2>&1') != 0)
{
	print "# valgrind is not installed\n";
	exit 0;
}
my $broker = OutboxBroker->new->start;
my $node = new_bench($broker);
query($node, $_) foreach $outboxes, map { twin_tables($_) } TWINS;
$node->stop;

my @statements; # what is run, in this order
my %place; # of what is counted
foreach my $case (CASES)
{
	foreach my $twin (TWINS)
	{
		my $count = $rows{$case} // 1_000;
		# the first run makes what a session makes once
		push @statements, preparation($case, $twin, $count), statement($case, $twin, $count) foreach 1 .. 2;
		$place{$case}{$twin} = { at => $#statements, count => $count };
	}
}
push @statements, preparation('single', 'bare', TRANSACTIONS);
foreach my $name (sort keys %emits)
{
	push @statements, loop($emits{$name}) foreach 1 .. 2;
	$place{emit}{$name} = { at => $#statements, count => TRANSACTIONS };
}

my @counted = count(@statements);
foreach my $case (CASES)
{
	my %cost = costs($case, 'bare');
	report("rules_${case}_instructions", 'instructions/row', [ $cost{ours} ], [ $cost{plpgsql} ]);
}
my %cost = costs('emit', 'none');
report("emit_instructions_$_", 'instructions', [ $cost{ours} ], [ $cost{$_} ]) foreach qw(minimal usual);

sub loop
{
	my ($body) = @_;
	return "DO \$\$ BEGIN FOR i IN 1 .. @{[ TRANSACTIONS ]} LOOP $body; COMMIT; END LOOP; END \$\$";
}

# What each of a case's takes beyond the one without.
sub costs
{
	my ($case, $without) = @_;
	my %places = %{ $place{$case} };
	my %took = map { ($_ => $counted[ $places{$_}{at} ] / $places{$_}{count}) } keys %places;
	return map { ($_ => $took{$_} - $took{$without}) } keys %took;
}

# Instructions of each statement.
sub count
{
	my @run = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir();
	my $input = join '', map { s/\n/ /gr . "\n" } @run;
	my ($postgres) = grep { -x } map { "$_/postgres" } split /:/, $ENV{PATH};
	my $said;
	IPC::Run::run([ qw(valgrind --quiet --tool=callgrind --dump-before=ReadyForQuery), "--callgrind-out-file=$folder/counts", $postgres, '--single',
			'-D', $node->data_dir, qw(-c synchronous_commit=off -c autovacuum=off -c max_worker_processes=1 postgres) ],
		'<', \$input, '>&', \$said) or die $said;
	die $said if $said =~ /ERROR|FATAL/;
	return map { instructions("$folder/counts." . ($_ + 2)) } 0 .. $#run;
}

sub instructions
{
	my ($file) = @_;
	my ($total) = slurp_file($file) =~ /^totals: (\d+)/m or die "$file tells no total";
	return $total;
}
