// `image build NAME`: builds a guest image into the cache now instead of on first use.
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { defaultCacheDir, ensureImage } from '../images/cache.ts';
import { imageNames } from '../images/guest-image.ts';

export async function imageCommand(args: string[]): Promise<void> {
  const { positionals } = parseArgs({ args, allowPositionals: true, options: { dir: { type: 'string' } } });
  const [verb, name] = positionals;
  if (verb !== 'build' || name === undefined)
    throw new Error(`say: image build NAME, with one of ${imageNames.join(', ')}`);
  const image = await ensureImage(name.includes('/') ? name : `lab/${name}`, {
    cacheDir: defaultCacheDir(),
    log: pino({ level: 'silent' }),
    onProgress: ({ step }) => console.log(step),
  });
  console.log(`lab/${image.name} ${image.digest}`);
}
