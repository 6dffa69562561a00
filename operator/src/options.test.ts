// The command line.
import { describe, expect, it } from '@jest/globals';
import { parseOptions, usage } from './options.ts';

describe('the command line of the operator', () => {
  it('has a default for everything', () => {
    expect(parseOptions([])).toMatchObject({
      'lost-after': 60_000,
      'lease-duration': 10_000,
      'runners-up': 3,
      'leader-elect': false,
    });
  });

  it('reads durations and numbers', () => {
    expect(parseOptions(['--lost-after', '1m30s', '--metrics-port', '8080', '--leader-elect'])).toMatchObject({
      'lost-after': 90_000,
      'metrics-port': 8080,
      'leader-elect': true,
    });
  });

  it.each([
    [['--lost-after', 'soon'], /--lost-after: .*90s/],
    [['--lost-after', '0s'], /--lost-after: must be longer than 0s/],
    [['--metrics-port', '70000'], /--metrics-port/],
    [['--runners-up', '-1'], /--runners-up/],
    [['--log-level', 'loud'], /--log-level/],
    [['--history-days', '0'], /--history-days: must be at least 1/],
    [['--fast'], /--fast/],
  ])('refuses %j by name', (args, message) => {
    expect(() => parseOptions(args)).toThrow(message);
  });

  it('is explained by --help', () => {
    for (const name of Object.keys(parseOptions([]))) if (name !== 'help') expect(usage).toContain(`--${name}`);
  });
});
