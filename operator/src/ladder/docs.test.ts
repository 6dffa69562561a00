// The page about the ladder says what the flags are.
import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { durationMs } from '../model/duration.ts';
import { parseOptions } from '../options.ts';

const page = readFileSync(new URL('../../../docs/ladder.md', import.meta.url), 'utf8');

it.each(['freeze-for', 'migrate-within', 'park-within'] as const)(
  'docs/ladder.md gives the default of --%s',
  (flag) => {
    const [, text = ''] = new RegExp(`^\\| \`--${flag}\`\\s*\\| (\\w+)`, 'm').exec(page) ?? [];
    expect(durationMs(text)).toBe(parseOptions([])[flag]);
  },
);
