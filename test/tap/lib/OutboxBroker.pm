# OutboxBroker: a private nats-server with JetStream on disk, and what its streams hold.
#
#	my $broker = OutboxBroker->new(max_payload => 8192);
#	$broker->start;
#	my @messages = $broker->messages('OUTBOX_postgres');
#
# Options: jetstream (1), max_payload, user and password, rights (of that user, as the
# configuration has them; what the tests do themselves, another user does), token, tls (a
# folder of make_certificates: the server asks for a client's certificate, too), cluster (the
# name of a node; see join_cluster).  They may
# change while it is stopped.  Its port and what it has stored outlive a restart.
package OutboxBroker;

use strict;
use warnings;
use Exporter 'import';
use File::Basename qw(dirname);
use IO::Socket::INET;
use POSIX ();
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(make_certificates);

use constant PATIENCE => 90;

my @brokers;
my @listeners;
my $tool;

# Whatever the tests do, nothing stays behind.
END
{
	local $?;
	$_->kill9 foreach @brokers;
	kill 'KILL', @listeners;
	waitpid($_, 0) foreach @listeners;
}

sub new
{
	my ($class, %options) = @_;
	my $self = bless {
		port => PostgreSQL::Test::Cluster::get_free_port(),
		home => PostgreSQL::Test::Utils::tempdir(),
		options => { jetstream => 1, %options },
	}, $class;
	build_tool();
	push @brokers, $self;
	return $self;
}

# The program that reads streams, built once.
sub build_tool
{
	return if $tool;
	$tool = PostgreSQL::Test::Utils::tempdir() . '/stream';
	my $source = dirname(__FILE__) . '/../stream.c';
	system('gcc', '-O1', '-o', $tool, $source, '-lnats') == 0 or die "stream.c does not build";
}

# Starts these brokers, made with "cluster", as the nodes of one cluster.
sub join_cluster
{
	my @nodes = @_;
	$_->{options}{route} = PostgreSQL::Test::Cluster::get_free_port() foreach @nodes;
	$_->{options}{routes} = [ map { $_->{options}{route} } @nodes ] foreach @nodes;
	$_->launch foreach @nodes;
	$_->await foreach @nodes;
}

sub change
{
	my ($self, %options) = @_;
	$self->{options} = { %{ $self->{options} }, %options };
	return $self;
}

sub port { return $_[0]{port} }
sub log { return "$_[0]{home}/nats.log" }

# For outbox.nats_url: without a login.
sub url
{
	my ($self) = @_;
	return ($self->{options}{tls} ? 'tls' : 'nats') . "://127.0.0.1:$self->{port}";
}

sub write_configuration
{
	my ($self) = @_;
	my $options = $self->{options};
	my $file = "$self->{home}/nats.conf";
	my @lines = ("listen: 127.0.0.1:$self->{port}", "log_file: '@{[$self->log]}'");
	push @lines, "jetstream { store_dir: '$self->{home}/store' }" if $options->{jetstream};
	push @lines, "server_name: $options->{cluster}", "cluster { name: test, listen: '127.0.0.1:$options->{route}', routes: [ "
	  . join(', ', map { "'nats://127.0.0.1:$_'" } @{ $options->{routes} }) . ' ] }' if $options->{cluster};
	push @lines, "max_payload: $options->{max_payload}" if $options->{max_payload};
	push @lines, "authorization { token: '$options->{token}' }" if $options->{token};
	my $user = $options->{user} ? "user: '$options->{user}', password: '$options->{password}'" : '';
	push @lines, "authorization { $user }" if $user && !$options->{rights};
	push @lines, "authorization { users: [ { $user, permissions: { $options->{rights} } }, { user: keeper, password: keeper } ] }"
	  if $options->{rights};
	push @lines, map { "tls { cert_file: '$_/server.pem', key_file: '$_/server.key', ca_file: '$_/ca.pem', verify: true }" }
	  $options->{tls} || ();
	open(my $out, '>', $file) or die "$file: $!";
	print $out map { "$_\n" } @lines;
	close $out;
	return $file;
}

sub start
{
	my ($self) = @_;
	$self->launch;
	return $self->await;
}

sub launch
{
	my ($self) = @_;
	my $file = $self->write_configuration;
	$self->{pid} = fork() // die "fork: $!";
	if ($self->{pid} == 0)
	{
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>>', $self->log);
		open(STDERR, '>&', \*STDOUT);
		exec('nats-server', '-c', $file) or POSIX::_exit(127);
	}
}

# Until it answers.
sub await
{
	my ($self) = @_;
	my $end = time() + PATIENCE;
	until ($self->answers)
	{
		die "nats-server does not start: " . slurp_file($self->log) if time() > $end;
		sleep 0.05;
	}
	return $self;
}

# Does it greet, and does JetStream answer where it should?
sub answers
{
	my ($self) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}) or return 0;
	my $greeting = <$socket>;
	return 0 unless ($greeting // '') =~ /^INFO/;
	return !$self->{options}{jetstream} || ($self->run_tool('ready'))[0];
}

sub signal
{
	my ($self, $name) = @_;
	kill $name, $self->{pid} or die "nats-server is not running";
}

sub pause { $_[0]->signal('STOP') }
sub resume { $_[0]->signal('CONT') }

sub end
{
	my ($self, $name) = @_;
	my $pid = delete $self->{pid} or return;
	kill $name, $pid;
	waitpid($pid, 0);
}

sub stop { $_[0]->end('TERM') }
sub kill9 { $_[0]->end('KILL') }

# Runs the program: (1, output) or (0, error).
sub run_tool
{
	my ($self, @words) = @_;
	my $options = $self->{options};
	my ($out, $err) = ('', '');
	my $login = $options->{rights} ? 'keeper:keeper@' : $options->{user} ? "$options->{user}:$options->{password}\@" : $options->{token} ? "$options->{token}\@" : '';
	my @tls = $options->{tls} ? map { ("--$$_[0]", "$options->{tls}/$$_[1]") } [ 'ca', 'ca.pem' ], [ 'cert', 'client.pem' ], [ 'key', 'client.key' ] : ();
	(my $url = $self->url) =~ s{//}{//$login};
	my $good = IPC::Run::run([ $tool, $url, @tls, @words ], '<', '/dev/null', '>', \$out, '2>', \$err);
	return $good ? (1, $out) : (0, $err);
}

# stream(COMMAND...): of stream.c; dies when it fails.
sub stream
{
	my ($self, @words) = @_;
	my ($good, $said) = $self->run_tool(@words);
	die "stream @words: $said" unless $good;
	return $said;
}

# Listens to a subject of core NATS from now on, until the broker ends the connection.
sub listen
{
	my ($self, $subject) = @_;
	my $options = $self->{options};
	my $listener = { file => PostgreSQL::Test::Utils::tempdir() . '/heard' };
	my $login = $options->{user} ? "$options->{user}:$options->{password}\@" : '';
	(my $url = $self->url) =~ s{//}{//$login};
	$listener->{pid} = fork() // die "fork: $!";
	if ($listener->{pid} == 0)
	{
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>', $listener->{file});
		exec($tool, $url, 'listen', $subject) or POSIX::_exit(127);
	}
	push @listeners, $listener->{pid};
	my $end = time() + PATIENCE;
	until (-e $listener->{file} && slurp_file($listener->{file}) =~ /^listening$/m)
	{
		die "nobody listens to $subject" if time() > $end;
		sleep 0.02;
	}
	return $listener;
}

# What a listener has heard so far, as messages() has it; seq numbers it.
sub heard
{
	my ($self, $listener) = @_;
	return map { read_message($_) } slurp_file($listener->{file}) =~ /^(\d+\t.*)\n/mg;
}

# The number of messages in the stream; 0 as long as there is none.
sub count
{
	my ($self, $stream) = @_;
	my ($good, $said) = $self->run_tool('info', $stream);
	return $good ? (split /\t/, $said)[0] : 0;
}

sub subjects
{
	my ($self, $stream) = @_;
	chomp(my $said = $self->stream('info', $stream));
	return (split /\t/, $said)[3];
}

# All that the stream holds, in its order: seq, subject, headers, payload, and
# from the headers id, type, aggregate_id, version, tx, index, count.
sub messages
{
	my ($self, $stream) = @_;
	return map { read_message($_) } split /\n/, $self->stream('read', $stream);
}

# The same from the sequence on, without headers: for hundreds of thousands.
sub brief
{
	my ($self, $stream, $first) = @_;
	my @columns = qw(seq subject id type aggregate_id version tx index count payload);
	my @messages;
	foreach my $line (split /\n/, $self->stream('brief', $stream, $first // 1))
	{
		my %message;
		@message{@columns} = split /\t/, $line, -1;
		$message{payload} = pack('H*', $message{payload});
		push @messages, \%message;
	}
	return @messages;
}

sub read_message
{
	my ($line) = @_;
	my ($sequence, $subject, $headers, $payload) = split /\t/, $line;
	my %header = map { split /: /, $_, 2 } split /\n/, pack('H*', $headers // '');
	my $message = { seq => $sequence, subject => $subject, headers => \%header, payload => pack('H*', $payload // '') };
	$message->{id} = $header{'Nats-Msg-Id'} // $header{'ce-id'} // '';
	$message->{type} = $header{'ce-type'} // $header{'Outbox-Type'} // '';
	$message->{aggregate_id} = $header{'ce-subject'} // $header{'Outbox-Aggregate-Id'} // '';
	$message->{aggregate_id} =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
	$message->{version} = $header{'Outbox-Aggregate-Version'};
	$message->{tx} = $header{'Outbox-Tx'};
	$message->{index} = $header{'Outbox-Tx-Index'};
	$message->{count} = $header{'Outbox-Tx-Count'};
	return $message;
}

# A folder with ca.pem, a server's and a client's certificate and key.
sub make_certificates
{
	my $folder = PostgreSQL::Test::Utils::tempdir();
	my $quiet = "2>>'$folder/openssl.log'";
	my $make = sub { system("cd '$folder' && $_[0] $quiet") == 0 or die "$_[0]: " . slurp_file("$folder/openssl.log") };
	my $key = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';
	$make->("openssl req -x509 $key -days 30 -subj /CN=test-ca -keyout ca.key -out ca.pem");
	foreach my $who (qw(server client))
	{
		$make->("openssl req $key -subj /CN=$who -keyout $who.key -out $who.csr");
		$make->("echo 'subjectAltName=IP:127.0.0.1,DNS:localhost' > $who.ext");
		$make->("openssl x509 -req -in $who.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile $who.ext -out $who.pem");
		chmod 0600, "$folder/$who.key";
	}
	return $folder;
}

1;
