// The shape of a recipe: how one image is made from packages, and which files decide what comes out of it.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { GuestImage, ImageName } from './guest-image.ts';
import type { HostPackage } from './packages.ts';

export interface BuildContext {
  /** Where the finished files go; moved as a whole into the cache afterwards. */
  readonly imageDir: string;
  /** For anything else; removed afterwards. On the same file system as imageDir. */
  readonly workDir: string;
  /** Says in a few words what happens now. */
  readonly report: (step: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** A built image with file names relative to its folder, as written to `image.json`. */
export type BuiltImage = Omit<GuestImage, 'name' | 'digest'>;

export interface Recipe {
  readonly name: ImageName;
  /** Source files whose contents decide the result: a changed file makes a new image. */
  readonly sources: readonly URL[];
  readonly packages: readonly HostPackage[];
  build(context: BuildContext): Promise<BuiltImage>;
}

/** Twelve hex digits that change whenever a source file of the recipe does. Needs no network. */
export async function recipeHash(recipe: Recipe): Promise<string> {
  const hash = createHash('sha256').update(recipe.name);
  for (const source of recipe.sources) hash.update('\0').update(await readFile(source));
  return hash.digest('hex').slice(0, 12);
}
