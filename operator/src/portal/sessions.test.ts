import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { FakeClock } from '../kube/clock.ts';
import { Sessions, type Proof } from './sessions.ts';

const keys = [randomBytes(32), randomBytes(32)];
const hour = 3_600_000;
const jwt = (exp: number): string =>
  `e30.${Buffer.from(JSON.stringify({ exp })).toString('base64url')}.${'s'.repeat(20)}`;
const token = (text: string): Proof => ({ kind: 'token', token: text });
const word = (goodUntilMs: number, refresh?: string): Proof => ({
  kind: 'oidc',
  user: { name: 'ann', groups: ['x'], extra: {} },
  subject: 'ann',
  access: 'access',
  ...(refresh === undefined ? {} : { refresh }),
  goodUntilMs,
});

describe('a session', () => {
  it('opens with what was sealed, at any replica that has the key', async () => {
    const clock = new FakeClock();
    const sessions = new Sessions(keys, clock);
    const session = sessions.begin(token('secret'));
    const value = await sessions.seal(session);
    expect(value).not.toContain('secret');
    expect(await new Sessions(keys, clock).open(value)).toEqual(session);
    expect(await new Sessions([randomBytes(32)], clock).open(value)).toBeUndefined();
  });

  it('outlives a change of keys until the old one is taken away, and is sealed under the new one when it is prolonged', async () => {
    const clock = new FakeClock();
    const before = new Sessions([keys[0]!], clock);
    const session = before.begin(token('t'));
    const value = await before.seal(session);
    const during = new Sessions([keys[1]!, keys[0]!], clock);
    const after = new Sessions([keys[1]!], clock);
    const opened = (await during.open(value))!;
    expect(opened).toEqual(session);
    expect(await after.open(value)).toBeUndefined();
    expect(await after.open(await during.seal(during.prolong(opened, opened.proof)))).toMatchObject({ id: session.id });
  });

  it('ends when nobody uses it, and can be prolonged until an end that stays', async () => {
    const clock = new FakeClock();
    const sessions = new Sessions(keys, clock);
    let session = sessions.begin(token('t'));
    const { endMs, id } = session;
    expect(endMs - clock.now()).toBe(12 * hour);
    expect(session.untilMs - clock.now()).toBe(2 * hour);
    for (let renewal = 0; renewal < 7; renewal++) {
      await clock.advance(1.6 * hour);
      session = sessions.prolong(session, session.proof);
      expect(session).toMatchObject({ endMs, id, untilMs: Math.min(endMs, clock.now() + 2 * hour) });
    }
    expect(session.untilMs).toBe(endMs);
    const value = await sessions.seal(session);
    expect(await sessions.open(value)).toBeDefined();
    await clock.advance(0.9 * hour);
    expect(await sessions.open(value)).toBeUndefined();
  });

  it('that nobody prolonged is over after two hours', async () => {
    const clock = new FakeClock();
    const sessions = new Sessions(keys, clock);
    const value = await sessions.seal(sessions.begin(token('t')));
    await clock.advance(2 * hour + 1_000);
    expect(await sessions.open(value)).toBeUndefined();
  });

  it('goes on for a stream that was opened with an older copy of it, and for nobody else', async () => {
    const clock = new FakeClock();
    const sessions = new Sessions(keys, clock);
    const session = sessions.begin(token('t'));
    const value = await sessions.seal(session);
    await clock.advance(1.9 * hour);
    sessions.prolong(session, session.proof);
    await clock.advance(hour);
    expect(await sessions.open(value, true)).toBeDefined();
    expect(await sessions.open(value)).toBeUndefined();
  });

  it('that was ended is over in all its copies', async () => {
    const sessions = new Sessions(keys, new FakeClock());
    const session = sessions.begin(token('t'));
    const value = await sessions.seal(session);
    sessions.end(session);
    expect(await sessions.open(value)).toBeUndefined();
    expect(await sessions.open(value, true)).toBeUndefined();
  });

  it('ends with its token', async () => {
    const clock = new FakeClock();
    const sessions = new Sessions(keys, clock);
    const exp = Math.floor(clock.now() / 1000) + 60;
    const session = sessions.begin(token(jwt(exp)));
    expect(session).toMatchObject({ untilMs: exp * 1000, endMs: exp * 1000 });
    const value = await sessions.seal(session);
    await clock.advance(61_000);
    expect(await sessions.open(value)).toBeUndefined();
  });

  it('ends with the issuer’s word, unless that can be renewed', () => {
    const clock = new FakeClock();
    const sessions = new Sessions(keys, clock);
    const soon = clock.now() + 300_000;
    expect(sessions.begin(word(soon))).toMatchObject({ untilMs: soon, endMs: soon });
    const renewable = sessions.begin(word(soon, 'refresh'));
    expect(renewable).toMatchObject({ untilMs: soon, endMs: clock.now() + 12 * hour });
    expect(sessions.prolong(renewable, word(soon + hour, 'next'))).toMatchObject({ untilMs: soon + hour });
  });

  it('is none when it was changed, or was sealed for something else', async () => {
    const sessions = new Sessions(keys, new FakeClock());
    const session = sessions.begin(token('t'));
    const value = await sessions.seal(session);
    expect(await sessions.open(`${value.slice(0, -2)}xx`)).toBeUndefined();
    expect(await sessions.open('')).toBeUndefined();
    expect(await sessions.open(await sessions.encrypt({ p: session.proof }, 'console', session.endMs))).toBeUndefined();
  });

  it('needs keys of their full length', () => {
    expect(() => new Sessions([randomBytes(16)], new FakeClock())).toThrow('32 bytes');
  });
});
