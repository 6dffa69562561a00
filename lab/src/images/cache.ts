// The image cache: an image is built on first use, once, by whoever asks first, and never changes afterwards.
// Promise: any number of processes may ask at once, and a builder killed at any point leaves nothing that is mistaken for
// an image. An image folder in the cache is complete, for it appears by a rename. Old versions go when a new one is built.
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import type { Logger } from 'pino';
import { brokenRecipe } from './broken.ts';
import { debianRecipe, desktopRecipe } from './debian.ts';
import { takeLock } from './file-lock.ts';
import { ImageError, imageNameOf } from './guest-image.ts';
import type { GuestImage, ImageName } from './guest-image.ts';
import { noteUse, removeObsolete, removingPrefix } from './old-versions.ts';
import { requirePackages } from './packages.ts';
import { recipeHash } from './recipe.ts';
import type { BuiltImage, Recipe } from './recipe.ts';
import { tinyRecipe } from './tiny.ts';

export interface ImageProgress {
  readonly image: ImageName;
  /** What happens now, in a few words. */
  readonly step: string;
}

export interface ImageOptions {
  /** Root of the cache; images are in its `images` folder. */
  readonly cacheDir: string;
  readonly log: Pick<Logger, 'info'>;
  readonly onProgress?: (progress: ImageProgress) => void;
  readonly signal?: AbortSignal | undefined;
}

const recipes: Readonly<Record<ImageName, Recipe>> = {
  tiny: tinyRecipe,
  debian: debianRecipe,
  desktop: desktopRecipe,
  broken: brokenRecipe,
};
const manifestFile = 'image.json';

/** `$IDLEWILD_CACHE`, else `$XDG_CACHE_HOME/idlewild`, else `~/.cache/idlewild`. */
export function defaultCacheDir(env: Readonly<Record<string, string | undefined>> = process.env): string {
  return env['IDLEWILD_CACHE'] || join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'idlewild');
}

/**
 * The image that the reference names, built first if the cache has none. Throws ImageError: `unknown` for a reference that
 * is no lab image, `packages` when programs are missing on this machine, `build` when the build went wrong.
 */
export async function ensureImage(reference: string, options: ImageOptions): Promise<GuestImage> {
  const name = imageNameOf(reference);
  if (name === undefined) {
    const known = Object.keys(recipes).map((each) => `lab/${each}`);
    throw new ImageError('unknown', `${reference} is not an image of the lab, which has ${known.join(', ')}`);
  }
  const recipe = recipes[name];
  const imagesDir = join(options.cacheDir, 'images');
  const finalDir = join(imagesDir, `${name}-${await recipeHash(recipe)}`);
  const cached = await useImage(name, finalDir);
  if (cached !== undefined) return cached;
  const report = (step: string): void => {
    options.log.info({ image: name, step }, 'image');
    options.onProgress?.({ image: name, step });
  };
  const lock = await takeLock(join(imagesDir, `${name}.lock`), {
    signal: options.signal,
    onWait: () => report('waiting for another process that builds it'),
  });
  try {
    return (await useImage(name, finalDir)) ?? (await buildImage(recipe, imagesDir, finalDir, report, options.signal));
  } finally {
    lock.release();
  }
}

/** Whether the image is in the cache already; builds nothing. */
export async function isCached(name: ImageName, cacheDir: string): Promise<boolean> {
  const folder = join(cacheDir, 'images', `${name}-${await recipeHash(recipes[name])}`);
  return (await readImage(name, folder)) !== undefined;
}

async function buildImage(
  recipe: Recipe,
  imagesDir: string,
  finalDir: string,
  report: (step: string) => void,
  signal: AbortSignal | undefined,
): Promise<GuestImage> {
  await requirePackages(recipe.packages);
  const prefix = `building-${recipe.name}-`;
  // The lock is ours, so whatever lies there was left by a builder that was killed.
  for (const entry of await readdir(imagesDir)) {
    const left = entry.startsWith(prefix) || entry.startsWith(removingPrefix(recipe.name));
    if (left) await rm(join(imagesDir, entry), { recursive: true, force: true });
  }
  const workDir = await mkdtemp(join(imagesDir, prefix));
  try {
    const imageDir = join(workDir, 'image');
    await mkdir(imageDir);
    const built = await recipe.build({ imageDir, workDir, report, signal });
    const digest = await digestOf(imageDir);
    await writeFile(join(imageDir, manifestFile), JSON.stringify({ digest, built }, null, 2));
    await rename(imageDir, finalDir);
  } catch (error) {
    if (error instanceof ImageError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ImageError('build', `building lab/${recipe.name} failed: ${reason}`, { cause: error });
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
  report('built');
  const image = await readImage(recipe.name, finalDir);
  if (image === undefined) throw new ImageError('build', `${finalDir} vanished while it was built`);
  try {
    const removed = await removeObsolete(imagesDir, recipe.name, basename(finalDir));
    if (removed.length > 0) report(`removed ${removed.join(', ')}, which had not been used for long`);
  } catch (error) {
    // The image that was asked for is there all the same.
    report(`old versions could not be removed: ${(error as Error).message}`);
  }
  return image;
}

/** The image if it is there; it then counts as used and is not removed for a while. */
async function useImage(name: ImageName, folder: string): Promise<GuestImage | undefined> {
  return (await noteUse(folder)) ? readImage(name, folder) : undefined;
}

async function readImage(name: ImageName, folder: string): Promise<GuestImage | undefined> {
  let text: string;
  try {
    text = await readFile(join(folder, manifestFile), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const { digest, built } = JSON.parse(text) as { digest: string; built: BuiltImage };
  const absolute = (file: string): string => join(folder, file);
  return {
    ...built,
    name,
    digest,
    ...(built.kernel === undefined ? {} : { kernel: absolute(built.kernel) }),
    ...(built.initrd === undefined ? {} : { initrd: absolute(built.initrd) }),
    ...(built.rootDisk === undefined ? {} : { rootDisk: absolute(built.rootDisk) }),
  };
}

async function digestOf(folder: string): Promise<string> {
  const hash = createHash('sha256');
  for (const file of (await readdir(folder)).sort())
    hash.update(`\0${file}\0`).update(await readFile(join(folder, file)));
  return `sha256:${hash.digest('hex')}`;
}
