// The page about isolation says what the code does.
import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { labels } from '../model/names.ts';
import { networkPolicyName } from '../render/network-policy.ts';
import { usualRanges } from './ranges.ts';

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

describe('docs/isolation.md', () => {
  it('names the labels, the policy and the field’s values', () => {
    const page = read('docs/isolation.md');
    for (const label of [labels.allowOpenNetwork, labels.guestsMayTalk]) expect(page).toContain(`\`${label}: "true"\``);
    expect(page).toContain(`\`${labels.network}: Open\``);
    expect(page).toContain(`\`${networkPolicyName}\``);
    for (const value of ['None', 'Isolated', 'Open']) expect(page).toMatch(new RegExp(`^\\| \`${value}\``, 'm'));
  });
});

describe('the chart', () => {
  it('gives the operator the ranges that it has by itself', () => {
    const values = parse(read('charts/idlewild/values.yaml')) as { guests: { lanRanges: string[] } };
    expect(values.guests.lanRanges.join(',')).toBe(usualRanges);
  });
});
