// `lab/broken`: an image that never boots. Its root disk is empty, so the firmware finds no boot record and halts.
// A halted processor costs the host nothing.
import { join } from 'node:path';
import { run } from './command.ts';
import { guestPackages } from './packages.ts';
import type { BuildContext, BuiltImage, Recipe } from './recipe.ts';

export const brokenRecipe: Recipe = {
  name: 'broken',
  sources: [new URL('./broken.ts', import.meta.url)],
  packages: guestPackages,
  build: async (context: BuildContext): Promise<BuiltImage> => {
    const disk = join(context.imageDir, 'root.qcow2');
    await run('qemu-img', ['create', '-q', '-f', 'qcow2', disk, '16M'], { signal: context.signal });
    return { rootDisk: 'root.qcow2', append: [], minMemoryMiB: 16, tbSizeMiB: 8 };
  },
};
