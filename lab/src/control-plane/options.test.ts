// The control plane's command line and its token.
import { describe, expect, it } from '@jest/globals';
import { parseControlPlaneOptions } from './options.ts';
import { tokenOf } from './token-file.ts';

const NEEDED = ['--dir', '/lab', '--server', 'https://127.0.0.1:6443'];

describe('the command line of the control plane', () => {
  it('has the times of Kubernetes unless told otherwise', () => {
    expect(parseControlPlaneOptions([...NEEDED, '--node-monitor-grace-ms', '4000'])).toEqual({
      dir: '/lab',
      server: 'https://127.0.0.1:6443',
      settings: { nodeGraceMs: 4000, podGcPeriodMs: 20_000, podGcQuarantineMs: 40_000, finishedPodLimit: 12_500 },
    });
  });
  it.each([
    ['a missing directory', ['--server', 'https://h'], /--dir/],
    ['a missing server', ['--dir', '/lab'], /--server/],
    ['an address that is none', ['--dir', '/lab', '--server', 'here'], /--server.*https:/],
    ['a time that is none', [...NEEDED, '--pod-gc-period-ms', '0'], /--pod-gc-period-ms.*whole milliseconds/],
    ['an unknown flag', [...NEEDED, '--fast'], /--fast/],
  ])('refuses %s by name', (_name, args, message) => {
    expect(() => parseControlPlaneOptions(args)).toThrow(message);
  });
});

describe('the token file', () => {
  const csv = 'abc,lab-admin,1,"system:masters"\ndef,"lab-controlplane",2,"system:masters"\n';
  it('gives the token of a user', () => {
    expect(tokenOf(csv, 'lab-controlplane')).toBe('def');
  });
  it('says which user has none', () => {
    expect(() => tokenOf(csv, 'nobody')).toThrow('no token of user "nobody"');
  });
});
