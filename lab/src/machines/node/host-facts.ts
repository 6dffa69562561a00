// Reads what a Node object says about the computer it runs on. Every lab machine is the same computer; ids differ by name.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import type { HostFacts } from './node-object.ts';

export async function readHostFacts(machine: string, machineTypes: readonly string[]): Promise<HostFacts> {
  const [cpuInfo, release] = await Promise.all([textOf('/proc/cpuinfo'), textOf('/etc/os-release')]);
  return {
    cpuVendor: cpuInfo.includes('AuthenticAMD') ? 'AMD' : 'Intel',
    machineTypes,
    kernelVersion: os.release(),
    osImage: /^PRETTY_NAME="?([^"\n]*)/m.exec(release)?.[1] ?? os.type(),
    bootId: (await textOf('/proc/sys/kernel/random/boot_id')).trim(),
    machineId: createHash('sha256').update(`lab machine ${machine}`).digest('hex').slice(0, 32),
  };
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    // A system without this file still runs the lab; the Node then says less about it.
    return '';
  }
}
