// Whether this host can run guests with KVM.
// Only a booting kernel proves it: on some hosts /dev/kvm opens, a toy program runs, and a kernel never prints a line. Without
// the processor's own virtualization flag the device is not even opened. Promise: an answer within the time-out.
import { access, constants, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Logger } from 'pino';
import type { Accel } from './guest-spec.ts';
import { spawn } from 'node:child_process';
import { programPath } from '../../images/packages.ts';
import { machineType } from './argv.ts';
import { qemuProgram } from './process.ts';

export interface AccelProbe {
  /** A kernel to boot, such as lab/tiny's. */
  readonly kernel: string;
  /** Where the answer is kept until the host boots again. */
  readonly cacheFile: string;
  readonly timeoutMs?: number;
  readonly log: Pick<Logger, 'info'>;
}

/** What the host has; replaceable in tests. */
export interface HostFacts {
  readonly bootId: string;
  readonly cpuInfo: string;
  readonly kvmDevice: boolean;
}

const defaultTimeoutMs = 3000;

/** What guests run with, and the reason in words for people. */
export interface AccelChoice {
  readonly accel: Accel;
  readonly why: string;
}

/** The fastest accelerator that is proven to work here. Never throws for want of KVM. */
export async function probeAccel(probe: AccelProbe, facts?: HostFacts): Promise<AccelChoice> {
  const host = facts ?? (await hostFacts());
  const cached = await readAnswer(probe.cacheFile, host.bootId);
  if (cached !== undefined) return cached;
  const choice = await choose(probe, host);
  await keepAnswer(probe.cacheFile, { bootId: host.bootId, ...choice });
  probe.log.info({ ...choice }, 'accelerator chosen');
  return choice;
}

async function choose(probe: AccelProbe, host: HostFacts): Promise<AccelChoice> {
  const hindrance = kvmHindrance(host);
  if (hindrance !== undefined) return { accel: 'tcg', why: hindrance };
  const seconds = (probe.timeoutMs ?? defaultTimeoutMs) / 1000;
  return (await kernelBoots(probe))
    ? { accel: 'kvm', why: 'a kernel boots with it' }
    : { accel: 'tcg', why: `/dev/kvm opens, but no kernel boots with it within ${seconds} s` };
}

/** Why opening /dev/kvm is not worth a try; undefined when the device exists and the processor says that it can virtualize. */
export function kvmHindrance({ cpuInfo, kvmDevice }: Pick<HostFacts, 'cpuInfo' | 'kvmDevice'>): string | undefined {
  if (!kvmDevice) return '/dev/kvm does not exist or may not be used by this user';
  if (/^flags\s*:.*\b(?:vmx|svm)\b/m.test(cpuInfo)) return undefined;
  return 'the processor of this host offers no virtualization (neither vmx nor svm)';
}

async function hostFacts(): Promise<HostFacts> {
  const [bootId, cpuInfo] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    readFile('/proc/cpuinfo', 'utf8'),
  ]);
  const kvmDevice = await access('/dev/kvm', constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  return { bootId: bootId.trim(), cpuInfo, kvmDevice };
}

function kernelBoots({ kernel, timeoutMs = defaultTimeoutMs }: AccelProbe): Promise<boolean> {
  const machine = ['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', 'stdio'];
  const processor = ['-machine', machineType, '-accel', 'kvm', '-cpu', 'max,-arch-capabilities', '-m', '128'];
  const append = 'console=ttyS0 earlyprintk=serial,ttyS0 panic=-1';
  const args = [
    '--pdeathsig',
    'KILL',
    '--',
    qemuProgram,
    ...machine,
    ...processor,
    '-kernel',
    kernel,
    '-append',
    append,
  ];
  const child = spawn('setpriv', args, {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, PATH: programPath() },
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    printed += chunk;
    if (printed.includes('Linux version')) child.kill('SIGKILL');
  });
  return new Promise((resolve) => {
    child.on('error', () => resolve(false));
    child.on('close', () => resolve(printed.includes('Linux version')));
  });
}

async function readAnswer(file: string, bootId: string): Promise<AccelChoice | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '{}');
  const { bootId: of, accel, why } = JSON.parse(text) as { bootId?: string } & Partial<AccelChoice>;
  return of === bootId && accel !== undefined && why !== undefined ? { accel, why } : undefined;
}

async function keepAnswer(file: string, answer: AccelChoice & { bootId: string }): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.${process.pid}`, JSON.stringify(answer));
  await rename(`${file}.${process.pid}`, file);
}
