// What an owner reads, on the page and in a terminal.
import { describe, expect, it } from '@jest/globals';
import { presenceReasons, type PresenceReason } from '../presence/decide.ts';
import { contentSecurityPolicy } from './page-style.ts';
import { page } from './page.ts';
import type { Guest, OwnersView, Turn } from './view.ts';
import { headline, inWords, lasting } from './words.ts';

const now = Date.UTC(2026, 2, 4, 12);
const ago = (minutes: number): string => new Date(now - minutes * 60_000).toISOString();
const guest: Guest = { namespace: 'physics', job: 'lattice', state: 'running', since: ago(75) };

function view(reason: PresenceReason, o: Partial<OwnersView> = {}): OwnersView {
  const present = !['Idle', 'Dedicated', 'LendsAlways'].includes(reason);
  const presence = { present, reason, message: '' };
  const rest = { since: ago(3), active: false, stopped: false, guests: [], history: [], notes: [] };
  return { machine: 'pc-4', presence, ...rest, ...o };
}

describe('the headline', () => {
  it.each<[string, OwnersView, string, string]>([
    ['an owner at work', view('Input'), 'yours', 'This machine is yours'],
    [
      'an owner who came back',
      view('Input', { guests: [guest] }),
      'leaving',
      'This machine is yours; a guest is leaving',
    ],
    ['an empty desk', view('Idle'), 'free', 'This machine may be lent'],
    ['a guest', view('Idle', { guests: [guest] }), 'lent', 'This machine is lent to a guest'],
    ['guests', view('Idle', { guests: [guest, guest] }), 'lent', 'This machine is lent to 2 guests'],
  ])('tells of %s', (_what, seen, mood, title) => {
    expect(headline(seen)).toMatchObject({ mood, title });
  });

  it('has a sentence for every reason', () => {
    const whys = presenceReasons.map((reason) => headline(view(reason)).why);
    expect(new Set(whys).size).toBe(presenceReasons.length);
    for (const why of whys) expect(why).toMatch(/^[A-Z].*\.$/);
  });

  it.each([
    [0.5, '30 s'],
    [59, '59 min'],
    [61, '1 h 1 min'],
    [60 * 24 * 3, '3 days'],
    [-5, '0 s'],
  ])('counts %s minutes as %s', (minutes, words) => {
    expect(lasting(ago(minutes), now)).toBe(words);
  });
});

describe('the command line', () => {
  it('says the state, who runs here, and what came before', () => {
    const history: Turn[] = [{ at: ago(3), present: false, reason: 'Idle' }];
    const words = inWords(view('Idle', { guests: [guest], history, notes: ['no lock'] }), now);
    expect(words).toContain('pc-4: This machine is lent to a guest, for 3 min.');
    expect(words).toContain('physics/lattice runs (1 h 15 min)');
    expect(words).toContain('Free to lend. Nobody was there.');
    expect(words).toContain('Note: no lock');
  });

  it('does not say that nobody is here when it cannot know', () => {
    expect(inWords(view('Idle', { guests: undefined }), now)).toContain('cluster does not answer');
  });
});

describe('the page', () => {
  it('offers the one thing that there is to say', () => {
    expect(page(view('Idle'), now)).toContain('action="/stop-now"');
    expect(page(view('OwnerStop', { stopped: true }), now)).toContain('action="/lend-again"');
  });

  it('shows what is named elsewhere as text and never as markup', () => {
    const evil = '<img src=x onerror=alert(1)>"\'&';
    const html = page(view('Idle', { machine: evil, guests: [{ ...guest, job: evil }], notes: [evil] }), now);
    expect(html).not.toContain('<img');
    expect(html.match(/&lt;img src=x onerror=alert\(1\)&gt;&quot;&#39;&amp;/g)).toHaveLength(3);
  });

  it('loads nothing from anywhere', () => {
    const html = page(view('Idle', { guests: [guest] }), now);
    expect(html).not.toMatch(/https?:|\/\//);
    expect(contentSecurityPolicy).toContain(`default-src 'none'`);
    expect(contentSecurityPolicy).not.toContain('unsafe');
  });

  it('shows the latest changes, and the others on demand', () => {
    const history = Array.from({ length: 50 }, (_, i): Turn => ({ at: ago(i), present: i % 2 === 0, reason: 'Input' }));
    const html = page(view('Input', { history }), now);
    expect(html.match(/<time /g)).toHaveLength(51);
    expect(html).toContain('<summary>42 more</summary>');
  });
});
