import { describe, expect, it } from '@jest/globals';
import { aJob } from '../../../test/builders/job.ts';
import { asMode, draftOf, fieldOf, firstDraft, kubectlOf, manifestOf, nextName } from './draft.ts';

describe('a draft', () => {
  it('says only what was chosen', () => {
    expect(manifestOf({ ...firstDraft, name: 'a', walltime: '' }).spec).toEqual({
      mode: 'Batch',
      image: { containerDisk: 'lab/tiny' },
      resources: { cores: 1, memory: '256Mi' },
      console: 'Serial',
      script: firstDraft.script,
    });
  });

  it('of a session has a screen and no script', () => {
    const { spec } = manifestOf(asMode({ ...firstDraft, name: 'a' }, 'Session'));
    expect(spec).toMatchObject({ mode: 'Session', console: 'VNC', image: { containerDisk: 'lab/desktop' } });
    expect(spec).not.toHaveProperty('script');
  });

  it('of an old job makes the same job again', () => {
    const { job } = aJob('render-2', {
      resources: { cores: 4, memory: '2Gi', disk: '10Gi', gpus: 1 },
      placement: { rooms: ['lab-a'], dedicatedOnly: true },
      files: [
        { path: '/root/a', content: 'one', mode: '0644' },
        { path: '/root/key', secretKeyRef: { name: 'k', key: 'v' }, mode: '0600' },
      ],
      interruption: {
        exclusive: false,
        ownerReturns: 'Freeze',
        checkpoint: { script: '#!/bin/sh\nsync\n', within: '2m' },
      },
      network: 'None',
      walltime: '2h',
      stop: true,
    });
    const draft = draftOf(job, nextName(job.metadata.name));
    const { metadata, spec } = manifestOf(draft);
    expect(metadata.name).toBe('render-3');
    const { priority: _usual, stop: _over, ...asked } = job.spec;
    expect(spec).toMatchObject(asked);
    expect(spec).not.toHaveProperty('stop');
  });

  it.each([
    ['render', 'render-2'],
    ['render-9', 'render-10'],
    ['a'.repeat(43), `${'a'.repeat(38)}-2`],
  ])('after %s comes %s', (name, next) => expect(nextName(name)).toBe(next));
});

describe('a refusal', () => {
  it.each([
    ['spec.resources.memory', 'spec.resources.memory must be between 64Mi and 1Ti', 'memory'],
    ['spec', 'Invalid value: "object": spec.script is required when spec.mode is Batch', 'script'],
    ['', 'metadata.name must be at most 43 characters', 'name'],
    ['spec.interruption.checkpoint.within', 'must be a duration', 'checkpointWithin'],
    ['spec.network', 'is not allowed here', 'network'],
    ['spec.files[0].path', 'must be absolute', 'files'],
    ['', 'exceeded quota', undefined],
  ])('about %j (%s) belongs to the field %s', (parameter, message, field) =>
    expect(fieldOf({ parameter, message })).toBe(field),
  );
});

it('the command line carries the manifest as it is', () => {
  expect(kubectlOf('lab', 'a: "$b"\n')).toBe('kubectl apply --namespace lab -f - <<\'IDLEWILD\'\na: "$b"\nIDLEWILD\n');
});
