# RuleWorld: random tables, and rules for them.
#
#	my $world = RuleWorld->new;
#	$world->tables($schema, $twin);		# the statements that make them
#	$world->define_any;					# a definition: { real => SQL, model => SQL }
#
# In statements "@." stands for the schema.  What is drawn comes from small pools, so
# that it meets.
package RuleWorld;

use strict;
use warnings;

sub any { return $_[ int(rand(@_)) ] }
sub chance { return rand() < $_[0] }

sub quoted
{
	my ($text) = @_;
	return 'NULL' unless defined $text;
	return "'" . $text =~ s/'/''/gr . "'";
}

sub texts { return 'ARRAY[' . join(', ', map { quoted($_) } @_) . ']::text[]' }

my @states = qw(new open done shut);
my %ids = (
	integer => [qw(1 2 3 4)], bigint => [qw(1 2 5000000000 -4)],
	uuid => [ map { "'6f1c1fbc-0d0f-4c58-9f3e-3c1b0d5a7e1$_'" } 1 .. 4 ], text => [ q{'a'}, q{'a/b'}, q{'50%'}, q{'it''s Ü'} ]);
sub id { return any(@{ $ids{ $_[0] } }) }
my %greatest = (smallint => 32767, integer => 2147483647, bigint => '9223372036854775807');

sub new
{
	my ($class) = @_;
	my $self = bless {}, $class;
	$self->{aggregates} = [ map { $self->draw_aggregate($_) } 1 .. any(1, 1, 2) ];
	return $self;
}

sub draw_aggregate
{
	my ($self, $n) = @_;
	my $composite = chance(0.2);
	my $a = { name => "a$n", root => "r$n", partitioned => chance(0.25), version => any(undef, qw(smallint integer bigint)), enum => chance(0.4),
		generated => chance(0.3), later => chance(0.1), names => $composite ? [ 'tenant', 'no' ] : ['id'] };
	$a->{types} = $composite ? [ 'text', 'integer' ] : [ any(sort keys %ids) ];
	$a->{entities} = [ map { $self->draw_entity($a, $_) } 1 .. any(0, 1, 1, 2) ];
	return $a;
}

sub draw_entity
{
	my ($self, $a, $n) = @_;
	my $fk = $a->{partitioned} ? '' : any('', '', '', 'DEFERRABLE INITIALLY DEFERRED', 'ON DELETE CASCADE', 'ON DELETE SET NULL', 'NO ACTION');
	return { name => $a->{root} =~ s/r/e/r . "_$n", aggregate => $a, fk => $fk, partitioned => chance(0.15), nullable => $fk =~ /NULL/ || chance(0.3),
		parent => [ map { "p_$_" } @{ $a->{names} } ] };
}

sub all_tables { return map { $_->{root}, map { $_->{name} } @{ $_->{entities} } } @{ $_[0]{aggregates} } }

# The tables, in a schema; those of the model's have its columns and triggers.
sub tables
{
	my ($self, $schema, $twin) = @_;
	my $more = $twin ? ", rid bigint NOT NULL DEFAULT nextval('model.rid'), ticks integer NOT NULL DEFAULT 0" : '';
	my $loud = $twin ? 'WHEN (model.loud())' : '';
	my @all;
	foreach my $a (@{ $self->{aggregates} })
	{
		my @ids = map { "$a->{names}[$_] $a->{types}[$_] NOT NULL" } 0 .. $#{ $a->{names} };
		my @version = $a->{version} ? "version $a->{version}" : ();
		my @generated = $a->{generated} ? 'g integer GENERATED ALWAYS AS (n * 2) STORED' : ();
		my $state = $a->{enum} ? 'kinds.state' : 'text';
		my $key = join ', ', @{ $a->{names} }, $a->{partitioned} ? 'region' : ();
		push @all, "CREATE TABLE $schema.$a->{root} (" . join(', ', @ids, 'region text NOT NULL DEFAULT \'eu\'', 'n integer DEFAULT 0', "state $state DEFAULT 'new'", @version,
			'amount numeric', 'note text', @generated, "PRIMARY KEY ($key)", 'CHECK (n < 100)') . "$more)" . ($a->{partitioned} ? ' PARTITION BY LIST (region)' : '');
		push @all, partitions($schema, $a->{root}, $twin) if $a->{partitioned};
		push @all, "CREATE TRIGGER aaa_only BEFORE INSERT ON $schema.$a->{root} FOR EACH ROW EXECUTE FUNCTION kinds.only_one(" . join(', ', @{ $a->{names} }) . ')' if $a->{partitioned};
		push @all, "CREATE TRIGGER zzz_later BEFORE UPDATE ON $schema.$a->{root} FOR EACH ROW $loud EXECUTE FUNCTION kinds.later()" if $a->{later};
		push @all, "CREATE TRIGGER tick BEFORE UPDATE ON $schema.$a->{root} FOR EACH ROW $loud EXECUTE FUNCTION model.tick()" if $twin;
		push @all, map { $self->entity_table($schema, $twin, $_) } @{ $a->{entities} };
	}
	return @all;
}

# Of one of them the columns stand in another order.
sub partitions
{
	my ($schema, $table, $twin) = @_;
	return ("CREATE TABLE $schema.${table}_eu PARTITION OF $schema.$table FOR VALUES IN ('eu')",
		"CREATE TABLE $schema.${table}_us (gone integer, LIKE $schema.$table INCLUDING ALL); ALTER TABLE $schema.${table}_us DROP gone;
		ALTER TABLE $schema.$table ATTACH PARTITION $schema.${table}_us FOR VALUES IN ('us')");
}

sub entity_table
{
	my ($self, $schema, $twin, $e) = @_;
	my $a = $e->{aggregate};
	my @parents = map { "p_$a->{names}[$_] $a->{types}[$_]" . ($e->{nullable} ? '' : ' NOT NULL') } 0 .. $#{ $a->{names} };
	my @fk = $e->{fk} eq '' ? () : 'FOREIGN KEY (' . join(', ', @{ $e->{parent} }) . ") REFERENCES $schema.$a->{root} " . ($e->{fk} eq 'NO ACTION' ? '' : $e->{fk});
	my $more = $twin ? ", rid bigint NOT NULL DEFAULT nextval('model.rid'), ticks integer NOT NULL DEFAULT 0" : '';
	my $key = $e->{partitioned} ? 'k, region' : 'k';
	return ("CREATE TABLE $schema.$e->{name} (" . join(', ', 'k integer NOT NULL', "region text NOT NULL DEFAULT 'eu'", @parents, 'qty integer', 'label text', "PRIMARY KEY ($key)", @fk) . "$more)"
		  . ($e->{partitioned} ? ' PARTITION BY LIST (region)' : ''),
		($e->{partitioned} ? partitions($schema, $e->{name}, $twin) : ()),
		($twin ? "CREATE TRIGGER tick BEFORE UPDATE ON $schema.$e->{name} FOR EACH ROW WHEN (model.loud()) EXECUTE FUNCTION model.tick()" : ()));
}

# Definitions.

sub define
{
	my ($self, $real, $model) = @_;
	return { real => "SELECT outbox.$real", model => "SELECT model.$model" };
}

# Expressions over a root's rows; those that are illegal come with their SQLSTATE.
sub root_condition
{
	my ($a) = @_;
	return any([ 'new.nope > 1', '42703' ], [ 'new.n >', '42601' ], [ '(SELECT true)', '0A000' ], [ 'count(*) > 0', '42803' ], [ 'new.n', '42804' ], [ 'nope(new.n)', '42883' ]) if chance(0.06);
	return [ any('new.n >= 0', 'new.n IS NOT NULL', 'new.n < 40', 'old.n IS NULL OR new.n >= old.n - 5', 'new.amount <> 3', 'length(new.note) < 6', '10 / new.n >= 0',
			"new.region = 'eu' OR new.n < 30", 'old IS NULL OR new IS DISTINCT FROM old', "new.state::text <> 'shut' OR new.n > 2",
			'old.n IS DISTINCT FROM new.n + 1', $a->{generated} ? 'new.g < 70' : 'true', $a->{version} ? 'new.version <> 5' : 'new.note IS DISTINCT FROM \'x\'') ];
}

sub commit_condition
{
	my ($a) = @_;
	my $e = @{ $a->{entities} } ? any(@{ $a->{entities} }) : undef;
	return [ any('new.n <> 7', "new.note IS DISTINCT FROM 'bad'", 'new.n >= 0 OR new.n IS NULL') ] if !$e || chance(0.2);
	my $mine = join ' AND ', map { "l.p_$_ = new.$_" } @{ $a->{names} };
	return [ any("(SELECT coalesce(sum(l.qty), 0) FROM \@.$e->{name} l WHERE $mine) <= 12", "(SELECT count(*) FROM \@.$e->{name} l WHERE $mine) <= 3",
			"NOT EXISTS (SELECT FROM \@.$e->{name} l WHERE $mine AND l.qty > coalesce(new.n, 0) + 6)") ];
}

sub define_any
{
	my ($self) = @_;
	my $a = any(@{ $self->{aggregates} });
	my $name = quoted($a->{name});
	my $dice = rand();
	return $self->define_aggregate($a) if $dice < 0.1;
	return $self->define_entity($a) if $dice < 0.2;
	return $self->define_states($a) if $dice < 0.45;
	if ($dice < 0.65)
	{
		my $at = chance(0.4) ? 'commit' : 'row';
		my ($expression, $illegal) = @{ $at eq 'row' ? root_condition($a) : commit_condition($a) };
		my ($i, $text) = ('i' . int(rand(5)), quoted($expression));
		return $self->define("define_invariant($name, '$i', $text, " . any('NULL', q{'It is {so}.'}) . ", '$at')", "define_invariant(@{[ quoted($illegal) ]}, $name, '$i', $text, '$at')");
	}
	return $self->define_event($a) if $dice < 0.88;
	my $column = any('note', 'amount', 'region', 'nope');
	my $illegal = $column eq 'nope' ? "'42703'" : 'NULL';
	return $self->define("define_immutable($name, '$column')", "define_immutable($illegal, $name, '$column')");
}

sub define_aggregate
{
	my ($self, $a, $legal) = @_;
	my ($id, $version, $illegal) = (join(', ', @{ $a->{names} }), $a->{version} ? 'version' : undef);
	my $name = quoted($a->{name});
	if (!$legal && chance(0.2))
	{
		($id, $illegal) = any([ 'n', '42830' ], [ 'nope', '42703' ], [ 'region', '42830' ]) ->@*;
		($id, $version, $illegal) = (join(', ', @{ $a->{names} }), any([ 'note', '42804' ], [ 'nope', '42703' ])->@*) if chance(0.5);
	}
	my $greatest = $a->{version} ? $greatest{ $a->{version} } : 'NULL';
	return $self->define("define_aggregate($name, '\@.$a->{root}', '$id', @{[ quoted($version) ]})",
		"define_aggregate(@{[ quoted($illegal) ]}, $name, '$a->{root}', @{[ texts(@{ $a->{names} }) ]}, @{[ quoted($version) ]}, $greatest)");
}

sub define_entity
{
	my ($self, $a, $e) = @_;
	$e //= any(@{ $a->{entities} }, { name => $a->{root}, parent => $a->{names} });
	my ($parent, $illegal) = (join(',', @{ $e->{parent} }));
	($parent, $illegal) = any([ 'nope', '42703' ], [ "$parent, qty", $e->{name} eq $a->{root} ? '42703' : '42804' ])->@* if chance(0.1);
	return $self->define("define_entity('$a->{name}', '\@.$e->{name}', '$parent')", "define_entity(@{[ quoted($illegal) ]}, '$a->{name}', '$e->{name}', @{[ texts(@{ $e->{parent} }) ]})");
}

sub define_states
{
	my ($self, $a) = @_;
	my $name = quoted($a->{name});
	if (chance(0.3))
	{
		my @initial = chance(0.95) ? ('new', grep { chance(0.3) } 'open', 'done') : ();
		my ($column, $illegal) = @initial ? ('state') : ('state', '22023');
		($column, $illegal) = ('nope', '42703') if !$illegal && chance(0.05);
		return $self->define("define_lifecycle($name, '$column', @{[ texts(@initial) ]})", "define_lifecycle(@{[ quoted($illegal) ]}, $name, '$column', @{[ texts(@initial) ]})");
	}
	my ($from, $to, $action) = (any(@states), any(@states), any(undef, 'moved', 'went'));
	my ($guard, $illegal) = chance(0.7) ? () : @{ root_condition($a) };
	($to, $illegal) = ('nowhere', '22P02') if !$illegal && $a->{enum} && chance(0.05);
	($action, $illegal) = ('a b', '22023') if !$illegal && chance(0.03);
	my $rest = join ', ', map { quoted($_) } $from, $to, $action, $guard;
	return $self->define("define_transition($name, $rest)", "define_transition(@{[ quoted($illegal) ]}, $name, $rest)");
}

# A lifecycle that can be gone through.
sub define_course
{
	my ($self, $a) = @_;
	my $name = quoted($a->{name});
	my @course = (['new', 'open'], ['open', 'done'], ['open', 'shut'], ['done', 'open']);
	return ($self->define("define_lifecycle($name, 'state', '{new}')", "define_lifecycle(NULL, $name, 'state', '{new}')"), map {
		my $rest = join ', ', map { quoted($_) } @$_, any(undef, 'moved', 'went'), any(undef, undef, 'new.n > 1');
		$self->define("define_transition($name, $rest)", "define_transition(NULL, $name, $rest)") } @course);
}

sub define_event
{
	my ($self, $a) = @_;
	my $e = chance(0.5) ? any(@{ $a->{entities} }) : undef;
	my ($op, $action) = (any(qw(insert update delete)), any(qw(made changed gone noted)));
	my $row = $op eq 'delete' ? 'old' : 'new';
	my $number = $e ? 'qty' : 'n';
	my ($condition, $illegal) = chance(0.6) ? () : (any("$row.$number > 1", "old.$number IS DISTINCT FROM new.$number", 'true', "NOT $row.region = 'us'"));
	($condition, $illegal) = any([ 'old.nope = 1', '42703' ], [ 'new.region', '42804' ], [ 'now() ->', '42601' ])->@* if chance(0.05);
	my $payload = any(undef, undef, "$row.$number", "to_jsonb($row)", "jsonb_build_object('n', new.$number, 'o', old.$number)", "'it''s'::text", 'NULL::jsonb', "ROW($row.$number, 'x')");
	my $source = $e ? $e->{name} : $a->{root};
	my $on = $op . ($e ? " on \@.$source" : '');
	my $rest = join ', ', map { quoted($_) } $condition, $payload;
	return $self->define("define_event('$a->{name}', '$action', '$on', $rest)", "define_event(@{[ quoted($illegal) ]}, '$a->{name}', '$action', '$op', '$source', $rest)");
}

sub undefine_any
{
	my ($self) = @_;
	my $a = any(@{ $self->{aggregates} });
	my $name = "'$a->{name}'";
	my $dice = rand();
	return $self->undefine("aggregate($name)", 'agg', "name = $name") if $dice < 0.06;
	return $self->undefine("lifecycle($name)", 'life', "agg = $name") if $dice < 0.2;
	if ($dice < 0.3)
	{
		my $e = any(@{ $a->{entities} }, { name => $a->{root} });
		return $self->undefine("entity($name, '\@.$e->{name}')", 'ent', "agg = $name AND entity = '$e->{name}'");
	}
	if ($dice < 0.5)
	{
		my $i = "'i" . int(rand(5)) . "'";
		return $self->undefine("invariant($name, $i)", 'inv', "agg = $name AND name = $i");
	}
	if ($dice < 0.6)
	{
		my $column = quoted(any('note', 'amount', 'region'));
		return $self->undefine("immutable($name, $column)", 'imm', "agg = $name AND col = $column");
	}
	if ($dice < 0.8)
	{
		my ($from, $to) = map { quoted(any(@states)) } 1 .. 2;
		return $self->undefine("transition($name, $from, $to)", 'trans', "agg = $name AND old_state = $from AND new_state = $to");
	}
	my ($op, $action, $source) = (any(qw(insert update delete)), quoted(any(qw(made changed gone noted))), any($a->{root}, map { $_->{name} } @{ $a->{entities} }));
	return $self->undefine("event($name, $action, '$op on \@.$source')", 'evt', "agg = $name AND action = $action AND op = '$op' AND source = '$source'");
}

sub undefine
{
	my ($self, $call, $kind, $where) = @_;
	return $self->define("undefine_$call", "undefine('$kind', @{[ quoted($where) ]})");
}

1;
