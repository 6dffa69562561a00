// What open pages and consoles cost the portal: its memory with two hundred live streams while jobs change, and how much later a frame
// of a console comes because it goes through the portal, with a hundred consoles open.
// The bare client of a console's frame is the guest itself, asked without the portal, in the same run and just as often.

import { once } from 'node:events';
import { WebSocket } from 'ws';
import { aJob } from '../../test/builders/job.ts';
import { pass } from '../core/run.ts';
import { quantile, type Bench, type Figure, type Measurement, type Scale } from '../core/figures.ts';
import { startPages, type Pages } from '../core/pages.ts';

export const pages: Measurement = { name: 'pages', about: 'the portal with many open pages and consoles', run };

const users = ['ann', 'viv', 'root', 'ben'] as const;
/** Of a console, such as a screen that is being drawn. */
const frameBytes = 4 * 1024;
const framesPerSecond = 2;
/** Between tickets, as the portal lets one user ask so often. */
const ticketMs = 60;

async function run({ scale, say }: Bench): Promise<Figure[]> {
  const { jobs } = scale.pages;
  say(`making ${jobs} jobs`);
  const open = await startPages(async (rig) => {
    for (let index = 0; index < jobs; index++) await rig.put(aJob(`job-${index}`).published().job, 'team-a');
    await rig.put(aJob('desk').published().claimedBy('pc-1').created().started().job, 'team-a');
  });
  try {
    // One after the other: a page that draws nothing is no console, and neither must pay for the other.
    const streams = await withStreams(open, scale, say);
    return [...streams, ...(await withConsoles(open, scale, say))];
  } finally {
    await open.stop();
  }
}

async function withStreams(open: Pages, { pages: { jobs, streams, changes } }: Scale, say: Bench['say']) {
  const idle = open.residentMB();
  say(`opening ${streams} streams`);
  let heard = 0;
  const sockets = await Promise.all(
    Array.from({ length: streams }, async (_, index) => {
      const headers = { authorization: `Bearer ${open.rig.tokens[users[index % users.length]!]}` };
      const socket = new WebSocket(`${open.url.replace('http', 'ws')}/api/v1/stream`, { headers });
      socket.on('message', (data: Buffer) => (heard += data.length));
      await once(socket, 'open');
      socket.send(JSON.stringify({ op: 'sub', id: 1, topic: 'jobs' }));
      return socket;
    }),
  );
  say(`changing ${changes} jobs`);
  let most = 0;
  for (let index = 0; index < changes; index++) {
    const path = `/apis/idlewild.dev/v1alpha1/namespaces/team-a/computejobs/job-${index % jobs}`;
    await open.rig.api.patch(path, 'merge', { metadata: { labels: { turn: String(index) } } });
    most = Math.max(most, open.residentMB());
    await pass(100);
  }
  const lost = sockets.filter(({ readyState }) => readyState !== WebSocket.OPEN).length;
  if (lost > 0) throw new Error(`${lost} of ${streams} streams were lost`);
  if (heard === 0) throw new Error('no stream heard anything');
  for (const socket of sockets) socket.terminate();
  const note = `${streams} streams of ${jobs} jobs, 10 changes a second; ${Math.round(idle)} MB before the first stream`;
  return [
    {
      ...{ name: 'portal, resident memory with open streams', unit: 'MB', value: most, note },
      aim: { of: 'value', is: 'at most', limit: 150 },
    },
  ] satisfies Figure[];
}

async function withConsoles(open: Pages, { pages: { consoles, seconds } }: Scale, say: Bench['say']) {
  say(`opening ${consoles} consoles`);
  const through: WebSocket[] = [];
  for (let index = 0; index < consoles; index++) {
    through.push(await openConsole(open, index % 2 === 0 ? 'ann' : 'root'));
    await pass(ticketMs);
  }
  const direct = await Promise.all(
    through.map(async () => {
      const headers = { authorization: `Bearer ${open.rig.tokens.root}` };
      const socket = new WebSocket(open.guestUrl, { headers, perMessageDeflate: false });
      await once(socket, 'open');
      return socket;
    }),
  );
  say(`asking their guests for ${seconds} s, through the portal and without it`);
  const before = open.cpuMs();
  const [mine, bare] = await Promise.all([timesOf(through, seconds), timesOf(direct, seconds)]);
  const cpu = open.cpuMs() - before;
  const held = through.filter(({ readyState }) => readyState === WebSocket.OPEN).length;
  const resident = open.residentMB();
  for (const socket of [...through, ...direct]) socket.terminate();
  const note = `${consoles} consoles, each ${framesPerSecond} frames of ${frameBytes / 1024} KiB a second`;
  const added = (name: string, q: number): Figure => {
    const [value, beside] = [quantile(mine, q) / 2, quantile(bare, q) / 2];
    const times = `${value.toFixed(1)} ms, less ${beside.toFixed(1)} ms without it; ${note}`;
    return {
      ...{ name: `console frame through the portal, added, ${name}`, unit: 'ms', value: value - beside, note: times },
      aim: { of: 'value', is: 'at most', limit: 2 },
    };
  };
  return [
    added('P50', 0.5),
    added('P95', 0.95),
    {
      ...{ name: 'processor time of the portal per console frame', unit: 'ms', value: cpu / (2 * mine.length) },
      note: `${2 * mine.length} frames, and what else it had to do meanwhile`,
    },
    {
      ...{
        name: 'consoles held open',
        unit: 'consoles',
        value: held,
        note: `${Math.round(resident)} MB resident then`,
      },
      aim: { of: 'value', is: 'at least', limit: consoles },
    },
  ] satisfies Figure[];
}

async function openConsole({ rig, url }: Pages, user: 'ann' | 'root'): Promise<WebSocket> {
  const authorization = `Bearer ${rig.tokens[user]}`;
  const answer = await fetch(`${url}/api/v1/namespaces/team-a/jobs/desk/consoles`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ protocol: 'serial' }),
  });
  if (answer.status !== 201) throw new Error(`no ticket: ${await answer.text()}`);
  const { ticket, path } = (await answer.json()) as { ticket: string; path: string };
  const protocols = ['plain.kubevirt.io', `ticket.${ticket}`];
  const headers = { authorization };
  const socket = new WebSocket(url.replace('http', 'ws') + path, protocols, { headers, perMessageDeflate: false });
  await once(socket, 'open');
  return socket;
}

/** Ms until the echo of each frame was back. Throws when one does not come. */
async function timesOf(sockets: readonly WebSocket[], seconds: number): Promise<number[]> {
  const times: number[] = [];
  const frames = Math.max(1, Math.round(seconds * framesPerSecond));
  await Promise.all(
    sockets.map(async (socket, index) => {
      // Spread over the second, as people's are.
      await pass((1_000 / framesPerSecond) * (index / sockets.length));
      for (let frame = 0; frame < frames; frame++) {
        const sent = performance.now();
        socket.send(Buffer.alloc(frameBytes, frame), { binary: true });
        await once(socket, 'message', { signal: AbortSignal.timeout(30_000) });
        const took = performance.now() - sent;
        times.push(took);
        await pass(Math.max(0, 1_000 / framesPerSecond - took));
      }
    }),
  );
  return times;
}
