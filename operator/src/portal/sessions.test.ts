import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { FakeClock } from '../kube/clock.ts';
import { Sessions, TokenTooLong } from './sessions.ts';

const keys = [randomBytes(32), randomBytes(32)];
const jwt = (exp: number): string =>
  `e30.${Buffer.from(JSON.stringify({ exp })).toString('base64url')}.${'s'.repeat(20)}`;

describe('a session', () => {
  it('opens with what was sealed, at any replica that has the key', async () => {
    const clock = new FakeClock();
    const { value, untilMs } = await new Sessions(keys, clock).seal('token');
    expect(value).not.toContain('token');
    expect(untilMs - clock.now()).toBe(12 * 3_600_000);
    const rotated = new Sessions([randomBytes(32), ...keys], clock);
    expect(await rotated.open(value)).toMatchObject({ token: 'token' });
    expect(await new Sessions([randomBytes(32)], clock).open(value)).toBeUndefined();
  });

  it('ends with its token, or when its time is over', async () => {
    const clock = new FakeClock();
    const sessions = new Sessions(keys, clock);
    const exp = Math.floor(clock.now() / 1000) + 60;
    const { value, untilMs } = await sessions.seal(jwt(exp));
    expect(untilMs).toBe(exp * 1000);
    await clock.advance(61_000);
    expect(await sessions.open(value)).toBeUndefined();
  });

  it('is none when it was changed, or was sealed for something else', async () => {
    const sessions = new Sessions(keys, new FakeClock());
    const { value, untilMs } = await sessions.seal('token');
    expect(await sessions.open(`${value.slice(0, -2)}xx`)).toBeUndefined();
    expect(await sessions.open('')).toBeUndefined();
    expect(await sessions.open(await sessions.encrypt({ t: 'token' }, 'console', untilMs))).toBeUndefined();
  });

  it('is refused for a token that no cookie holds, and with a key that is too short', async () => {
    await expect(new Sessions(keys, new FakeClock()).seal('x'.repeat(4000))).rejects.toBeInstanceOf(TokenTooLong);
    expect(() => new Sessions([randomBytes(16)], new FakeClock())).toThrow('32 bytes');
  });
});
