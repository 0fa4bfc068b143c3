# What an event costs the business transaction that emits it: an order is inserted and
# an account changed, with and without an event.
use strict;
use warnings;
use OutboxBench;
use OutboxBroker;
use OutboxTest;

use constant SECONDS => $ENV{SECONDS} || 2;

my $broker = OutboxBroker->new->start;
my $node = new_bench($broker);
make_shop($node);
query($node, 'SELECT outbox.pause()');
my %clients_of = (base => [ 1, 4, 16 ], emit => [ 1, 4, 16 ], minimal => [ 1, 4, 16 ], usual => [16], nothing => [16]);

sub trade
{
	my ($kind, $clients) = @_;
	query($node, 'TRUNCATE orders, minimal, usual, outbox.event; VACUUM account; CHECKPOINT');
	return pgbench($node, business($kind), $clients, SECONDS);
}

# The relay publishes at the same time, on the same machine.
sub trade_published
{
	query($node, 'SELECT outbox.resume()');
	my $rate = trade('emit', 16);
	query($node, q{SELECT outbox.flush('1 min'); SELECT outbox.pause()});
	return $rate;
}

my %measures = (published_16 => \&trade_published);
foreach my $kind (keys %clients_of)
{
	$measures{"${kind}_$_"} = do { my $clients = $_; sub { trade($kind, $clients) } } foreach @{ $clients_of{$kind} };
}
trade('emit', 4);
my %took = rounds(%measures);
foreach my $kind (qw(emit minimal usual nothing))
{
	report("business_${kind}_$_", 'transactions/s', $took{"${kind}_$_"}[0], $took{"base_$_"}[0]) foreach @{ $clients_of{$kind} };
}
report('business_published_16', 'transactions/s', $took{published_16}[0], $took{base_16}[0]);
$node->stop;
