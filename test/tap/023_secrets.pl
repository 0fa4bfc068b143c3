# Secrets are in their files, and nowhere else.
#
# Promises: Polite.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use OutboxBroker;
use OutboxTest;

my $canary = 'canary4711';
my $folder = PostgreSQL::Test::Utils::tempdir();
my $broker = OutboxBroker->new(user => 'outbox', password => "$canary-password")->start;
my $node = new_node('main', $broker, conf => "log_min_messages = debug2\nlog_error_verbosity = verbose\nlog_connections = on");

sub write_secret
{
	my ($name, $text) = @_;
	unlink "$folder/$name";
	append_to_file("$folder/$name", "$text\n");
	chmod 0600, "$folder/$name";
	return "$folder/$name";
}

my %none = map { ("outbox.nats_$_" => '') } qw(user password_file token_file nkey_seed_file credentials_file tls_key_file tls_cert_file);
$none{'outbox.nats_tls'} = 'off';

my %right = ('outbox.nats_user' => 'outbox', 'outbox.nats_password_file' => write_secret('right', "$canary-password"));

# Tries to log in with these settings, which the broker refuses, or which are not even
# legal; and then with those that are right.
sub attempt
{
	my ($name, %settings) = @_;
	set_conf($node, %none, %right);
	query($node, q{SELECT outbox.emit('order', '1', 'placed')});
	drained($node, 'the right password');
	set_conf($node, %none, %settings);
	query($node, q{SELECT outbox.emit('order', '1', 'placed')});
	state_is($node, qr/^(not authorized|misconfigured|broker unreachable)$/, $name, {}, reason => qr/./);
	my $row = query($node, 'SELECT s::text || r::text || a::text FROM outbox.status s, outbox.stat_relay r, pg_stat_activity a WHERE backend_type ~ $$relay$$');
	unlike($row, qr/$canary/, 'and nothing of it is shown');
}

my $key = "-----BEGIN PRIVATE KEY-----\n$canary-key\n-----END PRIVATE KEY-----";
my $jwt = "-----BEGIN NATS USER JWT-----\n$canary-jwt\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\nSU$canary-seed\n------END USER NKEY SEED------";
attempt('a wrong password', 'outbox.nats_user' => 'outbox', 'outbox.nats_password_file' => write_secret('wrong', "$canary-wrong"));
attempt('a token', 'outbox.nats_token_file' => write_secret('token', "$canary-token"));
attempt('a malformed seed', 'outbox.nats_nkey_seed_file' => write_secret('seed', "SU$canary"));
attempt('malformed credentials', 'outbox.nats_credentials_file' => write_secret('creds', $jwt));
attempt('a malformed key', 'outbox.nats_tls' => 'on', 'outbox.nats_tls_key_file' => write_secret('key', $key), 'outbox.nats_tls_cert_file' => write_secret('cert', "$canary-cert"));

# Who sees where the files are.
my @files = map { "outbox.nats_$_" } qw(password_file token_file nkey_seed_file credentials_file tls_key_file user);
query($node, 'CREATE ROLE ordinary; CREATE ROLE watcher IN ROLE pg_monitor');
my $names = join ', ', map { "'$_'" } @files;
is(query($node, "SET ROLE ordinary; SELECT count(*) FROM pg_settings WHERE name IN ($names)"), 0, 'an ordinary role does not see the settings that name secrets');
foreach my $file (@files)
{
	my ($good, $said) = try_query($node, "SET ROLE ordinary; SHOW $file");
	like($said, qr/ERROR:  42501:/, "nor does SHOW $file");
}
unlike(query($node, "SET ROLE watcher; SELECT string_agg(s::text, ' ') FROM pg_settings s"), qr/$canary/, 'a monitor sees their names, never what is in them');
foreach my $view (split /\n/, query($node, q{SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'outbox'::regnamespace AND c.relkind = 'v'}))
{
	my ($good, $said) = try_query($node, "SET ROLE ordinary; SELECT * FROM $view");
	like($said, qr/ERROR:  42501:/, "an ordinary role does not read $view");
}

unlike(log_between($node, 0), qr/$canary/, 'no secret is in the log, however much is logged');
$node->stop;
is(`grep -rl $canary '@{[$node->data_dir]}'`, '', 'nor in any file of the server');
done_testing();
