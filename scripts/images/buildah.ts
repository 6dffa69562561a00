// buildah with a storage of its own: no daemon, nobody's base image, and nothing of the machine's own containers.
// Promises: throws with buildah's words.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';

/** What an image says of itself, as far as it is asked here. */
export interface ImageConfig {
  readonly Entrypoint: readonly string[];
  readonly Cmd?: readonly string[];
  readonly User: string;
  readonly WorkingDir: string;
  readonly Env: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
  readonly Healthcheck: { readonly Test: readonly string[] };
}

export class Buildah {
  readonly #storage: readonly string[];
  readonly #work: string;
  readonly #cwd: string;

  /** @param work a directory that nobody else uses. @param cwd what is built. */
  constructor(work: string, cwd: string) {
    this.#storage = ['--storage-driver', 'overlay', '--root', join(work, 'storage'), '--runroot', join(work, 'run')];
    this.#work = work;
    this.#cwd = cwd;
  }

  /** What it prints, or '' where that is `shown` to whoever looks on. */
  run(args: readonly string[], shown = false): string {
    const [command = '', ...rest] = args;
    const { status, stdout, stderr, error } = spawnSync('buildah', [...this.#storage, command, ...rest], {
      cwd: this.#cwd,
      encoding: 'utf8',
      env: { ...process.env, BUILDAH_ISOLATION: 'chroot', TMPDIR: this.#work },
      maxBuffer: 64 * 1024 * 1024,
      stdio: shown ? ['ignore', 'inherit', 'inherit'] : 'pipe',
    });
    if (error !== undefined)
      throw new Error(`buildah: ${error.message}. It is a Debian package: apt-get install buildah`);
    if (status !== 0) throw new Error(`buildah ${args.join(' ')} ended with ${status}\n${stdout}\n${stderr}`);
    return shown ? '' : stdout.trim();
  }

  /** An image of what is in a directory. */
  pack(tree: string, name: string): void {
    const container = this.run(['from', 'scratch']);
    this.run(['copy', '--quiet', container, tree, '/']);
    this.run(['config', '--env', 'PATH=/usr/bin:/bin', container]);
    this.run(['commit', '--quiet', '--rm', container, name]);
  }

  configOf(image: string): ImageConfig {
    const { Docker } = JSON.parse(this.run(['inspect', '--type', 'image', image])) as {
      readonly Docker: { readonly config: ImageConfig };
    };
    return Docker.config;
  }

  /** The image's files, in a directory that may be written to without changing the image. */
  unpack(image: string): string {
    return this.run(['mount', this.run(['from', '--pull-never', image])]);
  }
}
