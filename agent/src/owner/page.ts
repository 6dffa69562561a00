// The owner's page: what the machine does now, for whom, and since when; one button.
// Promises: pure; one file without any other, readable and usable without scripts; nothing that came from elsewhere becomes
// markup.

import { refreshSeconds, script, style } from './page-style.ts';
import type { OwnersView, Turn } from './view.ts';
import { guestWords, headline, lasting, localTime, nobodyWords, turnWords } from './words.ts';

const shownTurns = 8;

/** @param nowMs ms since the epoch. */
export function page(view: OwnersView, nowMs: number): string {
  const { mood, title, why } = headline(view);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>${text(title)}</title>
<style>${style}</style>
<noscript><meta http-equiv="refresh" content="${refreshSeconds * 2}"></noscript>
</head>
<body>
<main>
<p class="name">${text(view.machine)}</p>
<section class="state ${mood}">
<h1>${text(title)}</h1>
<p>${text(why)}</p>
<p class="soft">Since ${time(view.since)}, for ${lasting(view.since, nowMs)}.${view.active ? ' You come first: whatever else runs here is held back.' : ''}</p>
${button(view)}
</section>
<section>
<h2>What runs here, and for whom</h2>
${guests(view, nowMs)}
</section>
${view.notes.map((note) => `<section class="note"><p>${text(note)}</p></section>`).join('\n')}
<section>
<h2>What happened</h2>
${history(view.history)}
</section>
<p class="soft">Seen here: whether the machine is used. Not seen, not kept: what is typed, shown or opened, and by whom.</p>
</main>
<script>${script}</script>
</body>
</html>
`;
}

function button({ stopped }: OwnersView): string {
  const [wish, label] = stopped ? ['lend-again', 'Lend again'] : ['stop-now', 'Stop now'];
  const means = stopped ? 'It may be lent again when nobody uses it.' : 'Guests leave at once, and none comes back.';
  return `<form method="post" action="/${wish}"><button name="wish">${label}</button></form>
<p class="soft">${means}</p>`;
}

function guests(view: OwnersView, nowMs: number): string {
  if (!view.guests || view.guests.length === 0) return `<p class="soft">${text(nobodyWords(view))}</p>`;
  const rows = view.guests.map((guest) => {
    const { who, does } = guestWords(guest);
    return `<li><div><strong>${text(who)}</strong> ${does}</div><span class="soft">${lasting(guest.since, nowMs)}</span></li>`;
  });
  return `<ul class="rows">${rows.join('')}</ul>`;
}

function history(turns: readonly Turn[]): string {
  if (turns.length === 0) return '<p class="soft">Nothing yet.</p>';
  const rows = turns.map((turn) => {
    return `<li><div>${text(turnWords(turn))}</div>${time(turn.at)}</li>`;
  });
  const [shown, more] = [rows.slice(0, shownTurns), rows.slice(shownTurns)];
  const rest = `<details><summary>${more.length} more</summary><ul class="rows">${more.join('')}</ul></details>`;
  return `<ul class="rows">${shown.join('')}</ul>${more.length > 0 ? rest : ''}`;
}

/** In the machine's own time zone; a script makes it the browser's. */
function time(at: string): string {
  return `<time datetime="${text(at)}">${text(localTime(at))}</time>`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function text(raw: string): string {
  return raw.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}
