import { describe, expect, it } from '@jest/globals';
import type { ApiObject, ServedResource, WriteContext } from '../registry/types.ts';
import { schemaFunctions } from '../schema/schema-functions.ts';
import { bootstrapObjects } from './bootstrap.ts';
import { builtinKinds } from './kinds.ts';

const context: WriteContext = { user: { name: 'admin', groups: [] }, subresource: '', now: () => 0 };

function kind(group: string, plural: string): ServedResource {
  const found = builtinKinds.find((candidate) => candidate.group === group && candidate.plural === plural);
  if (!found) throw new Error(`no kind ${plural}`);
  return found;
}

function create(
  resource: ServedResource,
  object: ApiObject,
): { object: ApiObject; unknown: string[]; faults: string[] } {
  const copy = structuredClone(object);
  const unknown = schemaFunctions.prune(resource.schema, copy);
  schemaFunctions.applyDefaults(resource.schema, copy);
  resource.prepareCreate(copy, context);
  return {
    object: copy,
    unknown,
    faults: resource.validate(copy, undefined, context).map((error) => `${error.field}: ${error.message}`),
  };
}

describe('built-in kinds', () => {
  it('take every object that a fresh cluster holds', () => {
    for (const object of bootstrapObjects) {
      const [group = '', version = ''] = object.apiVersion?.includes('/')
        ? object.apiVersion.split('/')
        : ['', object.apiVersion];
      const resource = builtinKinds.find(
        (candidate) => candidate.group === group && candidate.version === version && candidate.kind === object.kind,
      );
      if (!resource) throw new Error(`nobody serves ${object.apiVersion ?? ''} ${object.kind ?? ''}`);
      expect({ name: object.metadata?.name, ...create(resource, object) }).toMatchObject({
        name: object.metadata?.name,
        unknown: [],
        faults: [],
      });
    }
  });

  it.each<[string, string, string, ApiObject, string[]]>([
    [
      'a lease with three digits',
      'coordination.k8s.io',
      'leases',
      { spec: { renewTime: '2026-01-01T00:00:01.123Z' } },
      [
        'spec.renewTime: Invalid value: "2026-01-01T00:00:01.123Z": spec.renewTime in body must be of type micro-time: "2026-01-01T00:00:01.123Z"',
      ],
    ],
    [
      'a lease of no time',
      'coordination.k8s.io',
      'leases',
      { spec: { leaseDurationSeconds: 0 } },
      ['spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0'],
    ],
    [
      'a secret that is not base64',
      '',
      'secrets',
      { data: { a: '%' } },
      ['data.a: Invalid value: "%": data.a in body must be of type byte: "%"'],
    ],
    [
      'a network policy whose exceptions are no part of its range',
      'networking.k8s.io',
      'networkpolicies',
      {
        spec: {
          podSelector: {},
          egress: [
            { to: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16', '192.168.0.0/16', '10.0.0.0/8'] } }] },
          ],
        },
      },
      [
        'spec.egress[0].to[0].ipBlock.except[1]: Invalid value: "192.168.0.0/16": must be a strict subset of `cidr`',
        'spec.egress[0].to[0].ipBlock.except[2]: Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`',
      ],
    ],
    [
      'a network policy with a range that is none',
      'networking.k8s.io',
      'networkpolicies',
      { spec: { podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0' } }] }] } },
      [
        'spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24)',
      ],
    ],
    [
      'an external service without a name',
      '',
      'services',
      { spec: { type: 'ExternalName' } },
      ['spec.externalName: Required value'],
    ],
    [
      'a budget of both kinds',
      'policy',
      'poddisruptionbudgets',
      { spec: { minAvailable: 1, maxUnavailable: 1 } },
      ['spec: Invalid value: "": minAvailable and maxUnavailable cannot be both set'],
    ],
    [
      'a role without verbs',
      'rbac.authorization.k8s.io',
      'roles',
      { rules: [{ apiGroups: [''], resources: ['pods'], verbs: [] }] },
      ['rules[0].verbs: Required value: verbs must contain at least one value'],
    ],
    [
      'a bad quantity',
      '',
      'persistentvolumeclaims',
      { spec: { resources: { requests: { storage: '1 Gi' } } } },
      [
        'spec.resources.requests.storage: Invalid value: "1 Gi": spec.resources.requests.storage in body must be of type quantity: "1 Gi"',
      ],
    ],
    [
      'two equal taints',
      '',
      'nodes',
      {
        spec: {
          taints: [
            { key: 'a', effect: 'NoSchedule' },
            { key: 'a', effect: 'NoSchedule' },
          ],
        },
      },
      ['spec.taints[1]: Duplicate value: {"key":"a","effect":"NoSchedule"}'],
    ],
  ])('refuse %s', (_name, group, plural, object, faults) => {
    expect(create(kind(group, plural), { metadata: { name: 'x', namespace: 'lab' }, ...object }).faults).toEqual(
      faults,
    );
  });

  it('tell unknown fields by their path', () => {
    expect(create(kind('', 'configmaps'), { metadata: { name: 'x', oops: 1 }, dada: {} }).unknown).toEqual([
      'dada',
      'metadata.oops',
    ]);
  });

  it('treat null as absent', () => {
    expect(
      create(kind('', 'configmaps'), { metadata: { name: 'x', creationTimestamp: null }, data: null }).object,
    ).toEqual({ metadata: { name: 'x' } });
  });

  it('fold the plain data of a secret into its base64', () => {
    expect(create(kind('', 'secrets'), { metadata: { name: 'x' }, stringData: { a: 'hello' } }).object).toEqual({
      metadata: { name: 'x' },
      type: 'Opaque',
      data: { a: 'aGVsbG8=' },
    });
  });

  it('read and write one event in both groups', () => {
    const modern = kind('events.k8s.io', 'events');
    const event: ApiObject = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: 'e' },
      note: 'text',
      regarding: { kind: 'Pod', name: 'p' },
      reportingController: 'c',
    };
    const stored = modern.toStorage?.(event);
    expect(stored).toMatchObject({
      apiVersion: 'v1',
      message: 'text',
      involvedObject: { kind: 'Pod', name: 'p' },
      reportingComponent: 'c',
    });
    expect(modern.fromStorage?.(stored ?? {})).toEqual(event);
  });
});
