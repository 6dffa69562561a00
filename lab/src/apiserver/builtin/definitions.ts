// The definitions of every built-in kind, loaded once per process. Holds the few types that the declarations lack.
import type { Schema } from '../registry/types.ts';
import { closeSchemas } from './json-schema-props.ts';
import { applyOverrides } from './overrides.ts';
import { loadDefinitions, nameDefinition } from './type-definitions.ts';
import type { Definitions } from './type-definitions.ts';

const files = [
  ...['meta/v1', 'core/v1', 'events/v1', 'policy/v1', 'rbac/v1', 'coordination/v1', 'discovery/v1', 'scheduling/v1'],
  ...['apps/v1', 'networking/v1'],
  ...['admissionregistration/v1', 'apiextensions/v1', 'authentication/v1', 'authorization/v1', 'autoscaling/v1'],
];

const condition: Schema = {
  type: 'object',
  required: ['type', 'status'],
  properties: {
    type: { type: 'string' },
    status: { type: 'string' },
    reason: { type: 'string' },
    message: { type: 'string' },
    lastTransitionTime: { type: 'string', format: 'date-time', nullable: true },
  },
};

function apiService(objectMeta: Schema): Schema {
  return {
    type: 'object',
    description: 'APIService says which server answers for one version of an API group.',
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: objectMeta,
      spec: {
        type: 'object',
        description: 'Spec says where the server is and how to trust it.',
        required: ['groupPriorityMinimum', 'versionPriority'],
        properties: {
          caBundle: { type: 'string', format: 'byte', description: 'PEM bundle that signs the server certificate.' },
          group: { type: 'string', description: 'Group is the API group that the server hosts.' },
          groupPriorityMinimum: {
            type: 'integer',
            minimum: 1,
            maximum: 20000,
            description: 'Least priority of the group, higher first.',
          },
          insecureSkipTLSVerify: { type: 'boolean', description: 'Skips verification of the server certificate.' },
          service: {
            type: 'object',
            description: 'Service of the server; absent when this server answers itself.',
            properties: {
              name: { type: 'string' },
              namespace: { type: 'string' },
              port: { type: 'integer', default: 443 },
            },
          },
          version: { type: 'string', description: 'Version that the server hosts.' },
          versionPriority: {
            type: 'integer',
            minimum: 1,
            maximum: 1000,
            description: 'Order of the version inside its group.',
          },
        },
      },
      status: {
        type: 'object',
        description: 'Status is what was found out about the server.',
        properties: {
          conditions: {
            type: 'array',
            items: condition,
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['type'],
            'x-kubernetes-patch-merge-key': 'type',
            'x-kubernetes-patch-strategy': 'merge',
          },
        },
      },
    },
  };
}

function load(): Definitions {
  const definitions = loadDefinitions(files);
  applyOverrides(definitions);
  closeSchemas(definitions);
  const objectMeta = definitions.get('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta');
  if (!objectMeta) throw new Error('the declarations hold no ObjectMeta');
  const name = 'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService';
  return new Map([...definitions, [name, nameDefinition(apiService(objectMeta), name)]]);
}

export const definitions: Definitions = load();

/** The schema of a definition that must exist; throws on a name that does not. */
export function definition(name: string): Schema {
  const schema = definitions.get(name);
  if (!schema) throw new Error(`there is no definition ${name}`);
  return schema;
}

export const objectMetaName = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';

/** `metadata` of every object. */
export const objectMetaSchema: Schema = definition(objectMetaName);
