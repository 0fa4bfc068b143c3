# The live page in a browser: that it shows what is, complains of nothing, and can be
# used by keyboard, on a small screen and without the server.
#
# It leaves pictures of the page in build/check/page.
use strict;
use warnings;
use utf8;
use IO::Socket::INET;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);
use OutboxBroker;
use OutboxBrowser;
use OutboxTest;

my $broker = OutboxBroker->new->start;
my $port = PostgreSQL::Test::Cluster::get_free_port();
my $node = new_node('main', $broker, conf => "outbox.http_listen = '127.0.0.1:$port'", create => 0);
my $browser = OutboxBrowser->new;
my $pictures = $ENV{PAGES} // PostgreSQL::Test::Utils::tempdir();

sub picture { $browser->screenshot("$pictures/$_[0].png") }

sub calm { is_deeply([ $browser->complaints ], [], $_[0]) }

# What a tile of a database's card says, as a JavaScript expression.
sub tile
{
	my ($database, $tile) = @_;
	return qq{document.querySelector('article[aria-label="$database"] [data-tile=$tile] dd').firstChild.textContent};
}

sub badge { return qq{document.querySelector('article[aria-label="$_[0]"] .badge').textContent} }

sub counter
{
	my ($database, $name) = @_;
	return qq{[...document.querySelectorAll('article[aria-label="$database"] .counters div')].find(d => d.firstChild.textContent === "$name").lastChild.textContent};
}

eventually('the endpoint listens', sub { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) });
$browser->look(width => 1200, height => 800);
$browser->go("http://127.0.0.1:$port/");
$browser->wait_for('with no extension anywhere, it says so', q{document.querySelector('#note').innerText.includes('CREATE EXTENSION cleanoutbox')});
picture('empty');
calm('nothing is wrong with an empty page');

# One database, some events.
query($node, 'CREATE EXTENSION cleanoutbox');
drained($node, 'ready');
query($node, q{SELECT count(outbox.emit('order', n::text, 'placed')) FROM generate_series(1, 1234) n});
drained($node, 'events are published');
$browser->wait_for('a card comes for the database', q{document.querySelectorAll('article').length === 1});
$browser->wait_for('it is idle', badge('postgres') . ' === "✓ idle"');
$browser->wait_for('it shows how many were published', counter('postgres', 'published') . ' === "1,234"');
is($browser->value('document.querySelector("#verdict").textContent'), 'The outbox publishes', 'and a verdict');
is($browser->value('getComputedStyle(document.querySelector("#alarm")).display'), 'none', 'without an alarm');
my $load = start_load($node, 2, emit => "SELECT outbox.emit('order', '1', 'placed', jsonb_build_object('n', 1));\n");
$browser->wait_for('under load it shows a throughput', 'parseFloat(' . tile('postgres', 'rate') . ') > 0');
$browser->wait_for('and draws it', q{document.querySelector('[data-chart=rate] .curve')});
like($browser->value(q{document.querySelector('[data-chart=rate] svg').getAttribute('aria-label')}), qr/^Throughput in events per second: now /, 'and says it to who does not see');

# Everything by keyboard.
$browser->value('document.activeElement.blur()');
my %reached;
foreach (1 .. 25)
{
	$browser->press('Tab');
	my $now = $browser->value('document.activeElement.id || document.activeElement.closest("figure")?.dataset.chart || document.activeElement.tagName');
	$reached{$now} = 1;
	last if $now eq 'latency';
}
ok($reached{$_}, "Tab leads to $_") foreach qw(span hold rate lag latency);
$browser->value(q{document.querySelector('[data-chart=rate] svg').focus()});
$browser->press('ArrowLeft');
like($browser->value(q{document.querySelector('[data-chart=rate] output').textContent}), qr/^\d\d:\d\d:\d\d  [\d.,]+/, 'arrow keys read single values');
$browser->press('Escape');
$browser->value(q{document.querySelector('#hold').focus()});
$browser->press('Enter');
is($browser->value('document.querySelector("#hold").getAttribute("aria-pressed")'), 'true', 'it can be paused');
my $shown = $browser->value(counter('postgres', 'published'));
sleep 2.5;
is($browser->value(counter('postgres', 'published')), $shown, 'and then stands still');
$browser->press('Enter');
$browser->wait_for('it goes on', counter('postgres', 'published') . " !== '$shown'");

# Every size and colour.
query($node, 'CREATE DATABASE another_database_whose_name_is_quite_long');
query($node, 'CREATE EXTENSION cleanoutbox', { database => 'another_database_whose_name_is_quite_long' });
$browser->wait_for('another database comes', q{document.querySelectorAll('article').length === 2 && document.querySelectorAll('#list a').length === 2});
foreach my $width (360, 768, 1200, 2560)
{
	foreach my $scheme (qw(light dark))
	{
		$browser->look(width => $width, height => 900, scheme => $scheme, motion => 'reduce');
		sleep 1.2;
		picture("$width-$scheme");
		is($browser->value('document.documentElement.scrollWidth'), $width, "nothing is cut off at $width pixels, $scheme");
	}
	is($browser->value(q{getComputedStyle(document.querySelector('#pulse'), '::before').animationName}), 'none', 'and nothing moves where that is not wanted');
}
# The contrast of text to what is behind it, by the formula of WCAG.
my $contrast = <<'JS';
(() => {
	const channels = c => c.match(/[\d.]+/g).map(Number);
	const light = c => { const [r, g, b] = channels(c).map(v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
	const ground = n => { for (; n; n = n.parentElement) { const c = getComputedStyle(n).backgroundColor, v = channels(c); if (v.length < 4 || v[3] > 0) return c; } };
	let least = 99;
	for (const n of document.querySelectorAll('h1, h2, #verdict, .badge, .since, dt, dd, small, figcaption span, summary, footer a, #server, #pulse, #list a')) {
		const a = light(getComputedStyle(n).color), b = light(ground(n));
		least = Math.min(least, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
	}
	return least;
})()
JS
foreach my $scheme (qw(light dark))
{
	$browser->look(width => 1200, height => 900, scheme => $scheme);
	cmp_ok($browser->value($contrast), '>=', 4.5, "text can be read, $scheme");
}
calm('nothing is wrong with it under load');

# Trouble.
$broker->kill9;
$browser->wait_for('the broker is gone', badge('postgres') . ' === "▲ broker unreachable"');
like($browser->value('document.querySelector("#verdict").textContent'), qr/^2 of 2 outboxes do not publish/, 'the verdict has it');
like($browser->value('document.title'), qr/^▲ /, 'and the title');
like($browser->value(q{document.querySelector('article .why').innerText}), qr/nats-server/, 'and what to do');
picture('broker-gone');
$broker->start;
$browser->wait_for('the broker is back', badge('postgres') . q{.startsWith("✓")});
stop_load($load);
query($node, q{ALTER DATABASE another_database_whose_name_is_quite_long SET outbox.enabled = off});
$browser->wait_for('one is turned off', badge('another_database_whose_name_is_quite_long') . ' === "– disabled"');
query($node, 'DROP DATABASE another_database_whose_name_is_quite_long');
$browser->wait_for('one goes', q{document.querySelectorAll('article').length === 1});

# Dead letters.
$broker->stream('update', 'OUTBOX_postgres', 'max_msg_size=2000');
query($node, q{SELECT outbox.emit('order', 'a', 'placed', to_jsonb(repeat('x', n))) FROM unnest(ARRAY[3000, 10, 10]) n});
$browser->wait_for('a dead letter comes', tile('postgres', 'dead') . ' === "1"');
$browser->wait_for('and blocks an aggregate', tile('postgres', 'blocked') . ' === "1"');
$browser->wait_for('which asks for a decision', q{document.querySelector('#verdict').textContent === 'The outbox publishes; 1 dead letter needs a decision'});
is($browser->value(badge('postgres')), '! idle', 'without being an outage');
$browser->wait_for('and it says how many wait', q{document.querySelector('[data-tile=blocked]').innerText.includes('2 events wait')});
picture('dead-letter');
query($node, 'SELECT outbox.discard(event_id, \'for the test\') FROM outbox.dead_letter');
$browser->wait_for('decided, all is well', tile('postgres', 'dead') . ' === "0" && ' . badge('postgres') . ' === "✓ idle"');
calm('nothing is wrong with it in trouble');

# The server is gone, and comes back.
$node->stop;
$browser->wait_for('without a server it says so', q{!document.querySelector('#alarm').hidden});
like($browser->value('document.querySelector("#alarm").textContent'), qr/has not answered since \d\d:\d\d:\d\d \(it is not reachable\)/, 'since when, and why');
is($browser->value('document.querySelector("#pulse").textContent'), 'no answer', 'and no longer that it is live');
picture('server-gone');
$node->start;
$browser->wait_for('it is back by itself', q{document.querySelector('#alarm').hidden && document.querySelector('#pulse').dataset.mood === 'live'});
calm('nothing is wrong with it afterwards');

# The policy holds: what does not stand in the page does not run.
$browser->value(q{(() => { const s = document.createElement('script'); s.textContent = 'window.intruder = 1'; document.body.append(s); const i = document.createElement('img'); i.src = 'http://127.0.0.1:1/x.png'; document.body.append(i); })()});
sleep 0.5;
is($browser->value('window.intruder === undefined'), JSON::PP::true(), 'a script from elsewhere does not run');
cmp_ok(scalar(grep { /Content Security Policy/ } $browser->complaints), '>=', 2, 'and the browser says why');
$browser->quit;
$node->stop;
done_testing();
