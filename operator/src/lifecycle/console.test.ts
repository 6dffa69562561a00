// How consoles are read: how many at a time, how fast, and what their markers amount to.
import { afterEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { aPod, aVm } from '../../../test/builders/guest.ts';
import { aJob } from '../../../test/builders/job.ts';
import type { Pod } from '../api/kubernetes.ts';
import { KubeClient } from '../kube/client.ts';
import { FakeClock } from '../kube/clock.ts';
import { KubeError } from '../kube/errors.ts';
import type { Transport } from '../kube/transport.ts';
import { Consoles, type ConsoleSettings } from './console.ts';

const nonce = '0123456789abcdef';
const start = `\r\nidlewild:${nonce}:start\r\n`;
const exit = (code: number) => `\r\nidlewild:${nonce}:exit:${code}\r\n`.repeat(3);

/** Logs of pods by name, as a kubelet would serve them. */
class Kubelets {
  readonly text = new Map<string, string>();
  readonly #listeners = new Set<() => void>();
  requests = 0;
  open = 0;
  broken = false;
  /** Of them and of the API server: what they answer in the place of a log. */
  refusal: KubeError | undefined;
  /** Sent in one piece after everything else, again and again, to whoever reads. */
  flood: Uint8Array | undefined;
  flooded = 0;

  print(pod: string, text: string): void {
    this.text.set(pod, (this.text.get(pod) ?? '') + text);
    for (const listener of [...this.#listeners]) listener();
  }

  transport(): Transport {
    return {
      server: 'http://kubelets',
      request: () => Promise.reject(new KubeError('only logs', { kind: 'badRequest' })),
      stream: async ({ path, query, signal }) => {
        this.requests += 1;
        if (this.refusal) throw this.refusal;
        if (this.broken) throw new KubeError('no route to host', { kind: 'network' });
        const pod = /pods\/([^/]+)\/log/.exec(path)?.[1] ?? '';
        return { status: 200, headers: {}, body: this.#body(pod, query?.follow === true, signal as AbortSignal) };
      },
      close: () => Promise.resolve(),
    } as Transport;
  }

  async *#body(pod: string, follow: boolean, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    this.open += 1;
    try {
      let at = 0;
      while (!signal.aborted) {
        const news = (this.text.get(pod) ?? '').slice(at);
        at += news.length;
        if (news !== '') yield Buffer.from(news);
        else if (!follow) return;
        else if (this.flood) {
          this.flooded += this.flood.length;
          yield this.flood;
        } else await this.#change(signal);
      }
    } finally {
      this.open -= 1;
    }
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#listeners.delete(done);
        resolve();
      };
      this.#listeners.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}

const running: Pod['status'] = {
  phase: 'Running',
  initContainerStatuses: [
    {
      name: 'guest-console-log',
      state: { running: { startedAt: '2026-01-01T12:00:00Z' } },
      ready: true,
      restartCount: 0,
      image: '',
      imageID: '',
    },
  ],
};
const podOf = (name: string, node = 'pc-1', status = running): Pod =>
  aPod(aVm(aJob(name).published().claimedBy(node).job), node, status);
const over = (pod: Pod): Pod => ({
  ...pod,
  metadata: { ...pod.metadata, resourceVersion: '2' },
  status: { phase: 'Succeeded' },
});

let consoles: Consoles | undefined;
afterEach(() => consoles?.close());

function setUp(settings: Partial<ConsoleSettings> = {}) {
  const clock = new FakeClock();
  const kubelets = new Kubelets();
  const news: string[] = [];
  const made = new Consoles({
    client: new KubeClient(kubelets.transport(), { clock }),
    clock,
    log: pino({ level: 'silent' }),
    random: () => 0.5,
    settings,
    onNews: (key) => news.push(key),
  });
  consoles = made;
  return { clock, kubelets, news, consoles: made };
}

describe('a console', () => {
  it('tells of the start and of the first exit code, and is complete when its log was read to the end', async () => {
    const { clock, kubelets, consoles, news } = setUp();
    const pod = podOf('a');
    const look = (o = pod, off = false) => consoles.follow('default/a', nonce, [o], off);
    expect(look()).toMatchObject({ started: false, current: false });
    await clock.advance(10);
    expect(look()).toMatchObject({ started: false, current: true });
    kubelets.print(pod.metadata.name, start);
    await clock.advance(10);
    expect([look().started, news.includes('default/a')]).toEqual([true, true]);
    kubelets.print(pod.metadata.name, exit(3) + exit(0));
    await clock.advance(10);
    expect(look()).toMatchObject({ exitCode: 3, complete: false });
    look(over(pod), true);
    await clock.advance(5_000);
    expect(look(over(pod), true)).toMatchObject({ exitCode: 3, complete: true });
  });

  it('on which the start is said twice is that of a guest that rebooted; a move to another pod is none', async () => {
    const { clock, kubelets, consoles } = setUp();
    const [here, there] = [podOf('a'), podOf('a', 'pc-2')];
    kubelets.print(here.metadata.name, start);
    kubelets.print(there.metadata.name, 'goes on');
    consoles.follow('default/a', nonce, [here, there]);
    await clock.advance(10);
    expect(consoles.follow('default/a', nonce, [here, there])).toMatchObject({ started: true, reboots: 0 });
    kubelets.print(there.metadata.name, start);
    await clock.advance(10);
    expect(consoles.follow('default/a', nonce, [here, there]).reboots).toBe(1);
  });

  it('is not fooled by markers of another nonce, nor by megabytes without a line', async () => {
    const { clock, kubelets, consoles } = setUp();
    const pod = podOf('a');
    kubelets.print(
      pod.metadata.name,
      'x'.repeat(5_000_000) + start.replace('0123', 'ffff') + exit(0).replaceAll('0123', 'ffff'),
    );
    consoles.follow('default/a', nonce, [pod]);
    await clock.advance(10_000);
    expect(consoles.follow('default/a', nonce, [pod])).toMatchObject({
      started: false,
      exitCode: undefined,
      current: true,
    });
  });

  it.each([
    ['goes on after its sidecar was started again, as one that ran out of memory is', 'initContainerStatuses', false],
    [
      'is over with a container of its own, as KubeVirt had it once, which is not started again',
      'containerStatuses',
      true,
    ],
  ] as const)('%s', async (_what, list, isOver) => {
    const { clock, kubelets, consoles } = setUp();
    const statusOf = (name: string, state: object) => ({
      name,
      state,
      ready: true,
      restartCount: 0,
      image: '',
      imageID: '',
    });
    const up = { running: { startedAt: '2026-01-01T12:00:00Z' } };
    const down = { terminated: { exitCode: 137, reason: 'OOMKilled' } };
    const withConsole = (resourceVersion: string, state: object): Pod => {
      const [log, guest] = [statusOf('guest-console-log', state), statusOf('compute', up)];
      const ordinary = { containerStatuses: [guest, log] };
      const sidecar = { initContainerStatuses: [log], containerStatuses: [guest] };
      const pod = podOf('a', 'pc-1', { phase: 'Running', ...(list === 'containerStatuses' ? ordinary : sidecar) });
      return { ...pod, metadata: { ...pod.metadata, resourceVersion } };
    };
    const look = (pod: Pod) => consoles.follow('default/a', nonce, [pod]);
    const pod = withConsole('1', up);
    look(pod);
    kubelets.print(pod.metadata.name, start);
    await clock.advance(10);
    look(withConsole('2', down));
    await clock.advance(5_000);
    expect(look(withConsole('2', down)).complete).toBe(isOver);
    look(withConsole('3', up));
    kubelets.print(pod.metadata.name, exit(0));
    await clock.advance(5_000);
    expect(look(withConsole('3', up)).exitCode).toBe(isOver ? undefined : 0);
  });

  it('is read on when the kubelet that has just been started again knows of no pod, and is over when there is none', async () => {
    const { clock, kubelets, consoles } = setUp();
    const pod = podOf('a');
    const look = () => consoles.follow('default/a', nonce, [pod]);
    const unknown = (kind: string): KubeError =>
      new KubeError('not found', { kind: 'notFound', status: 404, body: { kind: 'Status', details: { kind } } });
    kubelets.refusal = unknown('pods/log');
    look();
    await clock.advance(5_000);
    expect(look()).toMatchObject({ current: false, complete: false });
    kubelets.refusal = undefined;
    kubelets.print(pod.metadata.name, start + exit(0));
    await clock.advance(5_000);
    expect(look()).toMatchObject({ started: true, exitCode: 0, complete: false });
    const gone = podOf('gone');
    kubelets.refusal = unknown('pods');
    consoles.follow('default/gone', nonce, [gone]);
    await clock.advance(10);
    expect(consoles.follow('default/gone', nonce, [gone]).complete).toBe(true);
  });

  it('that cannot be read holds nothing up for ever: neither a deadline nor the end of a guest', async () => {
    const { clock, kubelets, consoles } = setUp({ patienceMs: 60_000 });
    kubelets.broken = true;
    const pod = podOf('a');
    const look = () => consoles.follow('default/a', nonce, [pod], true);
    expect(look()).toMatchObject({ current: false, complete: false });
    await clock.advance(59_000);
    expect(look()).toMatchObject({ current: false, complete: false });
    await clock.advance(2_000);
    expect(look()).toMatchObject({ current: true, complete: true });
    // Tried with pauses, not in a hot loop.
    expect(kubelets.requests).toBeLessThan(60);
  });
});

describe('consoles', () => {
  it('that print without end are read at a bounded rate, and the others are heard all the same', async () => {
    const { clock, kubelets, consoles } = setUp();
    const [loud, quiet] = [podOf('loud'), podOf('quiet')];
    kubelets.print(quiet.metadata.name, start);
    consoles.follow('default/loud', nonce, [loud]);
    await clock.advance(10);
    kubelets.flood = Buffer.alloc(1_000_000, 'x');
    kubelets.print(loud.metadata.name, 'x');
    for (let second = 0; second < 10; second++) await clock.advance(1_000);
    const after = kubelets.flooded;
    kubelets.flood = undefined;
    consoles.follow('default/quiet', nonce, [quiet]);
    await clock.advance(1_000);
    expect(consoles.follow('default/quiet', nonce, [quiet]).started).toBe(true);
    // 8 MiB at once, then 4 MiB a second.
    expect(after).toBeGreaterThan(20_000_000);
    expect(after).toBeLessThan(60_000_000);
  });

  it('beyond the limit of streams give way to guests that start, and are read now and then', async () => {
    const { clock, kubelets, consoles } = setUp({ liveStreams: 2, restMs: 60_000 });
    const pods = ['a', 'b', 'c', 'd'].map((name) => podOf(name));
    const keyOf = (index: number) => `default/${'abcd'[index]}`;
    const look = (index: number) => consoles.follow(keyOf(index), nonce, [pods[index] as Pod]);
    for (const [index, pod] of pods.entries()) {
      look(index);
      await clock.advance(10);
      kubelets.print(pod.metadata.name, start);
      await clock.advance(10);
      expect(look(index).started).toBe(true);
      expect(consoles.live).toBeLessThanOrEqual(2);
    }
    expect(kubelets.open).toBeLessThanOrEqual(2);
    // The first gave up its stream. What it prints is read after its rest, or when a verdict depends on it.
    await clock.advance(10_000);
    expect(look(0).current).toBe(false);
    kubelets.print((pods[0] as Pod).metadata.name, exit(0));
    await clock.advance(10);
    expect(look(0).exitCode).toBeUndefined();
    consoles.refresh(keyOf(0));
    await clock.advance(10);
    expect(look(0)).toMatchObject({ exitCode: 0, current: true });
    kubelets.print((pods[1] as Pod).metadata.name, exit(7));
    await clock.advance(90_000);
    expect(look(1).exitCode).toBe(7);
  });

  it('that are forgotten leave no stream open', async () => {
    const { clock, kubelets, consoles } = setUp();
    consoles.follow('default/a', nonce, [podOf('a')]);
    await clock.advance(10);
    expect(kubelets.open).toBe(1);
    consoles.forget('default/a');
    await clock.advance(10);
    expect([kubelets.open, consoles.live]).toEqual([0, 0]);
  });
});
