# The server stops within two seconds, whatever the broker does.
#
# Promises: Polite.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time);
use OutboxBroker;
use OutboxTest;

my $impatient = "outbox.connect_timeout = '1s'\n";
my %conf = (plain => $impatient);
my %broker = (plain => OutboxBroker->new->start);
my $certificates = make_certificates();
$broker{TLS} = OutboxBroker->new(tls => $certificates)->start;
$conf{TLS} = $impatient . "outbox.nats_tls_ca_file = '$certificates/ca.pem'\noutbox.nats_tls_cert_file = '$certificates/client.pem'\n"
  . "outbox.nats_tls_key_file = '$certificates/client.key'";

foreach my $transport (qw(plain TLS))
{
	my $broker = $broker{$transport};
	my $node = new_node(lc $transport, $broker, conf => $conf{$transport});
	foreach my $mode (qw(smart fast immediate))
	{
		drained($node, "$transport, $mode: ready");
		$broker->pause;
		query($node, q{SELECT count(outbox.emit('bulk', (i % 10)::text, 'made', jsonb_build_object('i', i, 'fill', repeat('x', 2000)))) FROM generate_series(1, 6000) i});
		eventually('the relay waits for an answer', sub { (try_query($node, 'SELECT in_flight FROM outbox.stat_relay'))[1] =~ /^[1-9]/ });
		my $begin = time();
		$node->stop($mode);
		my $took = time() - $begin;
		cmp_ok($took, '<', 2, sprintf('%s shutdown while the broker stands still: %.1f s', $mode, $took));
		$node->start;
		state_is($node, 'broker unreachable', 'started again, it misses the broker', {}, backlog => qr/^[1-9]/);
		$begin = time();
		$node->restart;
		$took = time() - $begin;
		cmp_ok($took, '<', 4, sprintf('restart while it tries to connect: %.1f s', $took));
		$broker->resume;
	}
	drained($node, 'the broker goes on, and all is published');
	same_as_log($node, $broker, 'nothing is lost, and nothing twice', { brief => 1 });
	$node->stop;
}

done_testing();
