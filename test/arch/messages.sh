#!/bin/sh
# The wording of messages, as PostgreSQL's style guide has it.
. "$(dirname "$0")/tap.sh"

# Acronyms and names may begin a message in upper case.
read_messages()
{
	files '^src/.*\.c$' | xargs -r perl -e '
		use strict;
		use warnings;

		# The call that begins at this place, up to its closing parenthesis.
		sub call
		{
			my ($text) = @_;
			my $depth = 0;
			while ($text =~ /\G(?:("(?:[^"\\]|\\.)*")|(\x27(?:[^\x27\\]|\\.)*\x27)|(\()|(\))|.)/gs)
			{
				$depth++ if $3;
				return substr($text, 0, pos($text)) if $4 && --$depth == 0;
			}
			return $text;
		}

		# The text of the literals that follow KIND( in a call; undef: no literal.
		sub texts
		{
			my ($call, $kind) = @_;
			my @found;
			while ($call =~ /\b$kind(?:_internal|_plural)?\(\s*((?:"(?:[^"\\]|\\.)*"\s*|PRI\w+\s*|INT64_FORMAT\s*|UINT64_FORMAT\s*)+)/g)
			{
				(my $literals = $1) =~ s/PRI\w+|U?INT64_FORMAT/"d"/g;
				push @found, join("", $literals =~ /"((?:[^"\\]|\\.)*)"/g);
			}
			return @found;
		}

		sub offences
		{
			my ($call) = @_;
			my @bad;
			my ($level) = $call =~ /\(\s*(\w+)/;
			if ($call =~ /^elog/)
			{
				push @bad, "elog($level) where ereport is due" unless $level =~ /^(ERROR|PANIC|DEBUG\d)$/;
				push @bad, "elog(ERROR) for what can happen" if $level eq "ERROR" &&
					$call !~ /"(?:cache lookup failed|could not |cannot |unexpected|unrecognized|invalid|no |return type |SPI_|outbox\.\w+ )/;
				return @bad;
			}
			push @bad, "no errmsg" unless $call =~ /\berrmsg/;
			push @bad, "no errcode" if $level =~ /^(ERROR|FATAL|PANIC)$/ && $call !~ /\berrcode/;
			foreach my $text (texts($call, "errmsg"))
			{
				push @bad, "errmsg begins in upper case: $text" if $text =~ /^[A-Z][a-z]/ && $text !~ /^(JetStream|PostgreSQL)\b/;
				push @bad, "errmsg ends as a sentence: $text" if $text =~ /[.!]$/;
				push @bad, "errmsg has a line break: $text" if $text =~ /\\n/;
				push @bad, "errmsg names its own file or function: $text" if $text =~ /^(cleanoutbox|outbox):/;
			}
			foreach my $kind (qw(errdetail errhint))
			{
				foreach my $text (texts($call, $kind))
				{
					next if $text =~ /^%s$/;
					push @bad, "$kind begins in lower case: $text" if $text =~ /^[a-z]/ && $text !~ /^outbox\./;
					push @bad, "$kind is no sentence: $text" unless $text =~ /[.?]\)?$/;
				}
			}
			return @bad;
		}

		foreach my $file (@ARGV)
		{
			open(my $in, "<", $file) or die "$file: $!";
			local $/;
			(my $code = <$in>) =~ s{/\*.*?\*/}{ my $c = $&; $c =~ tr/\n//cd; $c }gse;
			while ($code =~ /\b(?:ereport|elog)\s*\(/g)
			{
				my $start = $-[0];
				my $line = 1 + (substr($code, 0, $start) =~ tr/\n//);
				print "$file:$line: $_\n" for offences(call(substr($code, $start)));
			}
		}' 2>&1
}

leftover_offences()
{
	files '^(src|test|sql|Makefile|README\.md|CHANGELOG\.md)' | grep -v '^test/arch/' |
		xargs -r grep -nE '\b(TODO|FIXME|XXX|HACK)\b'
}

report "messages are worded as PostgreSQL words them" "$(read_messages)"
report "nothing is left to be done later" "$(leftover_offences)"
finish
