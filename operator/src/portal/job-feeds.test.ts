// What a guest prints, as a page follows it, over connections that break.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { until } from '../../../test/waiting.ts';
import { KubeClient } from '../kube/client.ts';
import { json, reset, ScriptedApi, status, type Answer } from '../kube/scripted-api.ts';
import { createTransport, type Transport } from '../kube/transport.ts';
import { followOutput } from './job-feeds.ts';

const log = pino({ level: 'silent' });
let api: ScriptedApi;
let transport: Transport;
beforeEach(async () => {
  api = await ScriptedApi.start();
  transport = createTransport({ server: api.url, userAgent: 'test-agent' });
});
afterEach(async () => {
  await transport.close();
  await api.close();
});

const prints =
  (text: string, then: 'ends' | 'breaks'): Answer =>
  (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.write(text, () => {
      if (then === 'ends') response.end();
      else setImmediate(() => response.socket?.resetAndDestroy());
    });
  };

describe('the output of a guest', () => {
  it('is shown from its past, which counts as shown only once something of it has come', async () => {
    // A kubelet that was started again knows of no pod for a moment.
    const unknown = status(404, 'NotFound');
    const answers = [reset, status(400, 'BadRequest'), prints('one\n', 'breaks'), unknown, prints('two\n', 'ends')];
    const pods = json(200, { metadata: { resourceVersion: '1' }, items: [api.put('virt-launcher-a')] });
    const quiet: Answer = (_request, response) => void response.writeHead(200).flushHeaders();
    api.otherwise = (request, response) => {
      const answer = request.path.endsWith('/log') ? answers.shift() : request.query.has('watch') ? quiet : pods;
      answer?.(request, response);
    };
    let text = '';
    const stop = followOutput({
      ...{ client: new KubeClient(transport), log, namespace: 'lab', name: 'a', backlog: () => 0 },
      onText: (_pod, _attempt, more) => (text += more),
      onError: (error) => (text += String(error)),
    });
    await until(() => text.includes('two'), 'all is shown');
    stop();
    expect(text).toBe('one\ntwo\n');
    const asked = api.requests.filter(({ path }) => path.endsWith('/log')).map(({ query }) => query.get('tailLines'));
    expect(asked).toEqual(['2000', '2000', '2000', '0', '0']);
  });
});
