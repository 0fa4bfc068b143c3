# Rights, logins and certificates that change: row 15.
use strict;
use warnings;
use World qw(wait_until);

# Every secret is known by this word, which must not be in any log.
my $secret = "$Verdict::CANARY-" . int(rand(1_000_000));

# The broker's accounts: an administrator, and the relay with these rights.
sub set_accounts
{
	my ($world, $password, $denied) = @_;
	my $deny = $denied ? "permissions: { publish: { deny: [\"$denied\"] } }" : '';
	$world->configure_broker(<<"END");
authorization { users: [
  { user: admin, password: "$secret-admin" }
  { user: relay, password: "$password", $deny } ] }
END
}

sub write_password
{
	my ($world, $password) = @_;
	World::write_file("$world->{home}/password", "$password\n");
	chmod 0600, "$world->{home}/password";
}

# With logins from here on, until the cycle's faults are lifted.
sub want_login
{
	my ($world) = @_;
	set_accounts($world, "$secret-1");
	write_password($world, "$secret-1");
	$world->configure('outbox.nats_user' => 'relay', 'outbox.nats_password_file' => "$world->{home}/password");
	$world->restart_broker;
	$world->reload;
	$world->{admin_url} = "nats://admin:$secret-admin\@127.0.0.1:$world->{broker_port}";
	$world->lift_later(3600, sub {
		delete $world->{admin_url};
		$world->configure_broker('');
		$world->configure('outbox.nats_user' => undef, 'outbox.nats_password_file' => undef);
		$world->restart_broker;
		$world->reload;
	});
	$world->flows(15);
}

sub reload_broker { my ($world) = @_; kill 'HUP', $world->{broker}; }

sub revoke
{
	my ($world) = @_;
	want_login($world);
	set_accounts($world, "$secret-1", 'stress.>');
	reload_broker($world);
	$world->becomes('not authorized', qr/[Pp]ermission/);
	set_accounts($world, "$secret-1");
	reload_broker($world);
	$world->flows(15);
}

sub rotate
{
	my ($world) = @_;
	want_login($world);
	set_accounts($world, "$secret-2");
	reload_broker($world);
	$world->becomes('not authorized', qr/[Aa]uthorization/);
	write_password($world, "$secret-2");
	$world->reload;
	$world->flows(15);
}

# --- TLS ----------------------------------------------------------------------

sub openssl
{
	my ($folder, $words) = @_;
	system("cd '$folder' && openssl $words >> openssl.log 2>&1") == 0 or die "openssl $words fails, see $folder/openssl.log\n";
}

# An authority and a server's certificate that it vouches for, for so many days.
sub make_certificates
{
	my ($world) = @_;
	my $folder = "$world->{home}/tls";
	my $key = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';
	return $folder if -d $folder;
	mkdir $folder;
	openssl($folder, "req -x509 $key -days 30 -subj /CN=authority -keyout ca.key -out ca.pem");
	openssl($folder, "req $key -subj /CN=server -keyout server.key -out server.csr");
	World::write_file("$folder/server.ext", "subjectAltName=IP:127.0.0.1\n");
	foreach my $row (['good', 30], ['expired', 0])
	{
		openssl($folder, "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days $row->[1] -extfile server.ext -out $row->[0].pem");
	}
	sleep 1;
	return $folder;
}

sub show_certificate
{
	my ($world, $folder, $name) = @_;
	$world->configure_broker("tls { cert_file: '$folder/$name.pem', key_file: '$folder/server.key' }");
	$world->restart_broker;
}

sub expire
{
	my ($world) = @_;
	my $folder = make_certificates($world);
	show_certificate($world, $folder, 'good');
	$world->configure('outbox.nats_url' => "tls://127.0.0.1:$world->{broker_port}", 'outbox.nats_tls_ca_file' => "$folder/ca.pem");
	$world->reload;
	$world->lift_later(3600, sub {
		$world->configure('outbox.nats_url' => undef, 'outbox.nats_tls_ca_file' => undef);
		$world->configure_broker('');
		$world->restart_broker;
		$world->reload;
	});
	$world->flows(15);
	show_certificate($world, $folder, 'expired');
	$world->becomes('misconfigured|broker unreachable', qr/expired/);
	show_certificate($world, $folder, 'good');
	$world->flows(15);
}

my $back = sub { $_[0]->flows(15) };

(
	{ row => 15, name => 'right revoked', weight => 1, inject => \&revoke, expect => $back },
	{ row => 15, name => 'password rotated', weight => 1, inject => \&rotate, expect => $back },
	{ row => 15, name => 'certificate expired', weight => 1, inject => \&expire, expect => $back },
);
