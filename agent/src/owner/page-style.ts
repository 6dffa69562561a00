// How the owner's page looks, and the few lines that keep it fresh. Everything is in the page itself; the hashes of these texts
// are all that its content security policy lets in.

import { createHash } from 'node:crypto';

export const style = `
:root { color-scheme: light dark; --ground: #f4f5f7; --card: #fff; --ink: #1c2127; --soft: #5d6673; --line: #e2e5ea;
  --yours: #2f7d4f; --free: #3a63b8; --lent: #6a4fb3; --leaving: #a86410; }
@media (prefers-color-scheme: dark) { :root { --ground: #14171b; --card: #1d2127; --ink: #e8eaed; --soft: #9aa4b1;
  --line: #313740; --yours: #62c48a; --free: #8fb0f5; --lent: #b7a1f2; --leaving: #eab063; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; }
main { max-width: 44rem; margin: 0 auto; padding: 2rem 1rem 3rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1.1rem 1.4rem;
  margin-top: 1rem; }
.name { margin: 0 0 .25rem; color: var(--soft); font-size: .9rem; letter-spacing: .02em; }
h1 { margin: 0; font-size: 1.6rem; line-height: 1.25; }
h2 { margin: 0 0 .5rem; font-size: 1rem; }
.state { border-left: 6px solid var(--mood); }
.yours { --mood: var(--yours); } .free { --mood: var(--free); } .lent { --mood: var(--lent); }
.leaving { --mood: var(--leaving); }
.state h1 { color: var(--mood); }
p { margin: .4rem 0 0; }
.soft { color: var(--soft); font-size: .9rem; }
form { margin-top: 1rem; }
button { font: inherit; font-weight: 600; padding: .55rem 1.3rem; border-radius: 8px; border: 1px solid transparent;
  background: var(--ink); color: var(--card); cursor: pointer; }
button:hover { opacity: .88; } button:focus-visible { outline: 3px solid var(--free); outline-offset: 2px; }
.rows { list-style: none; margin: 0; padding: 0; }
.rows li { display: flex; gap: .25rem 1rem; justify-content: space-between; align-items: baseline; padding: .5rem 0;
  border-top: 1px solid var(--line); }
.rows li:first-child { border-top: 0; padding-top: 0; } .rows li:last-child { padding-bottom: 0; }
.rows time, .rows .soft { color: var(--soft); font-size: .9rem; white-space: nowrap; }
.rows div { min-width: 0; overflow-wrap: anywhere; }
@media (max-width: 32rem) { .rows li { flex-wrap: wrap; } }
details summary { cursor: pointer; color: var(--soft); font-size: .9rem; padding-top: .6rem; }
details ul { padding-top: .5rem !important; }
.note { border-color: var(--leaving); }
`;

export const refreshSeconds = 5;

export const script = `
const local = () => {
  for (const each of document.querySelectorAll('time'))
    each.textContent = new Date(each.dateTime).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' });
};
const refresh = async () => {
  const open = document.querySelector('details')?.open;
  const focused = document.activeElement?.name;
  try {
    const answer = await fetch('/', { headers: { accept: 'text/html' } });
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('main');
    document.querySelector('main').replaceWith(fresh);
    document.title = document.querySelector('h1').textContent;
    if (open) document.querySelector('details')?.setAttribute('open', '');
    if (focused) document.querySelector('[name="' + focused + '"]')?.focus();
  } catch {
    document.querySelector('h1').textContent = 'The agent does not answer';
  }
  local();
};
local();
setInterval(refresh, ${refreshSeconds * 1000});
`;

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

export const contentSecurityPolicy = [
  `default-src 'none'`,
  `style-src ${hashOf(style)}`,
  `script-src ${hashOf(script)}`,
  `img-src data:`,
  `connect-src 'self'`,
  `form-action 'self'`,
  `base-uri 'none'`,
  `frame-ancestors 'none'`,
].join('; ');
