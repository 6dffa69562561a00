// KubeVirt, the scheduler and all kubelets, as little of them as the operator needs: each virtual machine gets an instance and a
// launcher pod that run at once, and a console that prints the markers of the job's script. Guests are timers.
// Promises: six writes per guest, in KubeVirt's order; the bench's own processor time does not count towards anybody.

import { createServer } from 'node:https';
import { parseArgs } from 'node:util';
import process from 'node:process';
import { transportFromKubeConfig } from '@idlewild/operator/kube/credentials.ts';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { issueServing } from '../guests/serving.ts';
import { Guests } from '../guests/guests.ts';
import { answerLogs } from '../guests/console.ts';

const { values } = parseArgs({
  options: { kubeconfig: { type: 'string' }, port: { type: 'string' }, 'pki-dir': { type: 'string' } },
});

const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
const client = new KubeClient(await transportFromKubeConfig(values.kubeconfig));
const guests = new Guests(client, stop.signal);
const kubelet = createServer(await issueServing(values['pki-dir'] ?? ''), (request, response) =>
  answerLogs(guests, request, response),
);
await new Promise<void>((resolve) => kubelet.listen(Number(values.port), '127.0.0.1', resolve));
await guests.run(() => process.send?.({ ready: true }));
kubelet.closeAllConnections();
kubelet.close();
await client.raw.close();
process.disconnect?.();
