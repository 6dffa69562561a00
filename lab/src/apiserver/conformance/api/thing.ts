// The kind that the conformance tests define for themselves: a little of everything that a schema can say. Plain data.

/** @param group is the tests' own, so that runs do not meet. */
export function thingDefinition(group: string): unknown {
  const name = { type: 'string' };
  const spec = {
    type: 'object',
    required: ['size'],
    properties: {
      size: {
        type: 'integer',
        minimum: 1,
        maximum: 64,
        description: 'how large the thing is',
        'x-kubernetes-validations': [{ rule: 'self >= oldSelf', message: 'size may not shrink' }],
      },
      mode: { type: 'string', enum: ['Fast', 'Slow'], default: 'Slow' },
      label: { type: 'string', minLength: 2, maxLength: 8 },
      replicas: { type: 'integer', default: 1 },
      tags: { type: 'array', maxItems: 3, items: name, 'x-kubernetes-list-type': 'set' },
      parts: {
        type: 'array',
        items: { type: 'object', required: ['name'], properties: { name, count: { type: 'integer' } } },
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
      },
      free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    },
    'x-kubernetes-validations': [
      { rule: "self.mode != 'Slow' || self.size <= 32", message: 'a Slow thing holds at most 32' },
      {
        rule: "!has(self.label) || self.label != 'taken'",
        fieldPath: '.label',
        reason: 'FieldValueForbidden',
        messageExpression: "'label ' + self.label + ' is not free'",
      },
    ],
  };
  const status = {
    type: 'object',
    properties: { phase: { type: 'string' }, replicas: { type: 'integer' } },
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `things.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList', shortNames: ['tg'] },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          subresources: {
            status: {},
            scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
          },
          selectableFields: [{ jsonPath: '.spec.mode' }],
          additionalPrinterColumns: [
            { name: 'Size', type: 'integer', jsonPath: '.spec.size' },
            { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
            { name: 'Mode', type: 'string', jsonPath: '.spec.mode', priority: 1 },
          ],
          schema: { openAPIV3Schema: { type: 'object', required: ['spec'], properties: { spec, status } } },
        },
      ],
    },
  };
}

/** A thing of the group; `metadata` beside its name. */
export function thing(
  group: string,
  name: string,
  spec: Record<string, unknown> = { size: 3 },
  metadata: Record<string, unknown> = {},
): Record<string, unknown> {
  return { apiVersion: `${group}/v1`, kind: 'Thing', metadata: { name, ...metadata }, spec };
}

/** A config map; on every server. */
export function configMap(
  name: string,
  data?: Record<string, string>,
  metadata: Record<string, unknown> = {},
): unknown {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, ...metadata },
    ...(data === undefined ? {} : { data }),
  };
}

/** A pod that no scheduler can place; `spec` beside its container. */
export function pod(name: string, spec: Record<string, unknown> = {}, labels: Record<string, string> = {}): unknown {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels },
    spec: {
      nodeSelector: { 'conformance.test/nowhere': 'true' },
      containers: [{ name: 'main', image: 'conformance.test/nobody-runs-this:1' }],
      ...spec,
    },
  };
}
