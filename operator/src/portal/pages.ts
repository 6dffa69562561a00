// The pages themselves: the files that Vite built, from memory.
// Promises: files with a hash in their name may be kept for ever; the page itself never is, and carries a nonce of its own for the
// styles that its components make; every other path of a page is answered with it, so that links to jobs work. Needs no login: the
// pages hold nothing of the cluster.

import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Router, type Request, type Response } from 'express';
import helmet from 'helmet';

interface File {
  readonly body: Buffer;
  readonly gzip: Buffer;
  readonly type: string;
}

const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
  '.txt': 'text/plain; charset=utf-8',
};

const nonceMark = '__NONCE__';

/** Headers of every answer, and a policy that lets a page load nothing but our own. */
export function securityHeaders(secure: boolean) {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'", (_request, response) => `'nonce-${nonceOf(response as Response)}'`],
        imgSrc: ["'self'", 'data:', 'blob:'],
        fontSrc: ["'self'"],
        connectSrc: ["'self'"],
        manifestSrc: ["'self'"],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    referrerPolicy: { policy: 'no-referrer' },
    xFrameOptions: { action: 'deny' },
    strictTransportSecurity: secure,
  });
}

function nonceOf(response: Response): string {
  return ((response.locals as { nonce?: string }).nonce ??= randomBytes(16).toString('base64'));
}

/** Names the build, so that a page can tell that it is old. */
export interface Pages {
  readonly router: Router;
  readonly build: string;
}

/** @param dir what `npm run build -w web` made. Throws when there is no page. */
export function pagesOf(dir: string): Pages {
  const files = new Map<string, File>();
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const body = readFileSync(path);
    const type = types[extname(entry.name)] ?? 'application/octet-stream';
    files.set(`/${relative(dir, path)}`, { body, gzip: gzipSync(body, { level: 9 }), type });
  }
  const page = files.get('/index.html')?.body.toString('utf8');
  if (page === undefined) throw new Error(`--web: ${dir} holds no index.html; make it with: npm run build -w web`);
  const build = /\/assets\/[\w-]+-([\w-]+)\.js/.exec(page)?.[1] ?? 'unknown';
  const router = Router();
  router.get(/^\/.*/, (request: Request, response: Response, next) => {
    if (request.path.startsWith('/api/')) {
      next();
      return;
    }
    const file = request.path === '/index.html' ? undefined : files.get(request.path);
    if (file !== undefined) {
      const forEver = request.path.startsWith('/assets/');
      response.set('cache-control', forEver ? 'public, max-age=31536000, immutable' : 'no-cache');
      response.type(file.type).vary('accept-encoding');
      const packed = request.acceptsEncodings('gzip') === 'gzip' && file.gzip.length < file.body.length;
      if (packed) response.set('content-encoding', 'gzip');
      response.send(packed ? file.gzip : file.body);
      return;
    }
    if (request.path.startsWith('/assets/')) {
      next();
      return;
    }
    response
      .set('cache-control', 'no-store')
      .type('html')
      .send(page.replaceAll(nonceMark, nonceOf(response)));
  });
  return { router, build };
}
