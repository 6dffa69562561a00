// For tests: programs that stand where kube-apiserver and etcd would, and write down how they were started and how they ended.
// They answer nothing but whether they are ready. What the real ones do with the flags they cannot tell.
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface FakeOptions {
  /** How often kube-apiserver says that it is not ready before it is; Infinity: always. */
  readonly unready?: number;
  /** What etcd says before it ends at once, instead of running. */
  readonly etcdComplaint?: string;
  /** kube-apiserver does not heed SIGTERM. */
  readonly stubborn?: boolean;
}

export interface Fakes {
  /** For KUBEBUILDER_ASSETS. */
  readonly dir: string;
  /** The flags that a program was started with last, by name without dashes. */
  flags(program: 'etcd' | 'kube-apiserver'): Promise<Readonly<Record<string, string>>>;
  /** What happened, in order: `etcd started`, `kube-apiserver ready`, `kube-apiserver SIGTERM` and so on. */
  story(): Promise<readonly string[]>;
  /** The process of a program that was started last. */
  pid(program: 'etcd' | 'kube-apiserver'): Promise<number>;
}

export async function fakeAssets(root: string, options: FakeOptions = {}): Promise<Fakes> {
  const dir = join(root, 'bin');
  const story = join(root, 'story');
  await mkdir(dir, { recursive: true });
  const write = async (name: string, body: string): Promise<void> => {
    const file = join(dir, name);
    await writeFile(file, `#!${process.execPath}\n${preamble(name, root)}\n${body}\n`);
    await chmod(file, 0o755);
  };
  await write('etcd', etcd(options.etcdComplaint));
  await write('kube-apiserver', apiServer(options.unready ?? 2, options.stubborn === true));
  const record = async (program: string) =>
    JSON.parse(await readFile(join(root, `${program}.json`), 'utf8')) as { pid: number; flags: Record<string, string> };
  return {
    dir,
    flags: async (program) => (await record(program)).flags,
    pid: async (program) => (await record(program)).pid,
    story: async () => (await readFile(story, 'utf8')).trimEnd().split('\n'),
  };
}

function preamble(name: string, root: string): string {
  return `const fs = require('node:fs');
const flags = Object.fromEntries(process.argv.slice(2).map((flag) => {
  const [, key, value] = /^--([^=]+)=(.*)$/s.exec(flag) ?? [undefined, flag, ''];
  return [key, value];
}));
const tell = (what) => fs.appendFileSync(${JSON.stringify(join(root, 'story'))}, ${JSON.stringify(name)} + ' ' + what + '\\n');
fs.writeFileSync(${JSON.stringify(join(root, `${name}.json`))}, JSON.stringify({ pid: process.pid, flags }));
tell('started');`;
}

function etcd(complaint: string | undefined): string {
  if (complaint !== undefined) return `console.error(${JSON.stringify(complaint)}); process.exit(3);`;
  return `const { port } = new URL(flags['listen-client-urls']);
fs.mkdirSync(flags['data-dir'], { recursive: true });
require('node:http').createServer((request, response) => response.end(JSON.stringify({ health: 'true', reason: '' })))
  .listen(Number(port), '127.0.0.1', () => tell('ready'));
process.on('SIGTERM', () => { tell('SIGTERM'); process.exit(0); });`;
}

/** Reads every file that a flag names, as the real one would, and fails without etcd. */
function apiServer(unready: number, stubborn: boolean): string {
  return `for (const [flag, value] of Object.entries(flags)) {
  if (value.startsWith('/')) fs.readFileSync(value);
}
let left = ${unready === Infinity ? 'Infinity' : String(unready)};
const tls = { cert: fs.readFileSync(flags['tls-cert-file']), key: fs.readFileSync(flags['tls-private-key-file']) };
const server = require('node:https').createServer(tls, (request, response) => {
  const ready = request.url === '/readyz' && (left -= 1) < 0;
  if (ready) tell('ready');
  response.writeHead(ready ? 200 : 500).end(ready ? 'ok' : 'not ready');
});
fetch(flags['etcd-servers'] + '/health').then(() => server.listen(Number(flags['secure-port']), flags['bind-address']));
process.on('SIGTERM', () => { tell('SIGTERM'); if (!${String(stubborn)}) process.exit(0); });`;
}
