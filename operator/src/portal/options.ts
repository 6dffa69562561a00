// The portal's command line.
// Promises: refuses what it does not know and what is out of range, with the flag's name and what is allowed.

import { parseArgs } from 'node:util';
import { z } from 'zod';

const origin = z.string().refine((text) => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url !== undefined && /^https?:$/.test(url.protocol) && url.origin === text.replace(/\/$/, '');
}, 'must be like https://portal.example.org');

const schema = z.strictObject({
  kubeconfig: z.string().min(1).optional(),
  host: z.string().min(1).default('127.0.0.1'),
  port: z
    .string()
    .regex(/^\d{1,5}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().max(65_535))
    .default(0),
  'public-url': z.array(origin).default([]),
  'session-keys': z.string().min(1).optional(),
  web: z.string().min(1).optional(),
  'lab-control-socket': z.string().startsWith('/', 'must be the path of a socket').optional(),
  'log-level': z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  help: z.boolean().default(false),
});

export type PortalOptions = z.output<typeof schema>;

const flags = {
  kubeconfig: { type: 'string' },
  host: { type: 'string' },
  port: { type: 'string' },
  'public-url': { type: 'string', multiple: true },
  'session-keys': { type: 'string' },
  web: { type: 'string' },
  'lab-control-socket': { type: 'string' },
  'log-level': { type: 'string' },
  help: { type: 'boolean' },
} as const satisfies Record<keyof PortalOptions, object>;

export const usage = `The Idlewild portal: jobs, machines and consoles in a browser.

  --kubeconfig FILE     KUBECONFIG, ~/.kube/config or the pod's service account unless given
  --host HOST           address to listen on (127.0.0.1)
  --port PORT           its port; 0 picks a free one and logs it (0)
  --public-url URL      where browsers find it, such as https://portal.example.org; may be given several times. With https only,
                        the cookie is for https only (loopback at its own port)
  --session-keys FILE   keys that seal logins, one a line, each 32 bytes in base64; the first seals, all of them open. All replicas
                        need the same ones (a key of its own, so that logins end with the process)
  --web DIR             the built pages (web/dist beside this program, if it is there)
  --lab-control-socket PATH
                        of a lab of virtual machines: lets those who may patch nodes turn the switches of its machines (none)
  --log-level LEVEL     trace, debug, info, warn, error or silent (info)
`;

/** Throws TypeError with the flag's name and what is allowed. */
export function parsePortalOptions(args: readonly string[]): PortalOptions {
  const { values } = parseArgs({ args: [...args], options: flags });
  const parsed = schema.safeParse(values);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new TypeError(`--${issue?.path[0]?.toString()}: ${issue?.message}`);
}

/** @param text a file of keys. Throws TypeError for what is none, without repeating it. */
export function sessionKeysOf(text: string): Uint8Array[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length === 0)
    throw new TypeError('--session-keys: the file is empty; make a key with: openssl rand -base64 32');
  return lines.map((line, index) => {
    const key = Buffer.from(line.trim(), 'base64');
    if (key.length !== 32) {
      throw new TypeError(
        `--session-keys: line ${index + 1} is not 32 bytes in base64; make one with: openssl rand -base64 32`,
      );
    }
    return key;
  });
}
