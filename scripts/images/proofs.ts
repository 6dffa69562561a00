// What each image has to show. A proof throws, or tells in words what it has seen.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Running } from './sandbox.ts';
import { runInside } from './sandbox.ts';
import { acting, ask, healthy, until, type Actor, type Stage } from './stage.ts';

type Proof = (stage: Stage) => Promise<readonly string[]>;

const http = 'http://127.0.0.1:8080';
/** Bits of include/uapi/linux/capability.h. */
const capabilityBits = { dac_override: 1, kill: 5, sys_chroot: 18 } as const;

export const proofs: Readonly<Record<string, Proof>> = {
  operator: async (stage) => {
    const actor = await stage.actor('operator', 'operator', 'main');
    const done = [label(actor, stage), writesNothing(actor)];
    await acting(actor, async (running) => {
      await until('it is ready', running, async () => (await ask(`${http}/readyz`)).status === 200);
      done.push(hasNoRights(running), answers(actor));
      const { text } = await ask(`${http}/metrics`);
      assert.match(text, new RegExp(`^idlewild_build_info\\{version="${stage.told.VERSION}"\\} 1$`, 'm'));
      const lease = '/apis/coordination.k8s.io/v1/namespaces/idlewild-system/leases/idlewild-operator';
      await until('it leads', running, async () => (await stage.server.get(lease)).status === 200);
    });
    return [...done, 'has read the cluster by the rights of the chart, leads, tells its version, and ends when told'];
  },

  portal: async (stage) => {
    const actor = await stage.actor('portal', 'portal', 'main');
    writeFileSync(join(actor.volume('session'), 'keys'), randomBytes(32).toString('base64'));
    const done = [label(actor, stage), writesNothing(actor)];
    await acting(actor, async (running) => {
      await until('it is ready', running, async () => (await ask(`${http}/readyz`)).status === 200);
      done.push(hasNoRights(running), answers(actor));
      const page = await ask(http);
      const [, script = ''] = /<script[^>]* src="([^"]+)"/.exec(page.text) ?? [];
      assert.deepEqual([page.status, (await ask(http + script)).status], [200, 200]);
    });
    return [...done, 'serves its pages, and ends when told'];
  },

  agent: async (stage) => {
    const done = [await installsTheSwitch(stage)];
    const { metadata } = await stage.server.post('/api/v1/nodes', { metadata: { name: 'pc-4' } });
    const bound = { apiVersion: 'v1', kind: 'Node', name: 'pc-4', uid: metadata.uid };
    const actor = await stage.actor('agent-dedicated', 'agent', 'main', bound);
    for (const name of ['token', 'ca.crt']) copyFileSync(join(actor.account, name), join(actor.volume('token'), name));
    done.push(label(actor, stage), writesNothing(actor), findsLibraries(actor));
    await acting(actor, async (running) => {
      const lease = '/apis/coordination.k8s.io/v1/namespaces/idlewild-machines/leases/pc-4';
      await until('it renews', running, async () => (await stage.server.get(lease)).status === 200);
      await until('it has told the switch', running, () =>
        Promise.resolve(existsSync(join(stage.machine, 'run/idlewild/lease'))),
      );
      done.push(answers(actor), hasOnly(running, Object.values(capabilityBits)));
    });
    return [...done, 'renews its lease with a token bound to its node, tells the switch, and ends when told'];
  },
};

function label({ image }: Actor, { told }: Stage): string {
  const { Labels: labels } = image;
  const say = (name: string): string => labels[`org.opencontainers.image.${name}`] ?? '';
  assert.deepEqual([say('version'), say('revision'), say('licenses')], [told.VERSION, told.REVISION, 'Apache-2.0']);
  for (const name of ['title', 'description', 'source', 'vendor']) assert.notEqual(say(name), '', `no label ${name}`);
  return 'has its labels';
}

/** With the mounts of its pod, it can write to those and nowhere else. */
function writesNothing(actor: Actor): string {
  for (const place of ['/opt/idlewild/written', '/etc/written', '/written']) {
    const { code, output } = runInside(actor.box, ['/bin/touch', place]);
    assert.notEqual(code, 0);
    assert.match(output, /Read-only file system|Permission denied/);
  }
  const { output } = runInside({ ...actor.box, user: '0:0' }, ['/bin/touch', '/opt/idlewild/written']);
  assert.match(output, /Read-only file system/);
  return 'cannot write to its root';
}

/** Of the machine's programs, below the only part of it that is mounted for them. */
function findsLibraries({ box }: Actor): string {
  for (const name of ['lib', 'lib64']) assert.equal(readlinkSync(join(box.root, 'host', name)), `usr/${name}`);
  assert.ok(box.mounts.some(({ to }) => to === '/host/usr'));
  return "finds the libraries of the machine's programs";
}

function answers(actor: Actor): string {
  assert.ok(healthy(actor), 'its health check fails');
  return 'answers its health check';
}

function statusOf(running: Running): ReadonlyMap<string, string> {
  const text = readFileSync(`/proc/${running.pid}/status`, 'utf8');
  return new Map(text.split('\n').map((line) => [line.split(':')[0] ?? '', line.replace(/^[^:]*:\s*/, '')]));
}

function hasNoRights(running: Running): string {
  const status = statusOf(running);
  assert.deepEqual(status.get('Uid')?.split('\t'), ['65532', '65532', '65532', '65532']);
  assert.equal(Number(status.get('NoNewPrivs')), 1);
  hasOnly(running, []);
  return 'runs as 65532 without capabilities, and can gain none';
}

function hasOnly(running: Running, bits: readonly number[]): string {
  const wanted = bits.reduce((sum, bit) => sum + 2 ** bit, 0);
  assert.equal(Number.parseInt(statusOf(running).get('CapEff') ?? '', 16), wanted);
  return `has ${bits.length} capabilities`;
}

/** What the chart's init container leaves on the machine. */
async function installsTheSwitch(stage: Stage): Promise<string> {
  const units = join(stage.machine, 'etc/systemd/system');
  mkdirSync(units, { recursive: true });
  const actor = await stage.actor('agent-dedicated', 'agent', 'init');
  const { code, output } = runInside(actor.box, actor.command);
  assert.equal(code, 0, output);
  const program = join(stage.machine, 'usr/local/lib/idlewild/idlewild-fence');
  assert.equal(statSync(program).mode & 0o777, 0o755);
  assert.match(readFileSync(program, 'utf8'), /^#!\/bin\/sh\n/);
  assert.deepEqual(readdirSync(units).sort(), ['idlewild-fence.service', 'multi-user.target.wants']);
  const unit = readFileSync(join(units, 'multi-user.target.wants/idlewild-fence.service'), 'utf8');
  assert.match(unit, /^ExecStart=\/usr\/local\/lib\/idlewild\/idlewild-fence /m);
  return 'puts the switch on the machine, enabled';
}
