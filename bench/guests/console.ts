// The kubelets' answer to who wants the log of a guest's serial console.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Guests } from './guests.ts';

/** GET /containerLogs/NAMESPACE/POD/CONTAINER[?follow=true], as kubelets serve it. */
export function answerLogs(guests: Guests, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'https://kubelet');
  const [, , namespace, pod] = url.pathname.split('/');
  const log = guests.consoleOf(`${namespace}/${pod}`);
  if (log === undefined) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end(`pod "${pod}" not found`);
    return;
  }
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.flushHeaders();
  response.write(log.text());
  if (url.searchParams.get('follow') !== 'true') {
    response.end();
    return;
  }
  const leave = log.follow(
    (text) => response.write(text),
    () => response.end(),
  );
  response.once('close', leave);
}
