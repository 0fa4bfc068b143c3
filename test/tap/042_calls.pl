# Whatever the SQL functions are called with, they answer or refuse with a SQLSTATE: no
# crash and no internal error (XX000).
#
# Calls are random, of every function and view that there is in the schema, by a role that
# may only emit and by a superuser, in and out of transactions, with settings of the
# session that are no less random.  CALLS (4000) chooses how many, SEED which ones.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use OutboxBroker;
use OutboxTest;

my $calls = $ENV{CALLS} || 4000;
my $seed = $ENV{SEED} || int(rand(1_000_000_000));
srand($seed);
note("seed $seed, $calls calls");

my $broker = OutboxBroker->new->start;
my $node = new_node('main', $broker, create => 0, conf => 'client_connection_check_interval = 0');
query($node, 'CREATE DATABASE fuzzed');
my $where = { database => 'fuzzed' };
query($node, q{CREATE EXTENSION cleanoutbox; CREATE ROLE app; SELECT outbox.grant_emit('app')}, $where);
drained($node, 'ready', $where);

sub any { return $_[ int(rand(@_)) ] }

# Text as an SQL expression.
my @texts = (
	q{''}, q{'a.b'}, q{'a b'}, q{'*'}, q{'>'}, q{'$SYS'}, q{'$JS.API'}, q{'_INBOX'}, q{'%'},
	q{'%zz'}, q{'{}'}, q{'{"a":1}'}, q{'it''s'}, q{'a\\b'}, q{E'a\r\nPUB x 1\r\n'}, q{E'\t'}, q{E'\x01'}, q{E'\x7f'}, q{E'\u0080'}, q{E'\u07ff'},
	q{E'\u0800'}, q{E'\ufffe'}, q{E'\uffff'}, q{E'\ufeff'}, q{E'\U0001F600'}, q{E'\U0010FFFF'}, q{E'\u202e'}, q{E'e\u0301'}, q{E'\xc3\x28'},
	q{E'\xed\xa0\x80'}, q{E'\xff'}, q{E'\x00'}, q{repeat('x', 100)}, q{repeat('x', 101)}, q{repeat('x', 255)}, q{repeat('x', 256)},
	q{repeat(E'\u00e9', 127)}, q{repeat(E'\u00e9', 128)}, q{repeat('x', 16384)}, q{repeat('x', 16385)}, q{repeat('x', 1048576)},
	q{'application/json'}, q{'text/plain; charset=utf-8'}, q{'continue'}, q{'fork'}, q{'00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'});
my @documents = (
	q!'{}'!, q!'{}'!, q!'{}'!, q!'{"a":"b"}'!, q!'[]'!, q!'""'!, q!'null'!, q!'0'!, q!'-0'!, q!'1e400'!, q!'1e-400'!, q!'9223372036854775808'!, q!'{"a":'!, q!''!,
	q!'{"a":1,"a":2}'!, q!'{"":""}'!, q!'{"a":"\u0000"}'!, q!'{"a":"\ud800"}'!, q!'{"a":null,"b":true,"c":1.50}'!, q!'{"Nats-Msg-Id":"1"}'!,
	q!'{"nats-expected-last-sequence":"1"}'!, q!'{"ce-id":"1"}'!, q!'{"Outbox-Tx":"1"}'!, q!'{"a b":"1"}'!, q!'{"a:":"1"}'!, q!'{"a":"x\r\ny: z"}'!,
	q!'{"traceparent":"x"}'!, q!'{"a":[1]}'!, q!'{"a":{}}'!, q!repeat('[', 6000)::text::jsonb!, q!(repeat('[', 5000) || repeat(']', 5000))::jsonb!,
	q!(repeat('{"a":', 3000) || '1' || repeat('}', 3000))::jsonb!, q!to_jsonb(repeat('x', 1048576))!, q!jsonb_build_object('a', repeat('x', 16384))!,
	q!(SELECT jsonb_object_agg('h' || i, i) FROM generate_series(1, 64) i)!, q!(SELECT jsonb_object_agg('h' || i, i) FROM generate_series(1, 65) i)!);
my @numbers = qw(0 1 2 3 -1 42 2147483647 2147483648 -2147483649 9223372036854775807 -9223372036854775808 9223372036854775808 1e30 'NaN' 'x');
my @times = map { "'$_'" } qw(now infinity -infinity epoch 294276-12-31 4713-01-01BC tomorrow yesterday x);
my @intervals = map { "'$_'" } ('0', '1 ms', '10 ms', '-1 s', '1 us', '178000000 years', '-178000000 years', '1 month', 'x', '');
my @arrays = (q!'{}'!, q!'{NULL}'!, q!'{a,b}'!, q!'{{a,b},{c,d}}'!, q!'[5:6]={a,b}'!, q!'{order.placed}'!, q!array_fill('x'::text, ARRAY[1000])!, q!'{'!);
my @roles = (q{'app'}, q{'nobody'}, q{0}, q{4294967295}, q{10}, q{'pg_monitor'});
my @bytes = (q{''}, q{'\x00'}, q{'\xff00ff'}, q{'\xf'}, q{convert_to(repeat('x', 1048576), 'UTF8')}, q{decode(repeat('00', 70000), 'hex')});
my %pool = (
	text => \@texts, name => \@texts, jsonb => \@documents, bytea => \@bytes, interval => \@intervals, regrole => \@roles, 'text[]' => \@arrays,
	bigint => \@numbers, integer => \@numbers, numeric => \@numbers, 'timestamp with time zone' => \@times, boolean => [qw(true false 'x')],
	uuid => [ q{'6f1c1fbc-0d0f-4c58-9f3e-3c1b0d5a7e11'}, q{'x'} ]);

sub value
{
	my ($type) = @_;
	return 'NULL' if rand() < 0.03;
	# Most are legal, or nothing would get beyond the first check.
	return any(q{'order'}, q{'42'}, q{'placed'}) if $type eq 'text' && rand() < 0.75;
	my $pool = $pool{$type} // \@texts;
	return "(@{[ any(@$pool) ]})::$type";
}

# What there is: functions with how many arguments they need, and of which types.
my @functions = map { my ($name, $needed, @types) = split /\|/; { name => $name, needed => $needed, types => \@types } } split /\n/, query($node, <<'SQL', $where);
SELECT concat_ws('|', p.proname, p.pronargs - p.pronargdefaults, (SELECT string_agg(format_type(t, NULL), '|' ORDER BY n) FROM unnest(p.proargtypes) WITH ORDINALITY u(t, n)))
  FROM pg_proc p WHERE p.pronamespace = 'outbox'::regnamespace AND p.prokind = 'f' ORDER BY p.oid
SQL
my @emitting = grep { $_->{name} =~ /^(emit|emit_bytes|broadcast)$/ } @functions;
my @views = split /\n/, query($node, q{SELECT relname FROM pg_class WHERE relnamespace = 'outbox'::regnamespace AND relkind = 'v' ORDER BY 1}, $where);
my @settings = split /\n/, query($node, q{SELECT name FROM pg_settings WHERE name LIKE 'outbox.%' ORDER BY 1}, $where);
cmp_ok(scalar @functions, '>', 10, 'there are functions: ' . join ' ', map { $_->{name} } @functions);

sub call
{
	my $function = rand() < 0.5 ? any(@emitting) : any(@functions);
	my @types = @{ $function->{types} };
	my $given = $function->{needed} + int(rand(@types - $function->{needed} + 1));
	return "SELECT outbox.$function->{name}(" . join(', ', map { value($_) } @types[ 0 .. $given - 1 ]) . ');';
}

sub statement
{
	my $dice = rand();
	return call() if $dice < 0.85;
	return 'SELECT * FROM outbox.' . any(@views) . ' LIMIT 5;' if $dice < 0.88;
	return "SELECT set_config('" . any(@settings) . "', " . value('text') . ', ' . any('true', 'false') . ');' if $dice < 0.94;
	return any(q{ROLLBACK PREPARED 'p';}, q{COMMIT PREPARED 'p';}, 'COMMIT;', 'ROLLBACK TO s;') if $dice < 0.95;
	return join "\n", any('BEGIN;', 'BEGIN ISOLATION LEVEL SERIALIZABLE;', 'BEGIN READ ONLY;'), call(), 'SAVEPOINT s;', call(), any('ROLLBACK TO s;', 'RELEASE s;'), call(),
	  any('COMMIT;', 'ROLLBACK;', q{PREPARE TRANSACTION 'p';});
}

# Runs so many statements in one session; returns how often each SQLSTATE came.
sub session
{
	my ($role, $count) = @_;
	my @script = ("SET statement_timeout = '200ms';", "SET lock_timeout = '100ms';", $role ? "SET SESSION AUTHORIZATION $role;" : ());
	push @script, map { statement() } 1 .. $count;
	push @script, 'ROLLBACK;', '\echo reached the end';
	my $file = PostgreSQL::Test::Utils::tempdir() . '/calls.sql';
	append_to_file($file, join("\n", @script) . "\n");
	my $said = `psql -XAtq -v VERBOSITY=sqlstate -d '@{[ $node->connstr('fuzzed') ]}' -f '$file' 2>&1 >'$file.out'`;
	my %codes;
	$codes{$_}++ foreach $said =~ /ERROR:  (\w{5})/g;
	my $ended = slurp_file("$file.out") =~ /reached the end/;
	ok($ended, ($role // 'a superuser') . ": the session lives to its end") or diag(substr($said, -2000));
	return \%codes;
}

my $postmaster = slurp_file($node->data_dir . '/postmaster.pid');
my %codes;
my $recorded = 0;
for (my $made = 0; $made < $calls; $made += 1000)
{
	foreach my $role ('app', undef)
	{
		my $seen = session($role, 500);
		$codes{$_} += $seen->{$_} foreach keys %$seen;
	}
	# Whatever a superuser has done, the next ones find it as it was.
	query($node, q{ROLLBACK PREPARED 'p'}, $where) if query($node, 'SELECT count(*) FROM pg_prepared_xacts', $where);
	$recorded += query($node, 'SELECT count(*) FROM outbox.event', $where);
	query($node, q{DROP EXTENSION cleanoutbox; CREATE EXTENSION cleanoutbox; SELECT outbox.grant_emit('app')}, $where);
}
cmp_ok($recorded, '>', $calls / 40, "$recorded events were recorded");
note(join ', ', map { "$_ $codes{$_}" } sort { $codes{$b} <=> $codes{$a} } keys %codes);
is_deeply([ grep { /^XX/ } keys %codes ], [], 'no internal error');
ok($codes{22023} && $codes{42501}, 'illegal values and missing rights are refused');
my $log = log_between($node, 0);
is(() = $log =~ /terminated by signal|PANIC|TRAP:|server process .* exited with exit code/g, 0, 'nothing has crashed');
is(slurp_file($node->data_dir . '/postmaster.pid'), $postmaster, 'the server is the one that was started');
query($node, q{SELECT outbox.emit('order', '1', 'last')}, $where);
drained($node, 'and the relay publishes', $where);

$node->stop;
done_testing();
