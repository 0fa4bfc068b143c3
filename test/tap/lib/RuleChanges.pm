# RuleChanges: random statements and transactions over a RuleWorld's tables.
#
#	my $changes = RuleChanges->new($world, $folder);
#	$changes->draw($count);			# until so many definitions and statements are there
#	$changes->steps;				# { number, kind, real => SQL, model => SQL }
#
# A kind is "begin", "change", "define", "savepoint", "end" or "check".
package RuleChanges;

use strict;
use warnings;

use RuleWorld;

sub any { return $_[ int(rand(@_)) ] }
sub chance { return rand() < $_[0] }

sub new
{
	my ($class, $world, $folder) = @_;
	return bless { world => $world, folder => $folder, files => 0, steps => [], count => 0, prepared => 0 }, $class;
}

sub steps { return @{ $_[0]{steps} } }

sub add
{
	my ($self, $kind, $real, $model) = @_;
	my $number = @{ $self->{steps} } + 1;
	$self->{count}++ if $kind eq 'change' || $kind eq 'define';
	push @{ $self->{steps} }, { number => $number, kind => $kind, real => $real =~ s/\@\./live./gr, model => $model =~ s/\bSTEP\b/$number/gr };
}

sub draw
{
	my ($self, $count) = @_;
	my $world = $self->{world};
	foreach my $a (@{ $world->{aggregates} })
	{
		$self->definitions($world->define_aggregate($a, 1), map { $world->define_entity($a, $_) } @{ $a->{entities} });
		$self->definitions(chance(0.6) ? $world->define_course($a) : (), map { $world->define_any } 1 .. 6);
	}
	while ($self->{count} < $count)
	{
		if (chance(0.12)) { $self->definitions(map { chance(0.7) ? $world->define_any : $world->undefine_any } 1 .. any(1, 1, 2)) }
		elsif (chance(0.3)) { $self->alone }
		else { $self->transaction }
	}
}

# Each in a transaction of its own, or rolled back.
sub definitions
{
	my ($self, @definitions) = @_;
	foreach my $d (@definitions)
	{
		$self->add('begin', 'BEGIN', 'BEGIN');
		$self->add('define', $d->{real}, $d->{model});
		$self->finish(chance(0.1) ? 'ROLLBACK' : 'COMMIT');
	}
}

# Without BEGIN: the statement is the transaction.
sub alone
{
	my ($self) = @_;
	local $self->{alone} = 1;
	my $c = $self->statement;
	$self->add('change', $c->{real}, "BEGIN; $c->{model}; SELECT model.finish(STEP); COMMIT");
	$self->check;
}

sub transaction
{
	my ($self) = @_;
	my $depth = 0;
	$self->add('begin', 'BEGIN' . any('', '', ' ISOLATION LEVEL REPEATABLE READ'), 'BEGIN');
	$self->set_immediate(1) if chance(0.1);
	foreach (1 .. any(1, 2, 2, 3, 3, 4, 6))
	{
		my $dice = rand();
		if ($dice < 0.15) { $self->both('savepoint', 'SAVEPOINT s' . ++$depth) }
		elsif ($dice < 0.25 && $depth > 0)
		{
			$self->both('savepoint', "ROLLBACK TO s$depth");
		}
		elsif ($dice < 0.3 && $depth > 0) { $self->both('savepoint', "RELEASE s$depth"); $depth-- }
		elsif ($dice < 0.35) { $self->set_immediate(any(0, 1)) }
		elsif ($dice < 0.39) { $self->redefine }
		my $c = $self->statement;
		$self->add('change', $c->{real}, $c->{model});
		# What fails in a savepoint need not end the transaction.
		$self->both('savepoint', "ROLLBACK TO s$depth") if $depth > 0 && chance(0.3);
	}
	$self->finish(chance(0.15) ? 'ROLLBACK' : chance(0.15) ? 'PREPARE' : 'COMMIT');
}

sub both
{
	my ($self, $kind, $sql) = @_;
	$self->add($kind, $sql, $sql);
}

sub set_immediate
{
	my ($self, $wanted) = @_;
	$self->add('savepoint', 'SET CONSTRAINTS ALL ' . ($wanted ? 'IMMEDIATE' : 'DEFERRED'), "SELECT model.set_immediate(STEP, @{[ $wanted ? 'true' : 'false' ]})");
}

# Rules that change in the middle, and change back.
sub redefine
{
	my ($self) = @_;
	my $d = $self->{world}->define_any;
	$self->both('savepoint', 'SAVEPOINT redefined');
	$self->{count}++;
	$self->add('undone', $d->{real}, 'SELECT 1');
	$self->both('savepoint', 'ROLLBACK TO redefined');
	$self->both('savepoint', 'RELEASE redefined');
}

sub finish
{
	my ($self, $how) = @_;
	if ($how eq 'ROLLBACK') { $self->both('end', 'ROLLBACK') }
	elsif ($how eq 'COMMIT') { $self->add('end', 'COMMIT', 'SELECT model.finish(STEP); COMMIT') }
	else
	{
		my $name = 'p' . ++$self->{prepared};
		my $second = chance(0.8) ? 'COMMIT' : 'ROLLBACK';
		$self->add('end', "PREPARE TRANSACTION '$name'", "SELECT model.finish(STEP); $second");
		$self->add('second', "$second PREPARED '$name'", 'SELECT 1');
	}
	$self->check;
}

# All rows are to be the same now.
sub check
{
	my ($self) = @_;
	my $tables = RuleWorld::texts($self->{world}->all_tables);
	$self->add('check', "SELECT model.contents('live', $tables)", "SELECT model.contents('twin', $tables)");
}

# Statements.

sub statement
{
	my ($self) = @_;
	my $a = any(@{ $self->{world}{aggregates} });
	my $e = @{ $a->{entities} } ? any(@{ $a->{entities} }) : undef;
	my $dice = rand();
	return $self->truncation($a) if $dice < 0.015;
	my $sql = $e && $dice < 0.45 ? $self->entity_statement($e) : $e && $dice < 0.5 ? $self->of_both($a, $e) : $self->root_statement($a);
	return $self->plain($sql);
}

sub plain
{
	my ($self, $sql) = @_;
	return { real => $sql, model => "SELECT model.run(STEP, \$q\$$sql\$q\$)" };
}

# It must not have anything deferred before it.
sub truncation
{
	my ($self, $a) = @_;
	my ($table, @emptied) = any([ $a->{root}, $a->{root} ], map { [ $_->{name}, $_->{name} ] } @{ $a->{entities} })->@*;
	my $cascade = chance(0.5) ? ' CASCADE' : '';
	my $tables = RuleWorld::texts(@emptied, $cascade && $table eq $a->{root} ? map { $_->{name} } grep { $_->{fk} ne '' } @{ $a->{entities} } : ());
	$table .= '_us' if $table eq $a->{root} && $a->{partitioned} && chance(0.5);
	$self->set_immediate($_) foreach $self->{alone} ? () : (1, 0);
	return { real => "TRUNCATE \@.$table$cascade", model => "SELECT model.run_truncate(STEP, 'TRUNCATE \@.$table$cascade', $tables)" };
}

sub id_values { my ($a) = @_; return map { RuleWorld::id($_) } @{ $a->{types} } }

sub number { return any(0, 1, 1, 2, 2, 3, 3, 4, 5, 7, 9, 13, 25, 45, -1, 'NULL') }
sub text { return any(q{'x'}, q{'bad'}, q{'longer text'}, q{'Ü'}, 'NULL') }
sub region { return any(q{'eu'}, q{'us'}) }
sub state { return any(q{'new'}, q{'open'}, q{'open'}, q{'done'}, q{'shut'}, chance(0.1) ? 'NULL' : q{'done'}) }

# Columns of a root with values for a new row.
sub root_row
{
	my ($a, %given) = @_;
	my %row = (region => region(), n => number(), state => chance(0.93) ? q{'new'} : state(), note => text(), amount => any('NULL', 1, '2.50', 3));
	@row{ @{ $a->{names} } } = id_values($a);
	$row{version} = any(1, 1, 'NULL', 5, 32766, 32767, 2147483647) if $a->{version} && $given{version};
	$row{version} = 32767 if $a->{version} && $given{version} && $a->{version} eq 'smallint' && $row{version} ne 'NULL' && $row{version} > 32767;
	return \%row;
}

sub root_columns
{
	my ($a, $versioned) = @_;
	return (@{ $a->{names} }, 'region', 'n', 'state', 'note', 'amount', $versioned ? 'version' : ());
}

# Which root; now and then several.
sub root_where
{
	my ($a) = @_;
	return any('true', 'n > 2', "region = 'eu'", 'n IS NULL OR n < 5') if chance(0.25);
	my @values = id_values($a);
	return join ' AND ', map { "$a->{names}[$_] = $values[$_]" } 0 .. $#values;
}

sub root_sets
{
	my ($a, $table) = @_;
	my $old = $table ? "$table." : '';
	my @sets;
	push @sets, 'n = ' . any(number(), number(), "${old}n + 1", "${old}n") if chance(0.5);
	push @sets, 'state = ' . state() . ($a->{enum} ? '::kinds.state' : '') if chance(0.5);
	push @sets, 'note = ' . text() if chance(0.15);
	push @sets, 'amount = ' . any('1.0', '1', 'NULL', '3') if chance(0.15);
	push @sets, 'region = ' . region() if chance($a->{partitioned} ? 0.4 : 0.1);
	push @sets, 'version = ' . any(("${old}version + 1") x 5, ("${old}version") x 3, "${old}version - 1", 'NULL', 3, 2) if $a->{version} && chance(0.4);
	if (chance(0.06)) { my $n = int(rand(@{ $a->{names} })); push @sets, "$a->{names}[$n] = " . (id_values($a))[$n] }
	push @sets, "n = ${old}n" unless @sets;
	return join ', ', @sets;
}

sub place
{
	my ($table, $partitioned) = @_;
	return $partitioned && chance(0.15) ? $table . any('_eu', '_us') : $table;
}

sub root_statement
{
	my ($self, $a) = @_;
	my $table = '@.' . place($a->{root}, $a->{partitioned});
	my @columns = root_columns($a, $a->{version} && chance(0.3));
	my $versioned = grep { $_ eq 'version' } @columns;
	my $key = join ', ', @{ $a->{names} }, $a->{partitioned} ? 'region' : ();
	my $dice = rand();
	return "UPDATE $table SET " . root_sets($a) . ' WHERE ' . root_where($a) if $dice < 0.45;
	return "DELETE FROM $table WHERE " . root_where($a) if $dice < 0.55;
	my @rows = map { root_row($a, version => $versioned) } 1 .. any(1, 1, 2, 3);
	return $self->copy($table, \@columns, \@rows) if $dice < 0.6;
	my $values = values_of($a, \@columns, \@rows);
	my $insert = "INSERT INTO $table (" . join(', ', @columns) . ") VALUES $values";
	return $insert if $dice < 0.75;
	return "$insert ON CONFLICT " . (chance(0.5) ? "($key) " : '') . 'DO NOTHING' if $dice < 0.8;
	if ($dice < 0.9)
	{
		my $upsert = "INSERT INTO $table AS t (" . join(', ', @columns) . ") VALUES $values ON CONFLICT ($key) DO UPDATE SET ";
		return $upsert . any(root_sets($a, 't'), 'n = excluded.n', 'n = excluded.n, state = excluded.state') . any('', '', ' WHERE t.n > 1');
	}
	my $match = join ' AND ', map { "t.$_ = v.$_" } @{ $a->{names} };
	my $typed = join ', ', map { my $c = $_; cast_of($a, $c) } @columns;
	return "MERGE INTO $table t USING (SELECT $typed FROM (VALUES $values) w (" . join(', ', @columns) . ")) v ON $match"
	  . any('', ' WHEN MATCHED AND t.n > 4 THEN DELETE') . ' WHEN MATCHED THEN ' . any('UPDATE SET ' . root_sets($a, 't'), 'UPDATE SET n = v.n', 'DO NOTHING')
	  . any('', ' WHEN NOT MATCHED THEN INSERT (' . join(', ', @columns) . ') VALUES (' . join(', ', map { "v.$_" } @columns) . ')');
}

sub type_of
{
	my ($a, $column) = @_;
	my %types = (n => 'integer', amount => 'numeric', version => $a->{version}, state => $a->{enum} ? 'kinds.state' : 'text');
	@types{ @{ $a->{names} } } = @{ $a->{types} };
	return $types{$column} // 'text';
}

sub cast_of
{
	my ($a, $column) = @_;
	return "$column\::" . type_of($a, $column) . " AS $column";
}

sub values_of
{
	my ($a, $columns, $rows) = @_;
	return join ', ', map { my $row = $_; '(' . join(', ', map { "$row->{$_}::" . type_of($a, $_) } @$columns) . ')' } @$rows;
}

# COPY from a file that both read.
sub copy
{
	my ($self, $table, $columns, $rows) = @_;
	my $file = "$self->{folder}/copy" . ++$self->{files};
	open(my $out, '>', $file) or die "$file: $!";
	foreach my $row (@$rows)
	{
		print $out join("\t", map { my $v = $row->{$_}; $v eq 'NULL' ? '\\N' : $v =~ /^'(.*)'$/s ? $1 =~ s/''/'/gr : $v } @$columns), "\n";
	}
	close $out;
	return "COPY $table (" . join(', ', @$columns) . ") FROM '$file'";
}

sub entity_row
{
	my ($e) = @_;
	my %row = (k => int(rand(8)), region => region(), qty => number(), label => text());
	@row{ @{ $e->{parent} } } = id_values($e->{aggregate});
	$row{ $e->{parent}[0] } = 'NULL' if chance($e->{nullable} ? 0.15 : 0.02);
	return \%row;
}

sub entity_where
{
	my ($e) = @_;
	return any('true', 'qty > 2', "region = 'eu'") if chance(0.1);
	return 'k ' . any('= ', '= ', '> ', '< ') . int(rand(8)) if chance(0.6);
	my @values = id_values($e->{aggregate});
	return join ' AND ', map { "$e->{parent}[$_] = $values[$_]" } 0 .. $#values;
}

sub entity_sets
{
	my ($e, $table) = @_;
	my $old = $table ? "$table." : '';
	my $row = entity_row($e);
	my @sets = ('qty = ' . any(number(), "${old}qty + 1", "${old}qty"));
	push @sets, map { "$_ = $row->{$_}" } @{ $e->{parent} } if chance(0.3);
	push @sets, 'region = ' . region() if chance($e->{partitioned} ? 0.4 : 0.1);
	return join ', ', @sets;
}

sub entity_statement
{
	my ($self, $e) = @_;
	my $a = $e->{aggregate};
	my $table = '@.' . place($e->{name}, $e->{partitioned});
	my @columns = ('k', 'region', @{ $e->{parent} }, 'qty', 'label');
	my $dice = rand();
	return "UPDATE $table SET " . entity_sets($e) . ' WHERE ' . entity_where($e) if $dice < 0.3;
	return "DELETE FROM $table WHERE " . entity_where($e) if $dice < 0.42;
	my @rows = map { entity_row($e) } 1 .. any(1, 1, 2, 3);
	return $self->copy($table, \@columns, \@rows) if $dice < 0.5;
	my $values = entity_values($e, \@columns, \@rows);
	my $key = $e->{partitioned} ? 'k, region' : 'k';
	my $insert = "INSERT INTO $table AS t (" . join(', ', @columns) . ") VALUES $values";
	return $insert . any('', '', " ON CONFLICT ($key) DO NOTHING", " ON CONFLICT ($key) DO UPDATE SET " . any(entity_sets($e, 't'), 'qty = excluded.qty')) if $dice < 0.9;
	return "MERGE INTO $table t USING (VALUES $values) v (" . join(', ', @columns) . ') ON t.k = v.k' . any('', ' WHEN MATCHED AND t.qty > 4 THEN DELETE')
	  . ' WHEN MATCHED THEN UPDATE SET ' . entity_sets($e, 't') . ' WHEN NOT MATCHED THEN INSERT (' . join(', ', @columns) . ') VALUES (' . join(', ', map { "v.$_" } @columns) . ')';
}

sub entity_values
{
	my ($e, $columns, $rows) = @_;
	my %types = (k => 'integer', qty => 'integer');
	@types{ @{ $e->{parent} } } = @{ $e->{aggregate}{types} };
	return join ', ', map { my $row = $_; '(' . join(', ', map { "$row->{$_}::" . ($types{$_} // 'text') } @$columns) . ')' } @$rows;
}

# One statement that changes root and entity.  None that deletes the root: it may come
# before or after the entity, and which is not defined.
sub of_both
{
	my ($self, $a, $e) = @_;
	my @columns = ('k', 'region', @{ $e->{parent} }, 'qty', 'label');
	my @new = root_columns($a);
	my $row = root_row($a);
	my $entity = entity_row($e);
	my @ids = @{ $a->{names} };
	@$entity{ @{ $e->{parent} } } = @$row{@ids};
	my $this = join ' AND ', map { "$_ = $row->{$_}" } @ids;
	my $its = join ' AND ', map { "p_$_ = $row->{$_}" } @ids;
	my $root = any('INSERT INTO @.' . "$a->{root} (" . join(', ', @new) . ') VALUES ' . values_of($a, \@new, [$row]), ('UPDATE @.' . "$a->{root} SET " . root_sets($a) . " WHERE $this") x 2);
	my $line = any(('INSERT INTO @.' . "$e->{name} (" . join(', ', @columns) . ') VALUES ' . entity_values($e, \@columns, [$entity])) x 2,
		'UPDATE @.' . "$e->{name} SET qty = 2 WHERE $its", 'DELETE FROM @.' . "$e->{name} WHERE $its");
	return any("WITH w AS ($root) $line", "WITH w AS ($line) $root");
}

1;
