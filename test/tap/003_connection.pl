# A broker that is away, or wants a login or a certificate.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use OutboxBroker;
use OutboxTest;

my $broker = OutboxBroker->new;
my $node = new_node('main', $broker, conf => "outbox.connect_timeout = '2s'");
my $secrets = PostgreSQL::Test::Utils::tempdir();
my $canary = 'canary-4711';
make_things($node, 5);

sub write_secret
{
	my ($name, $text, $mode) = @_;
	unlink "$secrets/$name";
	append_to_file("$secrets/$name", "$text\n");
	chmod $mode // 0600, "$secrets/$name";
	return "$secrets/$name";
}

sub published
{
	my ($name) = @_;
	query($node, 'SELECT change(i) FROM generate_series(1, 5) i');
	drained($node, $name);
}

# Restarts the broker with other options.
sub rebuild
{
	my (%options) = @_;
	$broker->stop;
	state_is($node, 'broker unreachable', 'a broker that stops is missed');
	$broker->change(%options)->start;
}

# No broker at all, then it comes.
query($node, 'SELECT change(i) FROM generate_series(1, 5) i');
my $status = state_is($node, 'broker unreachable', 'without a broker the status says so', {}, backlog => 5);
like($status->{reason}, qr/could not connect/, 'with the reason');
like($status->{hint}, qr/outbox\.nats_url/, 'and what to do');
ok(!$status->{publishing}, 'nothing is published');
$broker->start;
drained($node, 'the broker comes, and all is published');
same_as_log($node, $broker, 'nothing is lost');

# User and password.
rebuild(user => 'outbox', password => "$canary-right");
query($node, 'SELECT change(1)');
$status = state_is($node, 'not authorized', 'without a login: not authorized', {}, backlog => 1);
like($status->{hint}, qr/outbox\.nats_user/, 'and what to do');
my $file = write_secret('password', "$canary-wrong");
set_conf($node, 'outbox.nats_user' => 'outbox', 'outbox.nats_password_file' => $file);
state_is($node, 'not authorized', 'a wrong password: not authorized', {}, backlog => 1, reason => qr/[Aa]uthorization/);
write_secret('password', "$canary-right");
$node->reload;
drained($node, 'the right password, after a reload');

# Files that others can read are not used.
write_secret('password', "$canary-right", 0644);
$node->reload;
$status = state_is($node, 'misconfigured', 'a password file for everybody is refused', {}, reason => qr/\Q$file\E.*can be accessed by others/);
query($node, 'SELECT change(2)');
chmod 0600, $file;
drained($node, 'its permissions are mended, and it goes on by itself');
unlink $file;
$node->reload;
state_is($node, 'misconfigured', 'a missing password file is told', {}, reason => qr/\Q$file\E.*cannot be opened/);
write_secret('password', "$canary-right");
drained($node, 'the file is there again');
published('and it works as before');

# Token.
rebuild(user => undef, password => undef, token => "$canary-token");
state_is($node, 'not authorized', 'a password where a token is wanted');
set_conf($node, 'outbox.nats_user' => '', 'outbox.nats_password_file' => '', 'outbox.nats_token_file' => write_secret('token', "$canary-token"));
published('a token, after a reload');

# TLS with a certificate of the client.
my $certificates = make_certificates();
rebuild(token => undef, tls => $certificates);
set_conf($node, 'outbox.nats_token_file' => '');
query($node, 'SELECT change(3)');
state_is($node, 'misconfigured', 'a server that wants TLS gets none', {}, reason => qr/secure|TLS|SSL/i);
set_conf($node, 'outbox.nats_url' => $broker->url);
state_is($node, 'misconfigured', 'a server certificate that nobody vouches for', {}, reason => qr/certificate|SSL|TLS/i);
set_conf($node, 'outbox.nats_tls_ca_file' => "$certificates/ca.pem");
state_is($node, qr/./, 'a client without a certificate is not let in', {}, reason => qr/could not connect(?!.*issuer)/, backlog => 1);
set_conf($node, 'outbox.nats_tls_cert_file' => "$certificates/client.pem", 'outbox.nats_tls_key_file' => "$certificates/client.key");
published('all certificates, after a reload');
$broker->kill9;
query($node, 'SELECT change(i) FROM generate_series(1, 5) i');
$broker->start;
drained($node, 'the connection with TLS is made again');

my @messages = same_as_log($node, $broker, 'through all of it nothing is lost');
things_are_complete($node, \@messages, 'and every change has arrived in order');
unlike(log_between($node, 0), qr/$canary/, 'no secret is in the log');
is(query($node, qq{SELECT count(*) FROM pg_settings WHERE setting ~ '$canary'}), 0, 'nor in the settings');

$node->stop;
done_testing();
