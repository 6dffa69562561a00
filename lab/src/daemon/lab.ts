// The running lab: starts its parts in order, keeps them running, turns the machines' switches, and ends everything.
// Promises: what it starts it ends; its state file says at any time what there is to end, should it be killed.
import { mkdirSync, rmSync } from 'node:fs';
import net from 'node:net';
import { join, resolve } from 'node:path';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { transportFrom } from '@idlewild/operator/kube/credentials.ts';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { defaultCacheDir, ensureImage } from '../images/cache.ts';
import { tryLock, type FileLock } from '../images/file-lock.ts';
import { identityOf } from '../machines/cgroup/processes.ts';
import { ensurePki } from '../pki/pki.ts';
import { chartRights } from '../manifests/chart.ts';
import { ensureKubectl, linkKubectl } from '../tools/kubectl.ts';
import { probeAccel, type AccelChoice } from '../virt/qemu/accel.ts';
import { lightGuest } from '../virt/qemu/process.ts';
import { bundleOperator, operatorNodeFlags } from '../../../scripts/bundle-operator.ts';
import { AgentTokens } from './agent-tokens.ts';
import { approve, bootstrap, takesVirtualMachines } from './bootstrap.ts';
import { Child } from './child.ts';
import { serveControl, type NewMachine, type Request } from './control.ts';
import { ensureTokens, users, writeKubeconfig } from './credentials.ts';
import type { LabLayout } from './layout.ts';
import { listenOn } from './link.ts';
import { MachineHost } from './machine-host.ts';
import { Machines } from './machines.ts';
import { accelInWords, type LabView } from './picture.ts';
import { portalFlags, portalProgram } from './portal.ts';
import { Obstacle, preflight } from './preflight.ts';
import { cleanStale } from './stale.ts';
import { defaultMachines, readState, writeState, type LabState } from './state.ts';
import { Witness } from './witness.ts';
import { World } from './world.ts';

export interface LabOptions {
  readonly layout: LabLayout;
  /** Machines of a new lab; an old one keeps those it has. */
  readonly machines?: number | undefined;
  readonly port?: number | undefined;
  readonly operator: boolean;
  readonly portal: boolean;
  /** Further flags of the operator, for tests and experiments. */
  readonly operatorFlags: readonly string[];
  /** Hear guests on a second serial line, and note what they say and when. */
  readonly witness: boolean;
  /** Guests are small processes in the place of emulators; nothing runs in them. */
  readonly lightGuests: boolean;
  /** Progress and troubles, one line each. */
  readonly say: (line: string) => void;
  /** The API answers: the kubeconfig is good. */
  readonly onApi: (kubeconfig: string) => void;
  /** Something in the view may have changed. */
  readonly onChange: () => void;
  /** Gives up a start that is under way. */
  readonly signal: AbortSignal;
  /** Somebody asked the lab to end. */
  readonly onDown: () => void;
}

const projectRoot = join(import.meta.dirname, '..', '..', '..');
const apiDeadlineMs = 60_000;
const readyDeadlineMs = 120_000;
const pollMs = 100;
const stopGraceMs = { operator: 5_000, portal: 2_000, controlPlane: 3_000, apiServer: 20_000 };

export class Lab {
  readonly #o: LabOptions;
  readonly #stop = new AbortController();
  readonly #children: Child[] = [];
  #state: LabState;
  #lock: FileLock | undefined;
  #control: net.Server | undefined;
  #machines: Machines | undefined;
  #world: World | undefined;
  #witness: Witness | undefined;
  #server = '';
  #accel: AccelChoice | undefined;
  #operatorUrl = '';
  #portalUrl = '';
  #ready = false;

  private constructor(options: LabOptions, state: LabState) {
    this.#o = options;
    this.#state = state;
  }

  /** Resolves when the lab is ready for jobs. Throws what stopped it, after ending what had been started. */
  static async start(options: LabOptions): Promise<Lab> {
    const { layout } = options;
    await preflight(layout.dir);
    const lock = await tryLock(join(layout.dir, 'lab.lock'));
    if (lock === undefined) {
      throw new Obstacle(`a lab is running in ${layout.dir}; see \`status\`, or end it with \`down\``);
    }
    const kept = readState(layout.stateFile);
    const state = kept ?? { version: 1, machines: defaultMachines(options.machines), processes: {} };
    const lab = new Lab(options, state);
    lab.#lock = lock;
    options.signal.addEventListener('abort', () => lab.#stop.abort(options.signal.reason), { once: true });
    try {
      options.signal.throwIfAborted();
      await lab.#run();
      return lab;
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  get view(): LabView {
    const world = this.#world;
    const hosts = new Map(this.#machines?.hosts.map((host) => [host.name, host]));
    const operator = this.#children.find(({ name }) => name === 'operator')?.identity?.pid;
    return {
      server: this.#server,
      kubeconfig: this.#o.layout.kubeconfig,
      ready: this.#ready,
      ...(this.#accel === undefined ? {} : { accel: this.#accel }),
      ...(this.#operatorUrl === ''
        ? {}
        : { operator: { url: this.#operatorUrl, ...(operator === undefined ? {} : { pid: operator }) } }),
      ...(this.#portalUrl === '' ? {} : { portal: this.#portalUrl }),
      machines: this.#state.machines.flatMap((entry) =>
        world === undefined ? [] : [world.machine(entry, hosts.get(entry.name)?.emulators() ?? [])],
      ),
      jobs: world?.jobs() ?? [],
      missing: this.#children.filter((child) => !child.running).map(({ name }) => name),
    };
  }

  /** Ends everything. Nothing is left but the lab's directory. */
  async close(): Promise<void> {
    const { layout } = this.#o;
    this.#stop.abort();
    this.#control?.close();
    const [apiServer, controlPlane, operator, portal] = ['apiserver', 'control plane', 'operator', 'portal'].map(
      (wanted) => this.#children.find(({ name }) => name === wanted),
    );
    await Promise.all([operator?.stop(stopGraceMs.operator), portal?.stop(stopGraceMs.portal)]);
    await Promise.all([this.#machines?.close(), controlPlane?.stop(stopGraceMs.controlPlane)]);
    await apiServer?.stop(stopGraceMs.apiServer);
    this.#witness?.close();
    if (this.#lock === undefined) return;
    this.#save({ processes: {} });
    rmSync(layout.runtime, { recursive: true, force: true });
    this.#lock.release();
    this.#lock = undefined;
  }

  async #run(): Promise<void> {
    const { layout, say } = this.#o;
    const stale = await cleanStale(layout, this.#state);
    if (stale.length > 0) say(`cleaned up after a lab that was killed: ${stale.join(', ')}`);
    for (const dir of [layout.runtime, layout.logs, layout.bootQueue]) mkdirSync(dir, { recursive: true, mode: 0o700 });
    this.#save({ processes: this.#processes() });
    const tools = this.#provideTools();
    const rights = chartRights();
    // Whoever waits for them hears of it.
    rights.catch(() => undefined);
    const operatorProgram = this.#o.operator ? bundleOperator() : Promise.resolve('');
    // Whoever waits for it hears of it.
    operatorProgram.catch(() => undefined);
    const [pki, port, image] = await Promise.all([ensurePki(layout.pki), this.#choosePort(), this.#prepareImage()]);
    const tokens = ensureTokens(layout.tokens);
    this.#server = `https://127.0.0.1:${port}`;
    this.#save({ apiPort: port });
    const access = { server: this.#server, caPem: pki.caPem };
    writeKubeconfig(layout.kubeconfig, { ...access, user: users.admin.name, token: tokens.admin });
    const operatorConfig = join(layout.dir, 'operator.kubeconfig');
    writeKubeconfig(operatorConfig, { ...access, user: users.operator.name, token: tokens.operator });

    const stateFlags = ['--data-dir', layout.apiserver, '--pki-dir', layout.pki, '--token-file', layout.tokens];
    this.#startChild('apiserver', ['lab/src/apiserver/main.ts', ...stateFlags, '--port', String(port)]);
    const client = new KubeClient(transportFrom({ ...access, token: tokens.admin, userAgent: 'idlewild-lab' }));
    this.#stop.signal.addEventListener('abort', () => void client.raw.close());
    await this.#apiAnswers(client);
    this.#control = await serveControl(layout.controlSocket, (request) => this.#handle(request));
    this.#o.onApi(layout.kubeconfig);

    say('installing the kinds of the lab');
    await bootstrap(client, join(projectRoot, 'crds'), rights);
    this.#startChild('control plane', ['lab/src/controlplane.ts', '--dir', layout.dir, '--server', this.#server]);
    const accel = await this.#chooseAccel(image.kernel);
    if (this.#o.witness) this.#witness = new Witness(layout.witness);
    const world = new World(client);
    this.#world = world;
    const agentTokens = new AgentTokens({
      client,
      nodeUid: (name) => world.nodeUid(name),
      say,
      signal: this.#stop.signal,
    });
    this.#machines = new Machines({
      state: () => this.#state,
      save: (change) => this.#save(change),
      makeHost: (entry, peerPort) =>
        new MachineHost(entry, {
          layout,
          pki,
          accel,
          agentTokens,
          witness: this.#witness,
          guestProgram: this.#o.lightGuests ? lightGuest : undefined,
          apiPort: () => port,
          peerPort,
          say,
          onProcess: () => this.#save({ processes: this.#processes() }),
        }),
      approve: (name) => approve(client, name),
      isReady: (name) => world.isReady(name),
      say,
      signal: this.#stop.signal,
    });
    await this.#machines.open();
    world.run(this.#stop.signal, this.#o.onChange);
    if (this.#o.portal) await this.#choosePortalPort();
    if (this.#o.operator) await this.#startOperator(await operatorProgram, operatorConfig);
    if (this.#o.portal) {
      const portalConfig = join(layout.dir, 'portal.kubeconfig');
      writeKubeconfig(portalConfig, { ...access, user: users.portal.name, token: tokens.portal });
      this.#startPortal(portalConfig);
    }
    await this.#machines.ready(readyDeadlineMs);
    await this.#until(readyDeadlineMs, 'the control plane', () => takesVirtualMachines(client));
    await this.#until(readyDeadlineMs, 'the operator', () => this.#answers(this.#operatorUrl));
    await this.#until(readyDeadlineMs, 'the portal', () => this.#answers(this.#portalUrl));
    await tools;
    this.#ready = true;
    this.#o.onChange();
  }

  /** kubectl and helm in the lab's own folder, unpacked once for all labs. Without them the lab is as good. */
  async #provideTools(): Promise<void> {
    const { layout, say } = this.#o;
    try {
      await linkKubectl(layout.bin, await ensureKubectl(join(defaultCacheDir(), 'bin')));
    } catch (error) {
      say(`kubectl could not be unpacked: ${(error as Error).message}`);
    }
  }

  /** The tiny image is wanted by the first job anyway: it is built while the API server starts. */
  async #prepareImage() {
    const { say } = this.#o;
    return ensureImage('lab/tiny', {
      cacheDir: defaultCacheDir(),
      log: pino({ level: 'silent' }),
      signal: this.#stop.signal,
      onProgress: ({ image, step }) => say(`image lab/${image}: ${step}`),
    });
  }

  async #chooseAccel(kernel: string | undefined): Promise<'tcg' | 'kvm'> {
    if (kernel === undefined || this.#o.lightGuests) return 'tcg';
    const cacheFile = join(defaultCacheDir(), 'accelerator.json');
    this.#accel = await probeAccel({ kernel, cacheFile, log: pino({ level: 'silent' }) });
    this.#o.say(accelInWords(this.#accel));
    return this.#accel.accel;
  }

  async #startOperator(program: string, kubeconfig: string): Promise<void> {
    const port = await freePort(0);
    this.#operatorUrl = `http://127.0.0.1:${port}`;
    const history = join(this.#o.layout.dir, 'history.sqlite');
    const address = ['--kubeconfig', kubeconfig, '--metrics-port', String(port)];
    // So that a visitor can watch what comes of an owner who stays.
    const soon = ['--migrate-within', '1m'];
    const portal = this.#portalUrl === '' ? [] : ['--portal-url', this.#portalUrl];
    const usual = [...address, ...portal, '--history', history, '--lost-after', '15s', ...soon];
    const flags = [...usual, ...this.#o.operatorFlags];
    this.#startChild('operator', [program, ...flags], operatorNodeFlags);
  }

  /** Jobs link to the portal, so the operator has to know where it will be. */
  async #choosePortalPort(): Promise<void> {
    const port = await freePort(this.#state.portalPort ?? 0).catch(() => freePort(0));
    this.#save({ portalPort: port });
    this.#portalUrl = `http://127.0.0.1:${port}`;
  }

  #startPortal(kubeconfig: string): void {
    const port = this.#state.portalPort ?? 0;
    const flags = portalFlags({ dir: this.#o.layout.dir, kubeconfig, port, operatorUrl: this.#operatorUrl });
    this.#startChild('portal', [portalProgram, ...flags]);
  }

  /** Whether it says that it is ready; what is not there need not. */
  async #answers(url: string): Promise<boolean> {
    if (url === '') return true;
    try {
      return (await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) })).ok;
    } catch {
      // It has not begun to listen.
      return false;
    }
  }

  #startChild(name: string, args: readonly string[], nodeFlags: readonly string[] = []): void {
    const { layout, say, onChange } = this.#o;
    const [program = '', ...rest] = args;
    const onProcess = (): void => {
      this.#save({ processes: this.#processes() });
      onChange();
    };
    const child = new Child({
      name,
      args: () => [...nodeFlags, resolve(projectRoot, program), ...rest],
      logFile: join(layout.logs, `${name.replace(' ', '-')}.log`),
      onStart: onProcess,
      onEnd: onProcess,
      say,
    });
    this.#children.push(child);
    child.start();
  }

  async #choosePort(): Promise<number> {
    const { port, say } = this.#o;
    const wanted = port ?? this.#state.apiPort ?? 0;
    try {
      return await freePort(wanted);
    } catch (error) {
      if (port !== undefined) throw error;
      say(`port ${wanted} of the last time is in use; another one is taken, so set KUBECONFIG again in your shells`);
      return freePort(0);
    }
  }

  #apiAnswers(client: KubeClient): Promise<void> {
    return this.#until(apiDeadlineMs, 'the API server', () =>
      client.raw.request({ method: 'GET', path: '/readyz', timeoutMs: 2_000 }).then(
        () => true,
        () => false,
      ),
    );
  }

  async #until(deadlineMs: number, who: string, ready: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + deadlineMs;
    while (!(await ready())) {
      this.#stop.signal.throwIfAborted();
      if (performance.now() > deadline)
        throw new Error(`${who} does not answer; the logs are in ${this.#o.layout.logs}`);
      await delay(pollMs);
    }
  }

  async #handle(request: Request): Promise<unknown> {
    switch (request.op) {
      case 'status':
        return this.view;
      case 'down':
        this.#o.onDown();
        return { pid: process.pid };
      case 'machine':
        await this.#opened().turn(request.verb, request.name);
        return this.#changed();
      case 'owner':
        await this.#opened().owner(request.verb, request.name);
        return this.#changed();
      case 'agent':
        await this.#opened().agent(request.verb, request.name);
        return this.#changed();
      case 'add':
        await this.#opened().add(request.name, request.machine satisfies NewMachine);
        return this.#changed();
    }
  }

  #opened(): Machines {
    if (this.#machines === undefined) throw new Error('the lab is still starting; try again in a moment');
    return this.#machines;
  }

  #changed(): void {
    this.#o.onChange();
  }

  #processes(): LabState['processes'] {
    const own = identityOf(process.pid);
    const children = this.#children.map(({ name, identity }) => [name, identity] as const);
    const machines = (this.#machines?.hosts ?? []).map(({ name, identity }) => [name, identity] as const);
    const all = [['lab', own] as const, ...children, ...machines];
    return Object.fromEntries(all.flatMap(([name, identity]) => (identity === undefined ? [] : [[name, identity]])));
  }

  #save(change: Partial<LabState>): void {
    this.#state = { ...this.#state, ...change };
    writeState(this.#o.layout.stateFile, this.#state);
  }
}

/** A port of loopback that nobody uses now: the wanted one, or any for 0. Throws EADDRINUSE. */
async function freePort(wanted: number): Promise<number> {
  const probe = net.createServer();
  const port = await listenOn(probe, wanted);
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
