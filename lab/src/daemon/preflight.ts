// Looks, before anything is started, whether this computer can run a lab; says what is missing and what to do about it.
import { mkdirSync, statfsSync } from 'node:fs';
import { kubernetesAssets } from '../apiserver/kubernetes/assets.ts';
import { guestPackages, installLine, missingPackages } from '../images/packages.ts';

/** An obstacle in words, with the next step. */
export class Obstacle extends Error {
  override readonly name = 'Obstacle';
}

const leastFreeMiB = 1024;

/** Throws an Obstacle. */
export async function preflight(dir: string, env: NodeJS.ProcessEnv = process.env): Promise<void> {
  try {
    kubernetesAssets(env);
  } catch (error) {
    throw new Obstacle(`${(error as Error).message}; unset it to use the lab's own API server`);
  }
  const missing = await missingPackages(guestPackages);
  if (missing.length > 0) {
    throw new Obstacle(`programs are missing on this computer; as root, install them with: ${installLine(missing)}`);
  }
  try {
    mkdirSync(dir, { recursive: true });
  } catch (error) {
    throw new Obstacle(`${dir} cannot be made: ${(error as Error).message}; choose another directory with --dir`);
  }
  const { bavail, bsize } = statfsSync(dir);
  const freeMiB = Math.floor((bavail * bsize) / 2 ** 20);
  if (freeMiB < leastFreeMiB) {
    throw new Obstacle(
      `only ${freeMiB} MiB are free where ${dir} is, and a lab needs ${leastFreeMiB} MiB; free some space or use --dir`,
    );
  }
}

/** The error in words for the person who started the lab. */
export function inWords(error: unknown): string {
  if (error instanceof Obstacle) return error.message;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC') return `there is no space left on the disk: ${message}; free some and try again`;
  if (code === 'EADDRINUSE') return `${message}; end the other program or choose another port with --port`;
  if (code === 'EACCES' || code === 'EPERM') return `${message}; run the lab as root, or in a directory of your own`;
  return message ?? String(error);
}
