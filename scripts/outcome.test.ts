import { describe, expect, it } from '@jest/globals';
import { outcome, secondLooks, withSecondLook, type Run } from './outcome.ts';

const file = (name: string, ...statuses: string[]): Run['testResults'][number] => ({
  name,
  status: statuses.includes('failed') ? 'failed' : 'passed',
  message: '',
  assertionResults: statuses.map((status, at) => ({ status, fullName: `test ${at}` })),
});
const broken: Run['testResults'][number] = { name: 'broken', status: 'failed', message: '', assertionResults: [] };

describe('what a run of tests came to', () => {
  it.each([
    ['all passed', [file('a', 'passed', 'passed'), file('b', 'passed')], { passed: 3, failed: 0, files: [] }],
    ['one failed', [file('a', 'passed', 'failed')], { passed: 1, failed: 1, files: ['a'] }],
    ['one was skipped', [file('a', 'passed', 'pending')], { passed: 1, failed: 1, files: ['a'] }],
    ['a file that cannot be run', [broken], { passed: 0, failed: 1, files: ['broken'] }],
    ['nothing', [], { passed: 0, failed: 0, files: [] }],
  ])('%s', (_, testResults, expected) => expect(outcome({ testResults })).toEqual(expected));

  it('looks a second time at few failed files, and not when a whole run broke', () => {
    expect(secondLooks(['a', 'b'])).toEqual(['a', 'b']);
    expect(secondLooks(['a', 'b', 'c', 'd'])).toEqual([]);
  });

  it('counts a file once, as its second look found it', () => {
    const first = { testResults: [file('a', 'passed', 'failed'), file('b', 'failed'), file('c', 'passed')] };
    const second = { testResults: [file('a', 'passed', 'passed'), file('b', 'failed')] };
    expect(outcome(withSecondLook(first, second))).toEqual({ passed: 3, failed: 1, files: ['b'] });
  });

  it('leaves a file as it was when its second look did not come to an end', () => {
    const first = { testResults: [file('a', 'failed')] };
    expect(outcome(withSecondLook(first, { testResults: [] }))).toEqual({ passed: 0, failed: 1, files: ['a'] });
  });
});
