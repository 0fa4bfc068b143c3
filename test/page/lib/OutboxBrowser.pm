# OutboxBrowser: a headless Chromium, driven over a pipe by its DevTools protocol.
#
#	my $browser = OutboxBrowser->new;
#	$browser->look(width => 360, height => 800, scheme => 'dark');
#	$browser->go('http://127.0.0.1:9187/');
#	$browser->wait_for('the page has a card', 'document.querySelectorAll("article").length > 0');
#	is($browser->value('document.title'), 'cleanoutbox');
#	is_deeply([ $browser->complaints ], []);
#	$browser->screenshot('page.png');
package OutboxBrowser;

use strict;
use warnings;
use File::Temp qw(tempdir);
use IO::Select;
use JSON::PP ();
use MIME::Base64 qw(decode_base64);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use constant PATIENCE => 60;

my @quiet = qw(--headless --disable-gpu --no-sandbox --disable-quic --no-first-run --disable-background-networking
  --disable-component-update --disable-sync --disable-extensions --disable-dev-shm-usage --hide-scrollbars --remote-debugging-pipe);
my @browsers;

END
{
	local $?;
	$_->quit foreach @browsers;
}

sub new
{
	my ($class) = @_;
	my $self = bless { number => 0, complaints => [], pending => '', home => tempdir(CLEANUP => 1) }, $class;
	pipe(my $commands, $self->{out}) or die "pipe: $!";
	pipe($self->{in}, my $answers) or die "pipe: $!";
	$self->{pid} = fork() // die "fork: $!";
	if ($self->{pid} == 0)
	{
		my ($from, $to) = (fileno $commands, fileno $answers);
		# The browser reads from descriptor 3 and writes to 4.
		($from, $to) = (POSIX::dup2($from, 20), POSIX::dup2($to, 21));
		POSIX::dup2($from, 3);
		POSIX::dup2($to, 4);
		open(STDOUT, '>', "$self->{home}/log") and open(STDERR, '>&', \*STDOUT);
		$ENV{HOME} = $self->{home};
		exec('chromium', @quiet, "--user-data-dir=$self->{home}/profile", 'about:blank') or POSIX::_exit(127);
	}
	close $commands;
	close $answers;
	$self->{out}->autoflush(1);
	push @browsers, $self;
	my ($target) = grep { $_->{type} eq 'page' } @{ $self->ask('Target.getTargets')->{targetInfos} };
	$self->{session} = $self->ask('Target.attachToTarget', targetId => $target->{targetId}, flatten => JSON::PP::true())->{sessionId};
	$self->ask($_) foreach qw(Page.enable Runtime.enable Log.enable Network.enable);
	return $self;
}

sub quit
{
	my ($self) = @_;
	my $pid = delete $self->{pid} or return;
	kill 'KILL', $pid;
	waitpid($pid, 0);
}

# One command; what it returns.  What happens meanwhile is noted.
sub ask
{
	my ($self, $method, %arguments) = @_;
	my $number = ++$self->{number};
	my $command = { id => $number, method => $method, params => \%arguments };
	$command->{sessionId} = $self->{session} if $self->{session};
	print { $self->{out} } JSON::PP->new->utf8->encode($command), "\0";
	my $end = time() + PATIENCE;
	while (1)
	{
		my $said = $self->hear($end - time()) or die "the browser does not answer to $method";
		next unless ($said->{id} // 0) == $number;
		die "$method: $said->{error}{message}" if $said->{error};
		return $said->{result};
	}
}

# The next message, or undef when none has come in time.
sub hear
{
	my ($self, $seconds) = @_;
	while ($self->{pending} !~ /\0/)
	{
		return undef unless IO::Select->new($self->{in})->can_read($seconds > 0 ? $seconds : 0);
		sysread($self->{in}, $self->{pending}, 65536, length $self->{pending}) or die 'the browser has ended';
	}
	$self->{pending} =~ s/^([^\0]*)\0//;
	my $said = JSON::PP->new->utf8->decode($1);
	$self->notice($said);
	return $said;
}

# What a developer would find in red; an answer that does not come is the test's own doing.
sub notice
{
	my ($self, $said) = @_;
	my ($method, $with) = ($said->{method} // '', $said->{params});
	push @{ $self->{complaints} }, $with->{exceptionDetails}{exception}{description} // $with->{exceptionDetails}{text}
	  if $method eq 'Runtime.exceptionThrown';
	push @{ $self->{complaints} }, join ' ', map { $_->{value} // $_->{description} // '' } @{ $with->{args} }
	  if $method eq 'Runtime.consoleAPICalled' && $with->{type} =~ /^(error|warning|assert)$/;
	push @{ $self->{complaints} }, "$with->{entry}{text} " . ($with->{entry}{url} // '')
	  if $method eq 'Log.entryAdded' && $with->{entry}{level} =~ /^(error|warning)$/ && $with->{entry}{text} !~ /net::ERR_/;
}

# Errors and violations of the page's policy since it was asked last.
sub complaints
{
	my ($self) = @_;
	my $complaints = $self->{complaints};
	$self->{complaints} = [];
	return @$complaints;
}

sub look
{
	my ($self, %how) = @_;
	$self->ask('Emulation.setDeviceMetricsOverride', width => $how{width} + 0, height => $how{height} + 0, deviceScaleFactor => 1, mobile => JSON::PP::false());
	my @features = map { { name => $_->[0], value => $_->[1] } } [ 'prefers-color-scheme', $how{scheme} // 'light' ], [ 'prefers-reduced-motion', $how{motion} // 'no-preference' ];
	$self->ask('Emulation.setEmulatedMedia', features => \@features);
}

sub go
{
	my ($self, $url) = @_;
	my $went = $self->ask('Page.navigate', url => $url);
	die "$url: $went->{errorText}" if $went->{errorText};
}

# The value of an expression in the page.
sub value
{
	my ($self, $expression) = @_;
	my $result = $self->ask('Runtime.evaluate', expression => $expression, returnByValue => JSON::PP::true(), awaitPromise => JSON::PP::true());
	die "$expression: $result->{exceptionDetails}{exception}{description}" if $result->{exceptionDetails};
	return $result->{result}{value};
}

# A test: the expression becomes true.
sub wait_for
{
	my ($self, $name, $expression) = @_;
	my $end = time() + PATIENCE;
	until ($self->value("!!($expression)"))
	{
		if (time() > $end)
		{
			ok(0, $name);
			my $said = "still not so: $expression; the page says: " . ($self->value('document.body.innerText') // '');
			utf8::encode($said) if utf8::is_utf8($said);
			diag($said);
			return 0;
		}
		sleep 0.1;
	}
	return ok(1, $name);
}

sub press
{
	my ($self, $key) = @_;
	my @key = (key => $key, code => $key);
	push @key, windowsVirtualKeyCode => { Tab => 9, Enter => 13, ArrowLeft => 37, ArrowRight => 39, Escape => 27 }->{$key};
	push @key, text => "\r" if $key eq 'Enter';
	$self->ask('Input.dispatchKeyEvent', type => 'keyDown', @key);
	$self->ask('Input.dispatchKeyEvent', type => 'keyUp', @key[ 0 .. 5 ]);
}

# The whole page as a PNG file.
sub screenshot
{
	my ($self, $file) = @_;
	my $image = $self->ask('Page.captureScreenshot', format => 'png', captureBeyondViewport => JSON::PP::true());
	open(my $out, '>:raw', $file) or die "$file: $!";
	print $out decode_base64($image->{data});
	close $out;
}

1;
