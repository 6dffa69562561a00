import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@idlewild/lab/apiserver/test-server.ts';
import { pino } from 'pino';
import { KubeClient } from '../kube/client.ts';
import { KubeError } from '../kube/errors.ts';
import type { Transport } from '../kube/transport.ts';
import { Stills } from './stills.ts';

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** A KubeVirt that answers one picture after the other; undefined for a refusal. */
function kubevirt(pictures: readonly (string | undefined)[]) {
  const asked: string[] = [];
  const request: Transport['request'] = async ({ path }) => {
    const picture = pictures[Math.min(asked.length, pictures.length - 1)];
    asked.push(path);
    if (picture === undefined) throw new KubeError('no screen', { kind: 'server' });
    return { status: 200, headers: { 'content-type': 'image/png' }, body: Buffer.from(picture) };
  };
  const none = () => Promise.reject(new Error('nobody asks for this'));
  const transport: Transport = { server: 'https://kubevirt', request, stream: none, close: async () => undefined };
  const stills = new Stills({
    client: new KubeClient(transport),
    log: pino({ level: 'silent' }),
    virtualMachineOf: (_namespace, job) => (job === 'none' ? undefined : `${job}-1`),
    pauseMs: 5,
  });
  const watch = (job: string) => {
    const seen: string[] = [];
    const end = stills.watch('team-a', job, (picture) => {
      seen.push(Buffer.from(picture.slice('data:image/png;base64,'.length), 'base64').toString());
    });
    ends.push(end);
    return { seen, end };
  };
  return { asked, watch };
}

describe('pictures of a screen', () => {
  it('are told once each, over refusals, to all who watch, by one row of questions', async () => {
    const { asked, watch } = kubevirt(['one', 'one', undefined, 'two']);
    const first = watch('desk');
    await eventually(
      () => Promise.resolve(first.seen),
      (seen) => seen.length === 2,
    );
    const second = watch('desk');
    expect(first.seen).toEqual(['one', 'two']);
    expect(second.seen).toEqual(['two']);
    const path = '/apis/subresources.kubevirt.io/v1/namespaces/team-a/virtualmachineinstances/desk-1/vnc/screenshot';
    expect(new Set(asked)).toEqual(new Set([path]));
  });

  it('are not asked for when nobody watches, or there is no guest', async () => {
    const { asked, watch } = kubevirt(['one']);
    watch('none');
    const { seen, end } = watch('desk');
    await eventually(
      () => Promise.resolve(seen),
      () => seen.length === 1,
    );
    end();
    const before = asked.length;
    const other = watch('other');
    await eventually(
      () => Promise.resolve(other.seen),
      () => other.seen.length === 1,
    );
    expect(asked.slice(before).some((path) => path.includes('desk-1') || path.includes('none'))).toBe(false);
  });
});
