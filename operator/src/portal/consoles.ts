// The way from a page to a guest's screen or serial console: a WebSocket of the page joined to one of KubeVirt's.
// Promises: binary frames both ways, unchanged; whoever reads slowly makes the other side wait; a right that is withdrawn ends it
// within half a minute; the page is told by the code of the close why it ended. Must not look into what is sent.

import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import type { RawData, WebSocket } from 'ws';
import { virtualMachineInstanceSubresources } from '../api/resources.ts';
import type { KubeClient } from '../kube/client.ts';
import { toKubeError } from '../kube/errors.ts';
import { objectPath } from '../kube/paths.ts';
import { plainProtocol } from '../kube/socket.ts';
import type { Authorization } from '../server/authorization.ts';
import { Problem } from '../server/problem.ts';
import type { Caller, Callers } from './callers.ts';
import type { ConsoleProtocol } from './schemas.ts';
import { pictureOf } from './stills.ts';
import type { Grant, Tickets } from './tickets.ts';
import type { UpgradeRoute } from './upgrades.ts';

export const consolePath = '/api/v1/consoles';

/** What each protocol is called among KubeVirt's subresources. */
export const subresourceOf: Readonly<Record<ConsoleProtocol, string>> = { vnc: 'vnc', serial: 'console' };

/** Why a console was closed. */
export const consoleCodes = {
  loginOver: 4401,
  rightWithdrawn: 4403,
  /** There is no such guest, or it does not run yet. */
  notThere: 4404,
  /** Somebody else has the screen now. */
  inUse: 4409,
  /** The guest's side ended: it moved, went off, or somebody else opened its console. */
  guestEnded: 4412,
  tooMany: 4429,
} as const;

export interface ConsolesOptions {
  readonly client: KubeClient;
  readonly authorization: Authorization;
  readonly callers: Callers;
  readonly tickets: Tickets;
  readonly log: Logger;
}

const ticketPrefix = 'ticket.';
const highWater = 1024 * 1024;
const lowWater = 256 * 1024;
const recheckMs = 30_000;
const pingMs = 20_000;
const mostUnanswered = 2;
const mostConsoles = 200;

/** Whose ticket it is: the session where there is one, so that a copied ticket is of no use in another browser. */
export function holderOf({ user, session }: Caller): string {
  return `${user.name} ${session?.id ?? 'program'}`;
}

export function consoleRoute(o: ConsolesOptions): UpgradeRoute {
  const open = new Set<WebSocket>();
  return {
    longestFrame: 1024 * 1024,
    protocol: plainProtocol,
    prepare: async (caller, request) => {
      const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((word) => word.trim());
      const ticket = offered.find((word) => word.startsWith(ticketPrefix))?.slice(ticketPrefix.length);
      if (ticket === undefined || !offered.includes(plainProtocol)) {
        throw new Problem(400, `the sub-protocols ${plainProtocol} and ${ticketPrefix}TICKET are needed`);
      }
      const grant = await o.tickets.redeem(ticket, holderOf(caller));
      if (grant === undefined)
        throw new Problem(403, 'the ticket is not good, was used, or is over; ask for another one');
      await mayOpen(o.authorization, caller, grant);
      return (page) => {
        if (open.size >= mostConsoles) {
          page.close(consoleCodes.tooMany, 'too many consoles');
          return;
        }
        open.add(page);
        page.once('close', () => open.delete(page));
        join(o, page, request, grant).catch((error: unknown) => {
          if (error instanceof InUse) {
            ended(page, consoleCodes.inUse, 'in use');
            return;
          }
          const { kind, message } = toKubeError(error);
          if (kind !== 'notFound' && kind !== 'conflict' && kind !== 'badRequest') {
            o.log.warn({ err: message, guest: grant.virtualMachine }, 'a console could not be opened');
          }
          ended(page, consoleCodes.notThere, 'no such guest now');
        });
      };
    },
  };
}

export function mayOpen(authorization: Authorization, { user }: Caller, grant: Omit<Grant, 'holder'>): Promise<void> {
  return authorization.require(user, {
    verb: 'get',
    resource: virtualMachineInstanceSubresources,
    subresource: subresourceOf[grant.protocol],
    namespace: grant.namespace,
    name: grant.virtualMachine,
  });
}

async function join(o: ConsolesOptions, page: WebSocket, request: IncomingMessage, grant: Grant): Promise<void> {
  const { namespace, virtualMachine: name, protocol } = grant;
  const { dial } = o.client.raw;
  if (dial === undefined) throw new TypeError('the transport cannot open WebSockets');
  const gone = new AbortController();
  // What is typed before the guest answers waits in the page's own connection.
  page.pause();
  page.once('close', () => gone.abort());
  const path = objectPath(virtualMachineInstanceSubresources, { namespace, name }, subresourceOf[protocol]);
  const query = protocol === 'vnc' && !grant.takeOver ? '?preserveSession=true' : '';
  const guest = await dial({ path: path + query, signal: gone.signal }).catch(async (error: unknown) => {
    throw query !== '' && (await isInUse(o.client, grant, error, gone.signal)) ? new InUse() : error;
  });
  keepAlive(guest);
  const checking = setInterval(() => {
    stillMay(o, request, grant).then(
      (code) => code !== undefined && ended(page, code, 'no longer allowed'),
      (error: unknown) => o.log.warn({ err: error }, 'a console could not be checked'),
    );
  }, recheckMs);
  guest.once('close', () => ended(page, consoleCodes.guestEnded, 'the guest ended it'));
  page.once('close', () => {
    clearInterval(checking);
    guest.terminate();
  });
  if (page.readyState !== page.OPEN) {
    clearInterval(checking);
    guest.terminate();
    return;
  }
  let waits = false;
  page.on('message', (data, isBinary) => {
    if (isBinary) return;
    // The only words that a page has for us: its terminal is behind, or no longer.
    const word = (data as Buffer).toString('latin1');
    if (word === 'wait') {
      waits = true;
      guest.pause();
    } else if (word === 'go') {
      waits = false;
      if (page.bufferedAmount < lowWater) guest.resume();
    }
  });
  pass(guest, page, () => !waits);
  pass(page, guest, () => true);
  page.resume();
  guest.resume();
}

/** A page that is not read does not hear that its own goodbye has arrived, and would wait for it. */
function ended(page: WebSocket, code: number, reason: string): void {
  page.resume();
  page.close(code, reason);
}

/** Somebody else has the screen, who was not to be disturbed. */
class InUse extends Error {
  override readonly name = 'InUse';
}

/**
 * KubeVirt answers a screen that is in use with a plain 500, as it does other troubles, in words that change with its version (its
 * handler's 503 is wrapped by virt-api). A screen of which there is a picture is there; so it is somebody else who has it.
 */
async function isInUse(client: KubeClient, grant: Grant, error: unknown, signal: AbortSignal): Promise<boolean> {
  const { kind, message } = toKubeError(error);
  if (kind !== 'server') return false;
  if (/active vnc/i.test(message)) return true;
  const { namespace, virtualMachine: name } = grant;
  return pictureOf(client, { namespace, name }, signal).then(
    (picture) => picture !== undefined,
    () => false,
  );
}

/** KubeVirt sends no pings, and what stands between cuts connections that are silent. One that does not answer is given up. */
function keepAlive(guest: WebSocket): void {
  let unanswered = 0;
  guest.on('pong', () => (unanswered = 0));
  const pinging = setInterval(() => {
    if (guest.isPaused) return;
    if (unanswered++ >= mostUnanswered) guest.terminate();
    else guest.ping();
  }, pingMs);
  guest.once('close', () => clearInterval(pinging));
}

/** Undefined: yes. Otherwise the code to close with. What cannot be asked now is asked again later. */
async function stillMay(o: ConsolesOptions, request: IncomingMessage, grant: Grant): Promise<number | undefined> {
  try {
    await mayOpen(o.authorization, await o.callers.of(request, 'held'), grant);
    return undefined;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.status === 401) return consoleCodes.loginOver;
    return error.status === 403 ? consoleCodes.rightWithdrawn : undefined;
  }
}

function pass(from: WebSocket, to: WebSocket, mayGoOn: () => boolean): void {
  from.on('message', (data: RawData, isBinary) => {
    if (!isBinary || to.readyState !== to.OPEN) return;
    to.send(data as Buffer, { binary: true }, () => {
      if (from.isPaused && mayGoOn() && to.bufferedAmount < lowWater) from.resume();
    });
    if (to.bufferedAmount >= highWater) from.pause();
  });
}
