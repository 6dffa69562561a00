// One lab with two machines and real guests, used as a person uses it: by its command line and its API.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as resources from '@idlewild/operator/api/resources.ts';
import { WebSocket } from 'ws';
import { ask } from '../daemon/control.ts';
import { readState } from '../daemon/state.ts';
import { isAlive } from '../machines/cgroup/processes.ts';
import type { Migration } from '../virt/model/migration.ts';
import {
  begin,
  end,
  access,
  client,
  counting,
  create,
  dir,
  guestsOn,
  inPhase,
  instance,
  lab,
  layout,
  logOf,
  namespace,
  podDirs,
  podOn,
  podsOf,
  remove,
  silentMs,
  status,
  ticks,
  until,
  up,
} from './lab-under-test.ts';

beforeAll(begin, 180_000);
afterAll(end, 60_000);

describe('a lab', () => {
  it('runs a virtual machine that ends by itself, keeps its log, and forgets it when it is deleted', async () => {
    await create('short', { script: 'echo hello >/dev/ttyS0; poweroff -f' });
    const vmi = await inPhase('short', 'Succeeded');
    const [pod] = await until('the pod is finished', async () => {
      const pods = await podsOf('short');
      return pods[0]?.status?.phase === 'Succeeded' && pods;
    });
    expect(await logOf(pod!)).toContain('hello\n');
    expect(await logOf(pod!, 'compute')).toContain('the guest powered off');
    expect(pod!.status?.containerStatuses?.[0]?.state?.terminated?.exitCode).toBe(0);
    const node = vmi.status?.nodeName;
    expect(podDirs(node)).toEqual([pod!.metadata.uid]);
    expect(readdirSync(join(dir, 'machines', node!, 'pods', pod!.metadata.uid)).sort()).toEqual([
      'compute.log',
      'guest-console-log.log',
    ]);
    await remove('short');
    await until('its files are gone', () => podDirs(node).length === 0);
  }, 180_000);

  it('presses the power button of a guest whose virtual machine is deleted', async () => {
    await create('button', { script: counting });
    const vmi = await inPhase('button', 'Running');
    const pod = await podOn('button', vmi.status?.nodeName);
    await until('the guest speaks', async () => (await ticks(pod)).length > 0);
    await remove('button');
    expect(await guestsOn(vmi.status?.nodeName)).toEqual([]);
  }, 180_000);

  it('waits for a missing secret and says which, then starts', async () => {
    await create('late', { script: '', secret: false });
    const events = await until('the event', async () => {
      const { items } = await client.list<{ reason?: string; note?: string }>(resources.events, { namespace });
      const found = items.filter(({ reason }) => reason === 'FailedMount');
      return found.length > 0 && found;
    });
    expect(events[0]?.note).toBe('MountVolume.SetUp failed for volume "init-udata" : secret "late-init" not found');
    expect((await podsOf('late'))[0]?.status?.phase).toBe('Pending');
    const metadata = { namespace, name: 'late-init' };
    await client.create(resources.secrets, { metadata, stringData: { userdata: '#!/bin/sh\npoweroff -f\n' } } as never);
    await inPhase('late', 'Succeeded');
    await remove('late');
  }, 180_000);

  it('shows an image that does not exist as an image error', async () => {
    await create('unknown', { script: '', image: 'registry.example/none:1' });
    const waiting = await until('the reason', async () => {
      const statuses = (await podsOf('unknown'))[0]?.status?.initContainerStatuses ?? [];
      return statuses.find(({ state }) => state?.waiting?.reason === 'ImagePullBackOff')?.state?.waiting;
    });
    expect(waiting.message).toContain('registry.example/none:1');
    await remove('unknown');
  }, 120_000);

  it('kills a guest at once when its pod is deleted by force', async () => {
    await create('forced', { script: counting });
    const vmi = await inPhase('forced', 'Running');
    const node = vmi.status?.nodeName;
    const pod = await podOn('forced', node);
    await client.delete(resources.pods, { namespace, name: pod.metadata.name }, { gracePeriodSeconds: 0 });
    await until('no emulator is left', async () => (await guestsOn(node)).length === 0);
    await until('no file is left', () => podDirs(node).length === 0);
    await inPhase('forced', 'Failed');
    await remove('forced');
  }, 180_000);

  it('moves a running guest with its memory to the other machine, and back', async () => {
    await create('mover', { script: counting });
    const first = await inPhase('mover', 'Running');
    let from = first.status?.nodeName;
    let before = await until('ticks', async () => {
      const seen = await ticks(await podOn('mover', from));
      return seen.length > 2 && seen;
    });
    for (const round of [1, 2]) {
      const to = from === 'pc-1' ? 'pc-2' : 'pc-1';
      const metadata = { namespace, name: `move-${round}` };
      await client.create(resources.virtualMachineInstanceMigrations, {
        metadata,
        spec: { vmiName: 'mover', addedNodeSelector: { 'kubernetes.io/hostname': to } },
      } as never);
      await until(`migration ${round} succeeds`, async () => {
        const migration = await client.get<Migration>(resources.virtualMachineInstanceMigrations, metadata);
        if (migration.status?.phase === 'Failed') throw new Error(JSON.stringify((await instance('mover'))?.status));
        return migration.status?.phase === 'Succeeded';
      });
      expect((await instance('mover'))?.status?.nodeName).toBe(to);
      const sent = await ticks(await podOn('mover', from));
      const after = await until('ticks on the other machine', async () => {
        const seen = await ticks(await podOn('mover', to));
        return seen.length > 2 && seen;
      });
      // The count goes on where it was: no tick twice, none left out but one that was cut in two by the move.
      expect(after[0]! - sent.at(-1)!).toBeGreaterThanOrEqual(1);
      expect(after[0]! - sent.at(-1)!).toBeLessThanOrEqual(2);
      expect(after.at(-1)!).toBeGreaterThan(before.at(-1)!);
      await until('the source has ended', async () => (await guestsOn(from)).length === 0);
      await until('the old pod has ended', async () => (await podOn('mover', from)).status?.phase === 'Succeeded');
      from = to;
      before = after;
    }
    await remove('mover');
  }, 240_000);

  it('gives consoles, a screenshot, and a pause', async () => {
    await create('seen', { script: 'sleep 1000', screen: true });
    await inPhase('seen', 'Running');
    const path = (subresource: string): string =>
      `/apis/subresources.kubevirt.io/v1/namespaces/${namespace}/virtualmachineinstances/seen/${subresource}`;
    const { token, server, ca } = access();
    const open = (subresource: string): WebSocket =>
      new WebSocket(`${server.replace('https', 'wss')}${path(subresource)}`, 'plain.kubevirt.io', {
        ca,
        headers: { authorization: `Bearer ${token}` },
      });
    const serial = open('console');
    let heard = '';
    serial.on('message', (data: Buffer, binary) => (heard += binary ? data.toString() : ''));
    const pod = await podOn('seen', (await instance('seen'))?.status?.nodeName);
    await until('the guest is up', async () => (await logOf(pod)).includes('is up'));
    await until('the shell answers', () => {
      serial.send(Buffer.from('echo $((6*7))\r'));
      return heard.includes('\n42');
    });
    serial.terminate();
    const screen = open('vnc');
    const greeting = await new Promise<Buffer>((resolve, reject) => {
      screen.once('message', (data: Buffer) => resolve(data));
      screen.once('error', reject);
    });
    expect(greeting.toString()).toBe('RFB 003.008\n');
    screen.terminate();
    const picture = await client.raw.request({ method: 'GET', path: path('vnc/screenshot') });
    expect(
      Buffer.from(picture.body as Uint8Array)
        .subarray(1, 4)
        .toString(),
    ).toBe('PNG');

    const paused = async (): Promise<boolean> =>
      (await instance('seen'))?.status?.conditions?.some(({ type }) => type === 'Paused') === true;
    await client.raw.request({ method: 'PUT', path: path('pause') });
    await until('it is paused', paused);
    await client.raw.request({ method: 'PUT', path: path('unpause') });
    await until('it is not', async () => !(await paused()));
    await remove('seen');
  }, 180_000);

  it('keeps a guest where it is when its migration stalls and is called off', async () => {
    await create('stay', { script: counting });
    const vmi = await inPhase('stay', 'Running');
    const from = vmi.status?.nodeName;
    const to = from === 'pc-1' ? 'pc-2' : 'pc-1';
    const pod = await podOn('stay', from);
    const before = await until('ticks', async () => {
      const seen = await ticks(pod);
      return seen.length > 1 && seen;
    });
    const metadata = { namespace, name: 'called-off' };
    await client.create(resources.virtualMachineInstanceMigrations, { metadata, spec: { vmiName: 'stay' } } as never);
    // By hand, because a program takes longer to start than a small guest takes to move.
    await until('the target listens', async () => {
      const state = (await instance('stay'))?.status?.migrationState;
      return state?.targetNodeAddress !== undefined;
    });
    await ask(layout.controlSocket, { op: 'machine', verb: 'cut', name: to });
    expect((await instance('stay'))?.status?.migrationState?.endTimestamp).toBeUndefined();
    await client.delete(resources.virtualMachineInstanceMigrations, metadata);
    const { migrationState } = await until('the migration has ended', async () => {
      const { status: found } = (await instance('stay'))!;
      return found?.migrationState?.endTimestamp !== undefined && found;
    });
    expect(migrationState).toMatchObject({ failed: true, completed: true });
    expect((await instance('stay'))?.status).toMatchObject({ nodeName: from, phase: 'Running' });
    await until('more ticks at the source', async () => (await ticks(pod)).at(-1)! > before.at(-1)! + 4);
    expect((await lab('machine', 'uncut', to)).code).toBe(0);
    await until('the target has let go', async () => (await guestsOn(to)).length === 0);
    await remove('stay');
  }, 240_000);

  it('stops a machine that hangs where it stands, ends its guest when its lease runs out, and lets it go on', async () => {
    await create('hang', { script: counting });
    const vmi = await inPhase('hang', 'Running');
    const node = vmi.status?.nodeName ?? '';
    const pod = await podOn('hang', node);
    await until('ticks', async () => (await ticks(pod)).length > 1);
    expect((await lab('machine', 'hang', node)).code).toBe(0);
    const file = join(dir, 'machines', node, 'pods', pod.metadata.uid, 'guest', 'serial.log');
    const standing = readFileSync(file, 'utf8');
    await expect(logOf(pod, 'guest-console-log', silentMs)).rejects.toThrow();
    expect((await lab('agent', 'stop', node)).out).toContain(`${node} hangs`);
    await until('no guest is left', async () => (await guestsOn(node)).length === 0);
    expect(readFileSync(file, 'utf8')).toBe(standing);
    expect((await lab('machine', 'resume', node)).code).toBe(0);
    await inPhase('hang', 'Failed');
    await remove('hang');
  }, 180_000);

  it('silences a machine whose cable is cut while its guest goes on', async () => {
    await create('cut', { script: counting });
    const vmi = await inPhase('cut', 'Running');
    const node = vmi.status?.nodeName ?? '';
    const pod = await podOn('cut', node);
    await until('the guest speaks', async () => (await ticks(pod)).length > 0);
    const renewed = async (): Promise<string | undefined> =>
      (
        await client.get<{ spec?: { renewTime?: string } }>(resources.leases, {
          namespace: 'kube-node-lease',
          name: node,
        })
      ).spec?.renewTime;
    // Not for so long that its agent would end the guest.
    const briefMs = 1_500;
    await ask(layout.controlSocket, { op: 'machine', verb: 'cut', name: node });
    const file = join(dir, 'machines', node, 'pods', pod.metadata.uid, 'guest', 'serial.log');
    const [lease, size] = [await renewed(), readFileSync(file).length];
    await expect(logOf(pod, 'guest-console-log', briefMs)).rejects.toThrow();
    expect(await renewed()).toBe(lease);
    expect(readFileSync(file).length).toBeGreaterThan(size);
    await ask(layout.controlSocket, { op: 'machine', verb: 'uncut', name: node });
    await until('the lease is renewed', async () => (await renewed()) !== lease);
    await until('the log is readable', () =>
      logOf(pod).then(
        () => true,
        () => false,
      ),
    );
    expect((await instance('cut'))?.status?.phase).toBe('Running');
    await remove('cut');
  }, 180_000);

  it('loses a guest with the power of its machine, and cleans up when the power is back', async () => {
    await create('power', { script: counting });
    const vmi = await inPhase('power', 'Running');
    const node = vmi.status?.nodeName ?? '';
    const running = await podOn('power', node);
    const { uid } = running.metadata;
    await until('the guest speaks', async () => (await ticks(running)).length > 0);
    const pids = await guestsOn(node);
    expect(pids).toHaveLength(1);
    expect((await lab('machine', 'off', node)).code).toBe(0);
    expect(await guestsOn(node)).toEqual([]);
    expect(existsSync(join(dir, 'machines', node, 'pods', uid, 'guest'))).toBe(true);
    expect((await lab('machine', 'off', node)).out).toContain('it is off');
    expect((await lab('machine', 'on', node)).code).toBe(0);
    await inPhase('power', 'Failed');
    expect(existsSync(join(dir, 'machines', node, 'pods', uid, 'guest'))).toBe(false);
    const pod = await until('the pod failed', async () => {
      const found = await podOn('power', node);
      return found.status?.phase === 'Failed' && found;
    });
    expect(await logOf(pod)).toContain('tick 1\n');
    await remove('power');
  }, 180_000);

  it('comes up with the same objects after everything was killed', async () => {
    await create('kept', { script: counting });
    await inPhase('kept', 'Running');
    const again = await lab('up');
    expect(again.code).toBe(1);
    expect(again.out).toContain('a lab is running');
    const { processes } = readState(layout.stateFile)!;
    const guests = (await status()).machines.flatMap((machine) => machine.guests);
    for (const { pid } of Object.values(processes)) process.kill(pid, 'SIGKILL');
    await until('everything is dead', () => Object.values(processes).every((each) => !isAlive(each)));
    await until('the guests too', () => guests.every((pid) => !existsSync(`/proc/${pid}`)));
    await up();
    await inPhase('kept', 'Failed');
    await remove('kept');
  }, 240_000);

  it('adds a machine, and refuses a bad one by the name of what is wrong', async () => {
    expect((await lab('machine', 'add', 'Big')).out).toContain('name:');
    const added = await lab('machine', 'add', 'big', '--room', 'lab-c', '--cores', '2', '--memory', '1Gi');
    expect(added.out).toBe('machine big is ready\n');
    const big = (await status()).machines.find(({ name }) => name === 'big');
    expect(big).toMatchObject({ room: 'lab-c', node: 'Ready', approved: true });
  }, 120_000);

  it('leaves nothing running and nothing in its runtime directory when it ends', async () => {
    const { processes } = readState(layout.stateFile)!;
    expect((await lab('down')).out).toContain('the lab has ended');
    expect(Object.values(processes).filter(isAlive)).toEqual([]);
    expect(existsSync(layout.runtime)).toBe(false);
    expect((await lab('status')).out).toContain('no lab runs here');
    expect(await lab('token')).toMatchObject({ code: 1, out: expect.stringContaining('no lab runs here') });
  }, 60_000);
});
