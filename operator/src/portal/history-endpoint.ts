// What was decided about jobs, and what happened on machines, for those who may list the jobs.
// Promises: lines only of namespaces whose jobs the user may list, whatever the operator knows; where the operator cannot be asked it
// answers as far as jobs that are still there tell, and says so.

import type { Logger } from 'pino';
import { nodes } from '../api/resources.ts';
import { ledgerEntry } from '../ledger/entry.ts';
import { ledgerReasons, type LedgerReason } from '../ledger/reasons.ts';
import { notesOf } from '../ledger/recall.ts';
import type { Authorization } from '../server/authorization.ts';
import { Problem } from '../server/problem.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { historyAnswer, historyQuery, ledgerLine, type HistoryLine, type LedgerLine } from './history-schemas.ts';
import type { HistorySource, PastQuery } from './history-source.ts';
import type { Sources } from './sources.ts';
import { sees, type Visibility, type Visible } from './visibility.ts';

export interface HistoryEndpoint {
  readonly sources: Pick<Sources, 'jobs'>;
  readonly visibility: Visibility;
  readonly authorization: Authorization;
  /** Undefined: the portal was not told of an operator. */
  readonly history: Pick<HistorySource, 'query'> | undefined;
  readonly log: Logger;
}

/** The operator answers all of the portal ten times a second (server/history.ts): one user must not use that up. */
const rate = { perSecond: 2, burst: 20 };
/** What the operator takes at once. */
const mostNamespaces = 300;

export function historyEndpoint(o: HistoryEndpoint): Endpoint {
  const { authorization, log } = o;
  return endpoint({
    method: 'get',
    path: '/api/v1/history',
    summary: 'What was decided about jobs that you may list, newest first; also of jobs that are deleted',
    tag: 'jobs',
    query: historyQuery,
    answer: historyAnswer,
    rate,
    handle: async ({ caller: { user }, query: { namespace, machine, ...rest } }) => {
      if (namespace !== undefined) await authorization.require(user, { verb: 'list', namespace });
      if (machine !== undefined) await authorization.require(user, { verb: 'get', resource: nodes, name: machine });
      const visible = namespace === undefined ? await o.visibility.jobs(user) : new Set([namespace]);
      const asked: PastQuery = { ...rest, machine, namespaces: visible && [...visible] };
      if (visible?.size === 0) return { items: [], from: 'history' };
      if (o.history === undefined) {
        return { ...recalled(o.sources, asked, visible), why: 'this portal was not told where its operator is' };
      }
      if (visible !== undefined && visible.size > mostNamespaces) {
        throw new Problem(400, `namespace: is needed, as you may list more than ${mostNamespaces} of them`);
      }
      try {
        const { items, next } = await o.history.query(asked);
        return { items: items.map(judged), next, from: 'history' };
      } catch (error) {
        if (error instanceof Problem) throw error;
        log.warn({ err: error }, 'the history could not be asked');
        // A page in the middle of a history that is not there would repeat what was shown.
        if (asked.cursor !== undefined) throw new Problem(503, 'the operator does not answer just now');
        return { ...recalled(o.sources, asked, visible), why: 'the operator does not answer just now' };
      }
    },
  });
}

function judged(line: LedgerLine): HistoryLine {
  const { reason } = line;
  // The operator may be a later one, with reasons of its own.
  const known = Object.hasOwn(ledgerReasons, reason) ? ledgerReasons[reason as LedgerReason] : undefined;
  return { ...line, warning: known?.type === 'Warning' };
}

/** The ledger as far as jobs that are there tell it. */
function recalled(
  { jobs }: Pick<Sources, 'jobs'>,
  { job, machine, since, limit }: PastQuery,
  visible: Visible,
): { items: HistoryLine[]; from: 'jobs' } {
  const about = jobs.store
    .list()
    .filter(({ metadata: { namespace = '', name } }) => sees(visible, namespace) && (job ?? name) === name);
  const from = since === undefined ? -Infinity : Date.parse(since);
  const items = about
    .flatMap((each) => notesOf(each).map((note) => ledgerEntry(each, note)))
    .filter(({ node, toNode }) => machine === undefined || node === machine || toNode === machine)
    .filter(({ at }) => Date.parse(at) >= from)
    .sort((a, b) => Date.parse(b.at) - Date.parse(a.at))
    .slice(0, limit)
    .map((entry) => judged(ledgerLine.parse(entry)));
  return { items, from: 'jobs' };
}
