// A server of ours begins to listen.
// Promises: resolves once it does, and rejects with the system's error when it cannot.

import type { Server } from 'node:http';

/**
 * @param port 0 picks a free one.
 * @param host an address; `::` is every address of the machine, be it of IPv4 or IPv6, and where there is no IPv6 those of IPv4.
 */
export function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // Node looks by itself what there is when it is not told an address.
    server.listen(port, host === '::' ? undefined : host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
