// The command line of the agent, where it decides whether guests are safe.
import { describe, expect, it } from '@jest/globals';
import { fenceTermsOf, parseOptions } from './options.ts';

const needed = ['--node=pc-1', '--server=https://x', '--token-file=t', '--cores=1', '--memory-mib=1', '--disk-mib=1'];

describe('a command line', () => {
  it('says all that it lacks at once', () => {
    expect(() => parseOptions(['--node=pc-1', '--cores=1'])).toThrow(
      'missing: --server, --token-file, --memory-mib, --disk-mib; --help tells what they are',
    );
  });

  it.each([
    ['https://fd00:10:96::1:443', 'https://[fd00:10:96::1]:443'],
    ['https://::1:6443', 'https://[::1]:6443'],
    ['https://[fd00::1]:443', 'https://[fd00::1]:443'],
    ['https://10.96.0.1:443', 'https://10.96.0.1:443'],
    ['https://api.example.org:6443/k8s', 'https://api.example.org:6443/k8s'],
  ])('takes %s for the server %s', (server, url) => {
    expect(parseOptions([...needed, `--server=${server}`]).server).toBe(url);
    expect(URL.canParse(url)).toBe(true);
  });

  it('says what is allowed', () => {
    expect(() => parseOptions([...needed, '--cores=many'])).toThrow('--cores: must be a whole number');
  });
});

describe('the fence of the command line', () => {
  it('is that of the usual numbers, in seconds', () => {
    expect(fenceTermsOf(parseOptions(needed))).toEqual({
      ...{
        leaseSeconds: 10,
        renewSeconds: 2,
        requestTimeoutSeconds: 1.5,
        killAfterSeconds: 6,
        switchAfterSeconds: 7.5,
      },
      ...{ checkSeconds: 0.6, killSeconds: 0.5, sharedSeconds: 300 },
    });
  });

  it('may be slower, if all of it is', () => {
    const slow = ['--lease-duration=60s', '--switch-after=50.25s', '--kill-after=45s', '--renew-every=10s'];
    expect(fenceTermsOf(parseOptions([...needed, ...slow]))).toMatchObject({ switchAfterSeconds: 50.25 });
  });

  it.each([
    ['--switch-after=9s', 'the fence would not hold: guests of a machine that is cut off may live for 10.11 s'],
    ['--lease-duration=8s', 'may be started in their place after 7.992 s'],
    ['--kill-after=5.5s', 'two lost requests cost every guest'],
    ['--kill-after=7s', 'so that the agent is done before the switch acts'],
    ['--renew-every=0s', 'renewSeconds: must be a number of seconds above 0'],
    ['--lease-duration=10.5s', 'leaseSeconds: must be whole'],
    ['--shared-lease=5s', 'sharedSeconds: must not be below switchAfterSeconds'],
  ])('is refused with %s', (flag, words) => {
    expect(() => fenceTermsOf(parseOptions([...needed, flag]))).toThrow(words);
  });

  it('is refused where it is no time at all', () => {
    expect(() => parseOptions([...needed, '--kill-after=soon'])).toThrow('--kill-after: duration: "soon" is not one');
  });
});
