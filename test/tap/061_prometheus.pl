# Metrics of all databases in Prometheus' text format: read by a parser of our own and by
# promtool, held against the views, and never falling.
use strict;
use warnings;
use File::Basename qw(dirname);
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use OutboxBroker;
use OutboxTest;

# What sessions count is made by a library of the test's own, in the same memory.
my $folder = PostgreSQL::Test::Utils::tempdir();
my $source = dirname(__FILE__) . '/../../src';
system('gcc', '-shared', '-fPIC', '-O1', '-Wl,-Bsymbolic', "-I$source", '-isystem', $ENV{SERVER_HEADERS}, '-o', "$folder/counted.so", dirname(__FILE__) . '/counted.c',
	map { "$source/infrastructure/postgres/$_.c" } qw(shared statistics)) == 0 or die 'counted.c does not build';

my $broker = OutboxBroker->new->start;
my $node = new_node('main', $broker, conf => "shared_preload_libraries = 'cleanoutbox, $folder/counted.so'");
my $odd = qq{o"d\\d\né};
my $quoted = $odd =~ s/"/""/gr;
query($node, qq{CREATE DATABASE "$quoted"});
query($node, 'CREATE DATABASE shop; CREATE DATABASE plain');
query($node, 'CREATE EXTENSION cleanoutbox', { database => 'shop' });
query($node, 'CREATE EXTENSION cleanoutbox', { database => $odd });
drained($node, 'ready', { database => $_ }) foreach 'postgres', 'shop';
eventually('the oddly named one, too', sub { (try_query($node, 'SELECT state FROM outbox.status', { database => $odd }))[1] eq 'idle' }, sub { try_query($node, 'SELECT row_to_json(s) FROM outbox.status s', { database => $odd }) });

# The samples of an exposition: {name}{labels} = value; dies at what is none.
sub parse
{
	my ($text) = @_;
	my (%samples, %type, $family);
	die 'no line feed at the end' unless $text =~ /\n\z/;
	foreach my $line (split /\n/, $text)
	{
		if ($line =~ /^# HELP ([a-z_]+) \S.*\.$/) { die "twice: $line" if $type{$1}; $family = $1; next; }
		if ($line =~ /^# TYPE ([a-z_]+) (counter|gauge|histogram)$/) { die "astray: $line" unless $1 eq $family; $type{$1} = $2; next; }
		$line =~ /^([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\]|\\["\\n])*"(?:,(?!\}))?)+)\})? (-?\d+(?:\.\d+)?)$/ or die "no sample: $line";
		my ($name, $labels, $value) = ($1, $2 // '', $3);
		die "astray: $line" unless $type{$family} && ($name eq $family || $type{$family} eq 'histogram' && $name =~ /^\Q$family\E_(?:bucket|sum|count)$/);
		die "twice: $line" if exists $samples{$name}{$labels};
		$samples{$name}{$labels} = $value;
	}
	return (\%samples, \%type);
}

sub scrape
{
	my ($where) = @_;
	my $text = query($node, 'SELECT outbox.prometheus()', $where) . "\n";
	return ($text, parse($text));
}

sub promtool_accepts
{
	my ($text, $name) = @_;
	my $said = '';
	my $good = eval { IPC::Run::run([ 'promtool', 'check', 'metrics' ], '<', \$text, '>&', \$said) };
	ok($good && $said eq '', $name) or diag($@ || $said);
}

sub emit
{
	my ($where, $action, $count) = @_;
	query($node, "SELECT count(outbox.emit('order', i::text, '$action')) FROM generate_series(1, $count) i", $where);
	drained($node, "$count events are published", $where);
}

# The state that a database is in, and that it is in one only.
sub state_of
{
	my ($samples, $database) = @_;
	my $of = $samples->{outbox_relay_state};
	return join ' ', sort map { /^database="\Q$database\E",state="(.*)"$/ && $of->{$_} ? $1 : () } keys %$of;
}

emit({}, 'placed', 30);
emit({ database => 'shop' }, 'placed', 7);
query($node, q{SELECT outbox.broadcast('order', '1', 'viewed')}, { database => 'shop' });
eventually('a broadcast is sent', sub { query($node, 'SELECT sent FROM outbox.stat_broadcast', { database => 'shop' }) == 1 });
sleep 1.1;
my ($text, $samples, $type) = scrape();
promtool_accepts($text, 'promtool accepts it');
my $escaped = 'o\"d\\\\d\né';
is(join(' ', sort map { /^database="(.*)"$/ } keys %{ $samples->{outbox_relay_up} }), "$escaped postgres shop", 'databases with the extension are shown, with their names escaped');
is($samples->{outbox_published_events_total}{'database="postgres"'}, 30, 'each with its counts');
is($samples->{outbox_published_events_total}{'database="shop"'}, 7, 'of its own');
is($samples->{outbox_published_events_total}{qq{database="$escaped"}}, 0, 'also 0');
is($samples->{outbox_event_type_published_events_total}{'database="shop",aggregate="order",action="placed"'}, 7, 'by type');
is($samples->{outbox_broadcasts_total}{'database="shop",fate="sent"'}, 1, 'broadcasts');
is(scalar(grep { $_ eq '1' } values %{ $samples->{outbox_relay_state} }), 3, 'each database is in one state');
is(state_of($samples, 'postgres'), 'idle', 'which is the right one');
is($samples->{outbox_launcher_up}{''}, 1, 'the launcher runs');
is($samples->{outbox_backlog_events}{'database="shop"'}, 0, 'nothing waits');
is($samples->{outbox_oldest_pending_seconds}{'database="shop"'} + 0, 0, 'for no time');
my ($build) = keys %{ $samples->{outbox_build_info} };
my $installed = query($node, q{SELECT extversion FROM pg_extension WHERE extname = 'cleanoutbox'});
my $postgres = query($node, 'SHOW server_version');
like($build, qr/^version="\Q$installed\E",postgresql="\Q$postgres\E",libnats="\d+\.\d+\.\d+.*"$/, 'versions are told');
is((scrape({ database => 'shop' }))[1]{outbox_published_events_total}{'database="postgres"'}, 30, 'whatever database it is called in');

# The same numbers as in the views.
my %views = map { split /=/ } split /\n/, query($node, <<'SQL');
SELECT format(E'published_events=%s\nacknowledged_events=%s\nrecalled_events=%s\nrefused_events=%s\npublished_bytes=%s\nsent_messages=%s\nconnections=%s\nchecks=%s\nretries=%s',
              published, acknowledged, recalled, refused, bytes, sent, connections, checks, retries) FROM outbox.stat_relay
SQL
is($samples->{"outbox_${_}_total"}{'database="postgres"'}, $views{$_}, "$_ as in the view") foreach sort keys %views;
my @bounds = sort { $a <=> $b } map { /^database="postgres",le="([0-9.]+)"$/ } keys %{ $samples->{outbox_latency_seconds_bucket} };
is(join(' ', map { $_ * 1e6 } @bounds), query($node, q{SELECT string_agg(upper_bound_us::text, ' ' ORDER BY upper_bound_us) FROM outbox.stat_latency}), 'the histogram has its bounds');
my @heights = map { $samples->{outbox_latency_seconds_bucket}{qq{database="postgres",le="$_"}} } map({ sprintf '%.6f', $_ } @bounds), '+Inf';
is("@heights", query($node, q{SELECT string_agg(cumulative::text, ' ' ORDER BY upper_bound_us NULLS LAST) FROM outbox.stat_latency}), 'and counts');
is($samples->{outbox_latency_seconds_count}{'database="postgres"'}, $heights[-1], 'and their number');
cmp_ok(abs($samples->{outbox_latency_seconds_sum}{'database="postgres"'} * 1000 - query($node, 'SELECT latency_sum_ms FROM outbox.stat_relay')), '<', 0.01, 'and sum');

# What sessions count.
query($node, <<"SQL");
CREATE FUNCTION count_transition(text, text, text) RETURNS void LANGUAGE c AS '$folder/counted.so';
CREATE FUNCTION count_violation(text, text) RETURNS void LANGUAGE c AS '$folder/counted.so';
SQL
query($node, q{SELECT count_transition('order', '', 'draft'), count_transition('order', 'draft', 'placed') FROM generate_series(1, 3)});
query($node, q{BEGIN; SELECT count_violation('order', 'total "positive"'); ROLLBACK});
is(query($node, 'SELECT aggregate, from_state, to_state, transitions FROM outbox.stat_transition ORDER BY 2'), "order||draft|3\norder|draft|placed|3", 'transitions are counted');
is(query($node, 'SELECT aggregate, rule, violations FROM outbox.stat_violation'), 'order|total "positive"|1', 'so is a violation, though its transaction was rolled back');
my $load = start_load($node, 8, count => '\set i random(1, 40)' . "\nSELECT count_transition('thing', (:i)::text, 'x') FROM generate_series(1, 50);\nSELECT outbox.emit('load', '1', 'run');\n");
eventually('many sessions count at once', sub { query($node, q{SELECT count(*) FROM outbox.stat_transition WHERE aggregate = 'thing'}) == 40 });
sleep 1;
stop_load($load);
my $runs = query($node, q{SELECT count(*) FROM outbox.event WHERE aggregate = 'load'});
my ($entries, $counted) = split /\|/, query($node, q{SELECT count(*), sum(transitions) FROM outbox.stat_transition WHERE aggregate = 'thing'});
is($entries, 40, 'each thing has one row');
cmp_ok($counted, '>=', $runs * 50, 'none is missed');
cmp_ok($counted, '<=', ($runs + 8) * 50, 'none is counted twice');
query($node, q{SELECT count_violation(repeat('é', 40), 'r' || i) FROM generate_series(1, 2500) i});
my ($kept, $others) = split /\|/, query($node, q{SELECT coalesce(sum(violations) FILTER (WHERE aggregate IS NOT NULL), 0), coalesce(sum(violations) FILTER (WHERE aggregate IS NULL), 0) FROM outbox.stat_violation});
is($kept + $others, 2501, 'what has no room is counted together');
cmp_ok($kept, '>', 1500, 'but most has room');
is(query($node, q{SELECT max(length(aggregate)), bool_and(aggregate ~ '^é*$') FROM outbox.stat_violation WHERE rule ~ '^r'}),
	query($node, 'SELECT getdatabaseencoding()') eq 'UTF8' ? '31|t' : '63|f', 'names are cut at a character, of the encoding that the database has');
($text, $samples) = scrape();
promtool_accepts($text, 'promtool accepts all that');
is($samples->{outbox_transitions_total}{'database="postgres",aggregate="order",from="draft",to="placed"'}, 3, 'transitions are metrics');
is($samples->{outbox_rule_violations_total}{'database="postgres",aggregate="order",rule="total \"positive\""'}, 1, 'violations, too');
is($samples->{outbox_rule_violations_total}{'database="postgres",aggregate="",rule=""'}, $others, 'and what had no room');

# Whatever happens, no counter falls.
drained($node, 'the load is published');
my (undef, $former, $kinds) = scrape();
$broker->kill9;
state_is($node, 'broker unreachable', 'the broker is away');
query($node, q{SELECT count(outbox.emit('order', i::text, 'placed')) FROM generate_series(1, 40) i});
my $scraped;
eventually('the backlog is known', sub { (undef, $scraped) = scrape(); $scraped->{outbox_backlog_events}{'database="postgres"'} == 40 }, sub { $scraped->{outbox_backlog_events} });
is(state_of($scraped, 'postgres'), 'broker unreachable', 'the state tells why');
cmp_ok($scraped->{outbox_oldest_pending_seconds}{'database="postgres"'}, '>', 0, 'the oldest event has an age');
cmp_ok($scraped->{outbox_oldest_pending_seconds}{'database="postgres"'}, '<', 120, 'a likely one');
$broker->start;
drained($node, 'the broker is back');
$node->restart;
drained($node, 'the server was restarted');
eventually('the other relays run, too', sub { (undef, $scraped) = scrape(); !grep { !$_ } values %{ $scraped->{outbox_relay_up} } });
my @lasting = grep { $kinds->{$_} eq 'counter' && !/^outbox_(?:broadcasts|transitions|rule_violations)_total$/ } keys %$kinds;
cmp_ok(scalar(@lasting), '>=', 18, 'there are counters');
my @fell;
foreach my $name (@lasting, qw(outbox_latency_seconds_bucket outbox_latency_seconds_count outbox_latency_seconds_sum))
{
	push @fell, map { "$name\{$_}: $former->{$name}{$_}, then " . ($scraped->{$name}{$_} // 'none') }
	  grep { ($scraped->{$name}{$_} // -1) < $former->{$name}{$_} } keys %{ $former->{$name} };
}
is_deeply(\@fell, [], 'none has fallen');
is($scraped->{outbox_published_events_total}{'database="postgres"'}, $broker->count('OUTBOX_postgres'), 'and the sum is right');

# Dead letters, and what waits behind them.
$broker->stream('update', 'OUTBOX_shop', 'max_msg_size=2000');
query($node, q{SELECT outbox.emit('order', 'big', 'placed', to_jsonb(repeat('x', 3000)))}, { database => 'shop' });
query($node, q{SELECT outbox.emit('order', 'big', 'paid')}, { database => 'shop' });
my @waits = qw(outbox_dead_letters outbox_blocked_aggregates outbox_waiting_events);
eventually('dead letters are known', sub { (undef, $scraped) = scrape(); join(' ', map { $scraped->{$_}{'database="shop"'} } @waits) eq '1 1 1' }, sub { [ map { $scraped->{$_} } @waits ] });
is($scraped->{outbox_event_type_refused_events_total}{'database="shop",aggregate="order",action="placed"'}, 1, 'by type as well');

# Paused, and without a relay.
query($node, 'SELECT outbox.pause()');
eventually('a paused one is shown as paused', sub { state_of((scrape())[1], 'postgres') eq 'paused' });
query($node, q{SELECT count(outbox.emit('order', i::text, 'placed')) FROM generate_series(1, 25) i});
eventually('what waits is known', sub { (undef, $scraped) = scrape(); $scraped->{outbox_backlog_events}{'database="postgres"'} == 25 }, sub { $scraped->{outbox_backlog_events} });
query($node, 'SELECT outbox.resume()');
drained($node, 'resumed');
query($node, 'ALTER DATABASE shop SET outbox.enabled = off');
$node->reload;
eventually('a disabled one is shown as disabled', sub { state_of((scrape())[1], 'shop') eq 'disabled' });
($text, $scraped) = scrape();
promtool_accepts($text, 'promtool accepts it, too');
is($scraped->{outbox_relay_up}{'database="shop"'}, 0, 'no relay');
is($scraped->{outbox_published_events_total}{'database="shop"'}, 7, 'but its counts');
ok(!exists $scraped->{outbox_backlog_events}{'database="shop"'}, 'and nothing that nobody knows');
query($node, 'DROP DATABASE shop');
eventually('a dropped one is gone', sub { (undef, $scraped) = scrape(); !grep { /"shop"/ } map { keys %$_ } values %$scraped });
query($node, 'CREATE DATABASE renamed TEMPLATE template0; CREATE DATABASE latin TEMPLATE template0 ENCODING LATIN1 LC_COLLATE "C" LC_CTYPE "C"');
query($node, 'CREATE EXTENSION cleanoutbox', { database => $_ }) foreach 'renamed', 'latin';
drained($node, 'another one', { database => $_ }) foreach 'renamed', 'latin';
query($node, 'ALTER DATABASE renamed RENAME TO "日本"');
eventually('a renamed one has its name', sub { (undef, $scraped) = scrape(); exists $scraped->{outbox_relay_up}{'database="日本"'} });
my ($good, $said) = try_query($node, 'SELECT outbox.prometheus()', { database => 'latin' });
like($said, qr/ERROR:  22P05:/, 'where its name cannot be written, an error says so');

$node->stop;
done_testing();
