import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Cluster } from './cluster.ts';
import { gadget, gadgetDefinition } from './objects.ts';

jest.setTimeout(60_000);

describe('kubectl with a custom resource', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start();
    expect(await cluster.apply([gadgetDefinition])).toMatchObject({ code: 0 });
    await cluster.ok(['wait', '--for=condition=Established', 'crd/gadgets.example.dev', '--timeout=10s']);
  });
  afterAll(() => cluster.stop());

  it('applies: created, unchanged, configured', async () => {
    expect((await cluster.apply([gadget('a', { size: 3 })])).stdout).toBe('gadget.example.dev/a created\n');
    expect((await cluster.apply([gadget('a', { size: 3 })])).stdout).toBe('gadget.example.dev/a unchanged\n');
    expect((await cluster.apply([gadget('a', { size: 4 })])).stdout).toBe('gadget.example.dev/a configured\n');
    expect(
      await cluster.ok(['get', 'gd', 'a', '-o', 'jsonpath={.spec.size} {.spec.colour} {.metadata.generation}']),
    ).toBe('4 Blue 2');
  });

  it.each<[string, Record<string, unknown>, string]>([
    [
      'a number out of range',
      { size: 99 },
      'The Gadget "bad" is invalid: spec.size: Invalid value: 99: spec.size in body should be less than or equal to 10',
    ],
    [
      'a value outside of an enum',
      { size: 1, colour: 'Green' },
      'spec.colour: Unsupported value: "Green": supported values: "Red", "Blue"',
    ],
    ['a missing field', {}, 'spec.size: Required value'],
    ['an unknown field', { size: 1, oops: 1 }, 'strict decoding error: unknown field "spec.oops"'],
  ])('is refused %s, and nothing is stored', async (_name, spec, text) => {
    const refused = await cluster.apply([gadget('bad', spec)]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(text);
    expect((await cluster.kubectl(['get', 'gd', 'bad'])).stderr).toContain('gadgets.example.dev "bad" not found');
  });

  it('reads what an older definition stored by the one that came after it', async () => {
    const definition = (fields: Record<string, unknown>) => ({
      ...{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' },
      metadata: { name: 'olds.past.example.dev' },
      spec: {
        ...{ group: 'past.example.dev', scope: 'Namespaced', names: { plural: 'olds', singular: 'old', kind: 'Old' } },
        versions: [
          {
            ...{ name: 'v1', served: true, storage: true },
            schema: {
              openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: fields } } },
            },
          },
        ],
      },
    });
    const kept = { type: 'string' };
    const spec = (): Promise<string> => cluster.ok(['get', 'olds', 'a', '-o', 'jsonpath={.spec}']);
    const until = async (wanted: string): Promise<void> => {
      const deadline = Date.now() + 10_000;
      while ((await spec()) !== wanted && Date.now() < deadline);
      expect(await spec()).toBe(wanted);
    };
    expect(await cluster.apply([definition({ kept, gone: kept })])).toMatchObject({ code: 0 });
    await cluster.ok(['wait', '--for=condition=Established', 'crd/olds.past.example.dev', '--timeout=10s']);
    const old = { apiVersion: 'past.example.dev/v1', kind: 'Old', metadata: { name: 'a' } };
    expect(await cluster.apply([{ ...old, spec: { kept: 'k', gone: 'g' } }])).toMatchObject({ code: 0 });
    await until('{"gone":"g","kept":"k"}');
    expect(await cluster.apply([definition({ kept, fresh: { type: 'integer', default: 3 } })])).toMatchObject({
      code: 0,
    });
    await until('{"fresh":3,"kept":"k"}');
    // It was only not shown: nothing has written the object since.
    expect(await cluster.apply([definition({ kept, gone: kept })])).toMatchObject({ code: 0 });
    await until('{"gone":"g","kept":"k"}');
  });

  it('is refused a change that a transition rule forbids', async () => {
    await cluster.apply([gadget('grow', { size: 5 })]);
    const refused = await cluster.apply([gadget('grow', { size: 4 })]);
    expect(refused).toMatchObject({
      code: 1,
      stderr: 'The Gadget "grow" is invalid: spec: Invalid value: size may not shrink\n',
    });
  });

  it('applies on the server, meets a conflict and forces it', async () => {
    const first = await cluster.apply([gadget('ssa', { size: 2 })], ['--server-side', '--field-manager=one']);
    expect(first.stdout).toBe('gadget.example.dev/ssa serverside-applied\n');
    const conflict = await cluster.apply([gadget('ssa', { size: 3 })], ['--server-side', '--field-manager=two']);
    expect(conflict.code).toBe(1);
    expect(conflict.stderr).toContain('Apply failed with 1 conflict: conflict with "one": .spec.size');
    const forced = await cluster.apply(
      [gadget('ssa', { size: 3 })],
      ['--server-side', '--field-manager=two', '--force-conflicts'],
    );
    expect(forced.code).toBe(0);
    expect(await cluster.ok(['get', 'gd', 'ssa', '-o', 'jsonpath={.spec.size}'])).toBe('3');
  });

  it('tries an apply without storing it, and shows the difference', async () => {
    await cluster.apply([gadget('dry', { size: 2 })]);
    const tried = await cluster.apply([gadget('dry', { size: 7 })], ['--dry-run=server']);
    expect(tried.stdout).toBe('gadget.example.dev/dry configured (server dry run)\n');
    const diff = await cluster.kubectl(['diff', '-f', '-'], { input: JSON.stringify(gadget('dry', { size: 7 })) });
    expect(diff.code).toBe(1);
    expect(diff.stdout).toMatch(/-  size: 2\n\+  size: 7/);
    expect(await cluster.ok(['get', 'gd', 'dry', '-o', 'jsonpath={.spec.size}'])).toBe('2');
  });

  it('prints tables, wide tables, selections and other forms', async () => {
    await cluster.apply([gadget('look', { size: 6, colour: 'Red' })], []);
    expect(await cluster.ok(['get', 'gd', 'look'])).toMatch(/^NAME +SIZE +READY +AGE\nlook +6 +\S*\s+\d+s\n$/);
    expect(await cluster.ok(['get', 'gd', 'look', '-o', 'wide'])).toMatch(
      /^NAME +SIZE +COLOUR +READY +AGE\nlook +6 +Red /,
    );
    expect(await cluster.ok(['get', 'gd', '-A', '--no-headers', '-l', 'nothing=here'])).toBe('');
    expect(await cluster.ok(['get', 'gd', '--field-selector', 'spec.colour=Red', '-o', 'name'])).toBe(
      'gadget.example.dev/look\n',
    );
    expect(await cluster.ok(['get', 'gd', 'look', '-o', 'yaml'])).toMatch(
      /^apiVersion: example\.dev\/v1\nkind: Gadget\n/,
    );
    expect(await cluster.ok(['get', 'toys', '-o', 'name'])).toContain('gadget.example.dev/look');
  });

  it('describes and explains', async () => {
    await cluster.apply([gadget('told', { size: 1 })]);
    expect(await cluster.ok(['describe', 'gd', 'told'])).toMatch(
      /Name: +told\n[^]*Spec:\n +Colour: +Blue\n +Size: +1\nEvents: +<none>/,
    );
    expect(await cluster.ok(['explain', 'gadget.spec.size'])).toMatch(/FIELD: size <integer>[^]*how large it is/);
    expect(await cluster.ok(['api-resources', '--api-group=example.dev', '--no-headers'])).toMatch(
      /^gadgets +gd +example\.dev\/v1 +true +Gadget\n$/,
    );
  });

  it('watches changes', async () => {
    await cluster.apply([gadget('seen', { size: 1 })]);
    const watch = cluster.background(['get', 'gd', 'seen', '-w']);
    try {
      await watch.waitFor(/seen +1 /);
      await cluster.apply([gadget('seen', { size: 8 })]);
      await watch.waitFor(/seen +8 /);
    } finally {
      await watch.stop();
    }
  });

  it('patches the status and waits for it', async () => {
    await cluster.apply([gadget('slow', { size: 1 })]);
    const ready = cluster.ok(['wait', 'gd/slow', '--for=condition=Ready', '--timeout=20s']);
    const phase = cluster.ok(['wait', 'gd/slow', '--for=jsonpath={.status.phase}=Up', '--timeout=20s']);
    const status = { status: { phase: 'Up', conditions: [{ type: 'Ready', status: 'True' }] } };
    expect(
      await cluster.ok(['patch', 'gd', 'slow', '--subresource=status', '--type=merge', '-p', JSON.stringify(status)]),
    ).toBe('gadget.example.dev/slow patched\n');
    expect(await ready).toBe('gadget.example.dev/slow condition met\n');
    expect(await phase).toBe('gadget.example.dev/slow condition met\n');
    const never = await cluster.kubectl(['wait', 'gd/slow', '--for=condition=Never', '--timeout=1s']);
    expect(never).toMatchObject({ code: 1, stderr: 'error: timed out waiting for the condition on gadgets/slow\n' });
  });

  it('labels, annotates and replaces, but not from an old version', async () => {
    await cluster.apply([gadget('marked', { size: 1 })]);
    const old = await cluster.ok(['get', 'gd', 'marked', '-o', 'json']);
    expect(await cluster.ok(['label', 'gd', 'marked', 'a=b'])).toBe('gadget.example.dev/marked labeled\n');
    expect(await cluster.ok(['annotate', 'gd', 'marked', 'note=hello'])).toBe('gadget.example.dev/marked annotated\n');
    expect(await cluster.ok(['get', 'gd', '-l', 'a=b', '-o', 'name'])).toBe('gadget.example.dev/marked\n');
    const stale = await cluster.kubectl(['replace', '-f', '-'], { input: old });
    expect(stale.code).toBe(1);
    expect(stale.stderr).toContain(
      'the object has been modified; please apply your changes to the latest version and try again',
    );
  });

  it('deletes, and waits until it is gone', async () => {
    await cluster.apply([gadget('gone', { size: 1 })]);
    const waiting = cluster.ok(['wait', 'gd/gone', '--for=delete', '--timeout=20s']);
    expect(await cluster.ok(['delete', 'gd', 'gone'])).toBe(
      'gadget.example.dev "gone" deleted from default namespace\n',
    );
    expect(await waiting).toMatch(/gone (condition met|deleted)|^$/);
    expect((await cluster.kubectl(['delete', 'gd', 'gone'])).stderr).toBe(
      'Error from server (NotFound): gadgets.example.dev "gone" not found\n',
    );
  });

  it('deletes a definition with all its objects', async () => {
    const lamps = JSON.parse(
      JSON.stringify(gadgetDefinition)
        .replaceAll('gadget', 'lamp')
        .replaceAll('Gadget', 'Lamp')
        .replaceAll('"gd"', '"lp"'),
    ) as unknown;
    await cluster.apply([lamps]);
    await cluster.ok(['wait', '--for=condition=Established', 'crd/lamps.example.dev', '--timeout=10s']);
    await cluster.apply([{ apiVersion: 'example.dev/v1', kind: 'Lamp', metadata: { name: 'l' }, spec: { size: 1 } }]);
    expect(await cluster.ok(['delete', 'crd', 'lamps.example.dev', '--timeout=20s'])).toContain('deleted');
    await cluster.apply([lamps]);
    await cluster.ok(['wait', '--for=condition=Established', 'crd/lamps.example.dev', '--timeout=10s']);
    expect((await cluster.kubectl(['get', 'lamps'])).stderr).toBe('No resources found in default namespace.\n');
  });

  it('is refused a definition with a bad schema, told the field', async () => {
    const bad = structuredClone(gadgetDefinition);
    Object.assign(bad.spec.versions[0]?.schema.openAPIV3Schema.properties.spec.properties ?? {}, {
      wrong: { type: 'text' },
    });
    const refused = await cluster.apply([bad]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(
      'spec.versions[0].schema.openAPIV3Schema.properties[spec].properties[wrong].type: Unsupported value: "text"',
    );
  });
});
