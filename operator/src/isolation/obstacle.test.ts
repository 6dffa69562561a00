import { describe, expect, it } from '@jest/globals';
import { aJob } from '../../../test/builders/job.ts';
import { obstacleOf, oncePerNamespace, type NetworkState } from './obstacle.ts';

const namespace = { metadata: { name: 'default' } };
const allowed = { metadata: { name: 'default', labels: { 'idlewild.dev/allow-open-network': 'true' } } };
const notYet: NetworkState = { namespace, isolated: false, failure: undefined };
const failed = { ...notYet, failure: 'no rights' };
const ready = { ...notYet, isolated: true };
const obstacle = (network: 'None' | 'Isolated' | 'Open', state: NetworkState) =>
  obstacleOf(aJob('j', { network }).job, state);

describe('a job', () => {
  it.each(['None', 'Isolated'] as const)('of network %s starts once its guest is isolated', (network) => {
    expect(obstacle(network, ready)).toBeUndefined();
  });

  it('without a network waits for nobody', () => {
    expect(obstacle('None', failed)).toBeUndefined();
  });

  it('that is isolated waits silently for a moment, and says why when it is more than that', () => {
    expect(obstacle('Isolated', notYet)).toEqual({ kind: 'busy' });
    expect(obstacle('Isolated', failed)).toEqual({
      kind: 'network',
      reason: 'NetworkNotReady',
      message: expect.stringMatching(
        /^the NetworkPolicy "idlewild-guests" .* is not in place: no rights; .* tries again/,
      ),
    });
  });

  it('in the open needs the word of an admin, and no policy', () => {
    expect(obstacle('Open', { ...failed, namespace: allowed })).toBeUndefined();
    expect(obstacle('Open', { ...ready, namespace: undefined })).toEqual({ kind: 'busy' });
    for (const word of ['false', 'yes', '']) {
      const other = { metadata: { name: 'default', labels: { 'idlewild.dev/allow-open-network': word } } };
      expect(obstacle('Open', { ...ready, namespace: other })).toMatchObject({ reason: 'NetworkNotAllowed' });
    }
    expect(obstacle('Open', ready)).toEqual({
      kind: 'network',
      reason: 'NetworkNotAllowed',
      message:
        'spec.network is Open, which namespace default is not allowed; an admin can allow it: kubectl label namespace default idlewild.dev/allow-open-network=true',
    });
  });
});

describe('a line of jobs', () => {
  it('is asked about once per namespace and kind of network', () => {
    const asked: string[] = [];
    const inNamespace = (namespace: string, network: 'None' | 'Isolated' | 'Open') => {
      const { job } = aJob('j', { network });
      return { ...job, metadata: { ...job.metadata, namespace } };
    };
    const ask = oncePerNamespace((job) => {
      asked.push(`${job.metadata.namespace} ${job.spec.network}`);
      return obstacleOf(job, job.metadata.namespace === 'a' ? failed : ready);
    });
    const answers = (['Isolated', 'Open', 'None', 'Isolated', 'Open'] as const).map((network) => [
      ask(inNamespace('a', network))?.kind,
      ask(inNamespace('b', network))?.kind,
    ]);
    const [isolated, open, none] = [
      ['network', undefined],
      ['network', 'network'],
      [undefined, undefined],
    ];
    expect(answers).toEqual([isolated, open, none, isolated, open]);
    expect(asked).toEqual(['a Isolated', 'b Isolated', 'a Open', 'b Open', 'a None', 'b None']);
  });
});
