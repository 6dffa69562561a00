// The control plane's command line.
import { describe, expect, it } from '@jest/globals';
import { parseControlPlaneOptions } from './options.ts';

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
