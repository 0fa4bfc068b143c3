# Transactions that last, are prepared, or see their own time.
#
# Promises: Atomic, Never skipped.
use strict;
use warnings;
use Test::More;
use OutboxBroker;
use OutboxTest;

my $broker = OutboxBroker->new->start;
my $node = new_node('main', $broker);
make_things($node, 60);
drained($node, 'ready');

sub arrived
{
	my ($id) = @_;
	return scalar @{ versions_of($broker->messages('OUTBOX_postgres'))->{$id} // [] };
}

# A long transaction beside thousands of short ones.
my @long = map { $node->background_psql('postgres', on_error_stop => 1) } 1 .. 3;
$long[0]->query_safe('BEGIN; SELECT change(58)');
$long[1]->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT change(59)');
$long[2]->query_safe('BEGIN; SAVEPOINT s; SELECT change(60); RELEASE s');
my $changes = '\set i random(1, 50)' . "\n" . 'SELECT change(:i);';
my $serializable = '\set i random(1, 50)' . "\nBEGIN ISOLATION LEVEL SERIALIZABLE;\nSELECT sum(n) FROM thing WHERE id % 10 = :i % 10;\nSELECT change(:i);\nCOMMIT;";
my $repeatable = '\set i random(1, 50)' . "\nBEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT change(:i);\nSAVEPOINT s;\nSELECT change(51 + :i % 5);\nROLLBACK TO s;\nCOMMIT;";
$node->pgbench('-n -c 6 -t 500', 0, [qr/processed/], [], 'thousands of short transactions pass',
	{ 'short@6' => $changes, 'serializable@1' => $serializable, 'repeatable@1' => $repeatable });
drained($node, 'all of them are published while the long ones last');
my @messages = same_as_log($node, $broker, 'nothing is missing or invented');
cmp_ok(scalar @messages, '>', 1500, 'they are thousands');
is(arrived(58) + arrived(59) + arrived(60), 0, 'nothing of the long ones has arrived');
$long[0]->query_safe('SELECT change(57); COMMIT');
drained($node, 'the first long one is published');
is(arrived(58) . arrived(57), '11', 'after its commit, as a whole');
$long[1]->query_safe('ROLLBACK');
$long[2]->query_safe('COMMIT');
query($node, 'SELECT change(59)');
drained($node, 'the others, too');
is(arrived(59) . arrived(60), '11', 'one had been rolled back');
$_->quit foreach @long;

# Serializable sessions that conflict: one must fail, and leaves nothing.
my ($one, $two) = map { $node->background_psql('postgres', on_error_stop => 0) } 1 .. 2;
$one->query('BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT sum(n) FROM thing; SELECT change(1)');
$two->query('BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT sum(n) FROM thing; SELECT change(2)');
$one->query_safe('COMMIT');
my (undef, $failed) = $two->query('COMMIT');
ok($failed, 'of two serializable transactions one fails');
$_->quit foreach $one, $two;
drained($node, 'the other is published');

# Two-phase commit, also across a restart.
foreach my $name (qw(keep drop late))
{
	my $id = { keep => 52, drop => 53, late => 54 }->{$name};
	query($node, "BEGIN; SELECT change($id); SAVEPOINT s; SELECT change(55); ROLLBACK TO s; SELECT change($id); PREPARE TRANSACTION '$name'");
}
query($node, 'SELECT change(56)');
drained($node, 'beside prepared transactions others are published');
is(arrived(52) + arrived(53) + arrived(54), 0, 'nothing of the prepared ones');
query($node, q{COMMIT PREPARED 'keep'});
query($node, q{ROLLBACK PREPARED 'drop'});
drained($node, 'COMMIT PREPARED publishes');
is(arrived(52) . arrived(53) . arrived(55), '200', 'and ROLLBACK PREPARED does not');
$node->restart;
drained($node, 'after a restart', {});
is(arrived(54), 0, 'a prepared transaction still waits');
query($node, q{COMMIT PREPARED 'late'});
drained($node, 'it is committed and published');
is(arrived(54), 2, 'as a whole');

@messages = same_as_log($node, $broker, 'the stream holds the log, each transaction in one piece');
things_are_complete($node, \@messages, 'every change has arrived in order');

$node->stop;
done_testing();
