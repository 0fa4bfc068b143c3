# Random definitions of rules, and random changes of rows: what the triggers make of
# them is what a slow model of the rules, lib/rule_model.sql, says.
#
# Each world has tables of its own, twice: real ones with rules, and those of the model.
# The model takes all transactions first and says of each statement whether it is to be
# refused, and why; then the real tables take them.  After each transaction the rows
# must be the same, and in the end the events.  CHANGES (10000) chooses how many
# definitions and statements, SEED which ones; START the first world.  ALL=n goes on
# until n worlds have differed.
#
# Mutants are models with one rule wrong: the comparison must notice each.
use strict;
use warnings;
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;
use OutboxTest;
use RuleChanges;
use RuleWorld;

use constant PER_WORLD => 120;

my $changes = $ENV{CHANGES} || 10000;
my $seed = $ENV{SEED} || int(rand(1_000_000_000));
my $start = $ENV{START} || 1;
note("SEED=$seed CHANGES=$changes");

# Nobody publishes, so all events stay.
my $node = new_node('main', 'nats://127.0.0.1:1', conf => "fsync = off\noutbox.enabled = off\nlog_min_messages = fatal");
my $folder = PostgreSQL::Test::Utils::tempdir();
my $json = JSON::PP->new->canonical->allow_nonref;
my ($model) = grep { -f } map { "$_/rule_model.sql" } @INC;

query($node, 'SET client_min_messages = error; CREATE SCHEMA kinds; ' . <<'SQL');
CREATE TYPE kinds.state AS ENUM ('new', 'open', 'done', 'shut');
CREATE FUNCTION kinds.later() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF new.n % 10 = 3 THEN
		new.n := new.n + 1;
	END IF;
	RETURN new;
END $$;
-- An id is that of one row, over all partitions.
CREATE FUNCTION kinds.only_one() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	found boolean;
BEGIN
	EXECUTE format('SELECT EXISTS (SELECT FROM %I.%I t WHERE region <> $1.region AND ROW(%3$s)::text = (SELECT ROW(%4$s)::text))', TG_TABLE_SCHEMA,
		regexp_replace(TG_TABLE_NAME, '_(eu|us)$', ''), array_to_string(TG_ARGV, ', '), '$1.' || array_to_string(TG_ARGV, ', $1.')) INTO found USING new;
	IF found THEN
		RAISE unique_violation;
	END IF;
	RETURN new;
END $$;
SQL

# Runs the steps in one session; what each has said and complained of.
sub session
{
	my ($which, $settings, @steps) = @_;
	my $file = "$folder/$which.sql";
	open(my $out, '>', $file) or die "$file: $!";
	print $out "\\set VERBOSITY verbose\nSET client_min_messages = error;\n$settings\n";
	print $out "\\warn \@\@$_->{number}\n\\echo \@\@$_->{number}\n$_->{$which};\n" foreach @steps;
	print $out "\\warn \@\@end\n\\echo \@\@end\n";
	print $out "SELECT count(*) FROM pg_backend_memory_contexts WHERE name LIKE 'cleanoutbox%' OR name = 'CachedExpr';\n";
	close $out;
	system("psql -XAtq -d '@{[ $node->connstr('postgres') ]}' -f '$file' >'$file.out' 2>'$file.err'");
	return (parted(slurp_file("$file.out")), parted(slurp_file("$file.err")));
}

sub parted
{
	my ($text) = @_;
	my (undef, %parts) = split /^@@(\d+|end)\n/m, $text;
	return \%parts;
}

# What a step of the real tables was refused with; '' when it was not.
sub code_of
{
	my ($said) = @_;
	return '' unless $said =~ /(?:ERROR|FATAL|PANIC):  (\w{5}): /;
	my $code = $1;
	return '' if $code eq '25P02';
	return $said =~ /^CONSTRAINT NAME:  (.*)$/m ? "$code $1" : $code;
}

# Reasons for which the model refuses a step; none when it does not.
sub reasons_of
{
	my ($said, $kind) = @_;
	return () unless $said =~ /ERROR:  (\w{5}): (.*)/;
	my ($code, $text) = ($1, $2);
	return () if $code eq '25P02';
	return $code if $kind eq 'savepoint' && $code eq '3B001';
	return $text =~ /^refused (.*)/ ? split /, /, $1 : "the model itself: $text";
}

my %rule = map { $_ => 1 } qw(23514 40001 22003 22012 23503 0A000);

# Is this refusal among the reasons?
sub fits
{
	my ($code, @reasons) = @_;
	return $code eq '' unless @reasons;
	return 0 if $code eq '';
	my ($state) = $code =~ /^(\w+)/;
	return scalar grep { $_ eq $code || $_ eq $state || ($_ eq 'any' && $rule{$state}) } @reasons;
}

# The first step in which they differ, or undef; and how.
sub difference
{
	my ($steps, $real, $model) = @_;
	my $untold = 0;
	foreach my $step (@$steps)
	{
		my $n = $step->{number};
		return ($step, 'the session has ended') unless defined $real->[1]{$n};
		my $code = code_of($real->[1]{$n});
		my @reasons = reasons_of($model->[1]{$n} // 'ERROR:  XXXXX: it has ended', $step->{kind});
		return ($step, $code) if $code =~ /^(XX|57|58|P0)/;
		next if $step->{kind} eq 'second' || $step->{kind} eq 'undone';
		return ($step, "real: " . ($code || 'accepted') . '; model: ' . (join(', ', @reasons) || 'accepted') . "\n$real->[1]{$n}$model->[1]{$n}") unless fits($code, @reasons);
		return ($step, "rows\nreal:\n$real->[0]{$n}model:\n$model->[0]{$n}") if $step->{kind} eq 'check' && $real->[0]{$n} ne $model->[0]{$n};
	}
	return;
}

my $last_event = 0;

# What has been emitted, and what should have been, by aggregate.
sub events
{
	my ($sql) = @_;
	my %events;
	push @{ $events{"$_->{agg} $_->{id}"} }, $_ foreach map { $json->decode($_) } split /\n/, query($node, "SELECT row_to_json(e) FROM ($sql) e");
	return \%events;
}

sub event_text { my ($e) = @_; return join ' ', $e->{action}, $e->{version} // 'none', $json->encode($e->{payload}) }

# In what the events differ; steps are in order, so are the events of one row's change.
sub event_difference
{
	my $expected = events('SELECT * FROM model.expected ORDER BY step, change, n');
	my $emitted = events("SELECT id AS n, aggregate AS agg, aggregate_id AS id, action, version, convert_from(payload, 'UTF8')::jsonb AS payload FROM outbox.event WHERE id > $last_event ORDER BY n");
	$last_event = query($node, 'SELECT coalesce(max(id), 0) FROM outbox.event');
	foreach my $which (sort { $a cmp $b } keys %{ { %$expected, %$emitted } })
	{
		my @emitted = @{ $emitted->{$which} // [] };
		my @wanted = @{ $expected->{$which} // [] };
		while (@wanted || @emitted)
		{
			my $step = @wanted ? $wanted[0]{step} : 'none';
			my @of_step = grep { $_->{step} eq $step } @wanted;
			@wanted = grep { $_->{step} ne $step } @wanted;
			my @taken = splice @emitted, 0, scalar(@of_step) || scalar(@emitted);
			my ($are, $be) = map { join "\n", map { event_text($_) } @$_ } \@taken, \@of_step;
			return "events of $which, step $step\nreal:\n$are\nmodel:\n$be" unless in_order(\@taken, \@of_step);
		}
	}
	return;
}

# Are they the same, and those of each change in order?
sub in_order
{
	my ($taken, $wanted) = @_;
	my ($are, $be) = map { join "\n", sort map { event_text($_) } @$_ } $taken, $wanted;
	return 0 if $are ne $be;
	my %changes;
	push @{ $changes{ $_->{change} } }, event_text($_) foreach @$wanted;
	foreach my $texts (values %changes)
	{
		my @left = @$texts;
		foreach my $e (@$taken) { shift @left if @left && $left[0] eq event_text($e) }
		return 0 if @left;
	}
	return 1;
}

# The steps that lead to a difference, to be run by hand.
sub story
{
	my ($steps, $until) = @_;
	return join "\n", map { "-- $_->{number}\n$_->{real};" } grep { $_->{number} <= $until && $_->{kind} ne 'check' } @$steps;
}

# One world, with all that is done in it; returns what is wrong.
sub world
{
	my ($seed, $number, $mutant) = @_;
	srand($seed * 10007 + $number);
	my $world = RuleWorld->new;
	my @real = $world->tables('live', 0);
	my $tables = RuleWorld::texts($world->all_tables);
	query($node, join ";\n", 'SET client_min_messages = error', 'DROP SCHEMA IF EXISTS model, twin, live CASCADE', slurp_file($model), 'CREATE SCHEMA live', 'CREATE SCHEMA twin',
		@real, $world->tables('twin', 1), "SELECT model.take_tables($tables)");
	my $drawn = RuleChanges->new($world, $folder);
	$drawn->draw(PER_WORLD);
	my @steps = $drawn->steps;
	my @model = session('model', "SET model.mutant = '$mutant';", @steps);
	my @done = session('real', '', @steps);
	my ($step, $how) = difference(\@steps, \@done, \@model);
	my $events = $step ? undef : event_difference();
	$last_event = query($node, 'SELECT coalesce(max(id), 0) FROM outbox.event') if $step;
	my %result = (count => $drawn->{count}, refused => scalar(grep { /ERROR/ } values %{ $done[1] }), contexts => int($done[0]{end} // 0));
	$result{wrong} = "step $step->{number}: $step->{real}: $how" if $step;
	$result{wrong} = $events if $events;
	$result{story} = join ";\n", @real, story(\@steps, $step ? $step->{number} : 1e9) if $result{wrong};
	return \%result;
}

# What describes an aggregate makes it again; undef, or what is wrong.
sub rebuilt
{
	foreach my $name (split /\n/, query($node, 'SELECT aggregate FROM outbox.aggregate ORDER BY 1'))
	{
		my $described = query($node, "SELECT outbox.describe_aggregate('$name')");
		my ($good, $said) = try_query($node, "BEGIN; SELECT outbox.undefine_aggregate('$name'); $described; COMMIT");
		# Entities may have been changed while they were none.
		next if !$good && $said =~ /ERROR:  23514/;
		return "rebuilding $name: $said" unless $good;
		my $again = query($node, "SELECT outbox.describe_aggregate('$name')");
		return "described: $described\nrebuilt: $again" if $again ne $described;
	}
	return;
}

my ($made, $refused, $most, @wrong) = (0, 0, 0);
for (my $number = $start; $made < $changes; $number++)
{
	my $result = world($seed, $number, '');
	$result->{wrong} //= rebuilt();
	$made += $result->{count};
	$refused += $result->{refused};
	$most = $result->{contexts} if $result->{contexts} > $most;
	next unless $result->{wrong};
	push @wrong, $result->{wrong};
	diag("world $number, SEED=$seed START=$number: $result->{wrong}\n", $ENV{ALL} ? '' : $result->{story});
	last if @wrong >= ($ENV{ALL} // 1);
}
is(scalar @wrong, 0, "$made definitions and changes end as the model says");
cmp_ok($refused, '>', $made / 20, "$refused of them are refused");
cmp_ok($made - $refused, '>', $made / 10, 'and others are not');
cmp_ok($most, '<', 60, "a session keeps $most memory contexts at most");

# Where each is known to be noticed; worlds of this seed are the same each time.
my %mutants = (version => 1, initial => 7, guard => 22, invariant => 2, event => 3, root => 1, raise => 1);
foreach my $mutant (sort keys %mutants)
{
	my ($number, $noticed) = ($mutants{$mutant} - 1);
	$noticed = world(1, ++$number, $mutant)->{wrong} until $noticed || $number == $mutants{$mutant} + 30;
	ok($noticed, "a model with another rule, $mutant, differs in world $number");
}

# Rules that are defined again and again leave nothing in a session's memory.
query($node, 'DROP SCHEMA IF EXISTS live CASCADE; CREATE SCHEMA live; CREATE TABLE live.r (id integer PRIMARY KEY, n integer, version integer); CREATE TABLE live.e (k integer PRIMARY KEY, p integer);'
	  . "SELECT outbox.define_aggregate('a', 'live.r', 'id', 'version'), outbox.define_entity('a', 'live.e', 'p')");
my $again = <<'SQL';
SELECT outbox.define_invariant('a', 'i', 'new.n >= 0'), outbox.define_invariant('a', 'c', '(SELECT count(*) FROM live.e WHERE p = new.id) < 5', NULL, 'commit'),
	outbox.define_event('a', 'made', 'insert on live.e', 'new.k > 0', 'new.k');
INSERT INTO live.r VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = r.n + 1;
INSERT INTO live.e VALUES (1, 1);
DELETE FROM live.e;
CREATE TABLE live.t (id integer PRIMARY KEY);
SELECT outbox.define_aggregate('t', 'live.t'), outbox.define_invariant('t', 'i', 'new.id > 0');
INSERT INTO live.t VALUES (1);
DROP TABLE live.t;
SELECT outbox.undefine_invariant('a', 'i'), outbox.undefine_invariant('a', 'c'), outbox.undefine_event('a', 'made', 'insert on live.e');
SQL
my $count = "SELECT count(*), sum(total_bytes) FROM pg_backend_memory_contexts WHERE name ~ '^cleanoutbox|CachedExpr|CachedPlan|ExecutorState|ExprContext|SPI';\n";
my @kept = grep { /\|\d/ } split /\n/, query($node, 'SET client_min_messages = error;' . $again x 10 . $count . $again x 50 . $count);
is($kept[1], $kept[0], "60 times the same rules leave what 10 times have left: @kept");

query($node, 'DROP SCHEMA live CASCADE');
is(query($node, 'SELECT count(*) FROM outbox.rule_aggregate'), 0, 'dropped tables leave no aggregate');
is(() = log_between($node, 0) =~ /terminated by signal|PANIC|TRAP:|server process .* exited with exit code/g, 0, 'nothing has crashed');

$node->stop;
done_testing();
