# Dashboard and alert rules: what they ask for exists, and promtool accepts it.
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Copy qw(copy);
use IO::Socket::INET;
use IPC::Run;
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;
use OutboxBroker;
use OutboxTest;

my $top = dirname(__FILE__) . '/../..';
my $source = "$top/src/interface/monitoring";
my $folder = PostgreSQL::Test::Utils::tempdir();

# promtool, with this on its standard input: a test.
sub promtool_accepts
{
	my ($name, $input, @words) = @_;
	my ($out, $err) = ('', '');
	my $good = eval { IPC::Run::run([ 'promtool', @words ], '<', \$input, '>', \$out, '2>', \$err) };
	ok($good, $name) or diag($@ || "$out$err");
}

# Every expression: of the dashboard's panels and variables, and of the rules.
my $dashboard = JSON::PP::decode_json(slurp_file("$source/dashboard.json"));
my @panels = map { ($_, @{ $_->{panels} // [] }) } @{ $dashboard->{panels} };
my @asked = map { $_->{expr} } map { @{ $_->{targets} // [] } } @panels;
my $rules = slurp_file("$source/alerts.yml");
my @alerts = $rules =~ /^ +expr: (.*)$/mg;
my @lists = map { $_->{definition} // () } @{ $dashboard->{templating}{list} };
cmp_ok(scalar @asked, '>', 20, 'the dashboard asks');
cmp_ok(scalar @alerts, '>', 10, 'and so do the rules');

# What there is.
my $broker = OutboxBroker->new->start;
my $node = new_node('main', $broker, conf => q{outbox.http_listen = '0'});
query($node, q{SELECT outbox.emit('order', '42', 'placed')});
drained($node, 'an event is published');
my $address;
eventually('the endpoint listens', sub { $address = query($node, 'SELECT address FROM outbox.stat_http'); $address ne '' });
my ($host, $port) = split /:/, $address;
my $socket = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port) or die "$address: $!";
print $socket "GET /metrics HTTP/1.0\r\n\r\n";
my (undef, $metrics) = split /\r\n\r\n/, join('', <$socket>), 2;
promtool_accepts('promtool accepts the metrics', $metrics, 'check', 'metrics');

my %exists = map { $_ => 1 } $metrics =~ /^# TYPE (\S+) /mg;
foreach my $histogram ($metrics =~ /^# TYPE (\S+) histogram$/mg) { $exists{"${histogram}_$_"} = 1 foreach qw(bucket sum count) }
my %named = map { $_ => 1 } map { /\b(outbox_\w+)/g } @asked, @alerts, @lists;
is_deeply([ grep { !$exists{$_} } sort keys %named ], [], 'every metric that they name exists');
foreach my $label (qw(state fate))
{
	my %has = map { $_ => 1 } $metrics =~ /\b$label="([^"]*)"/g;
	my %wants = map { $_ => 1 } map { split /\|/ } map { /\b$label!?=~?"([^"]*)"/g } @asked, @alerts;
	is_deeply([ grep { !$has{$_} } sort keys %wants ], [], "and so does every $label");
}

# How they ask.
promtool_accepts('promtool accepts the alert rules', '', 'check', 'rules', "$source/alerts.yml");
copy($_, $folder) or die "$_: $!" foreach "$source/alerts.yml", "$top/test/monitoring/alerts_test.yml";
promtool_accepts('they fire when they should', '', 'test', 'rules', "$folder/alerts_test.yml");
my $number = 0;
my $records = "groups:\n  - name: dashboard\n    rules:\n";
foreach my $expression (@asked)
{
	(my $plain = $expression) =~ s/\$__rate_interval/5m/g;
	$plain =~ s/\$(instance|database)/.*/g;
	$plain =~ s/'/''/g;
	$records .= "      - { record: panel_@{[ ++$number ]}, expr: '$plain' }\n";
}
append_to_file("$folder/dashboard.yml", $records);
promtool_accepts('and what the dashboard asks', '', 'check', 'rules', "$folder/dashboard.yml");

# What Grafana needs to import it.
is_deeply([ grep { ($_->{type} ne 'row') && $_->{datasource}{uid} ne '${datasource}' } @panels ], [], 'every panel has the data source that was chosen');
my %ids = map { $_->{id} => 1 } @panels;
is(scalar keys %ids, scalar @panels, 'and an id of its own');
is_deeply([ grep { $_->{gridPos}{x} + $_->{gridPos}{w} > 24 } @panels ], [], 'all fit in the grid');
$node->stop;
done_testing();
