// CustomResourceDefinition as an API object: what its creation fills in and which definitions are refused. Making a
// served resource of one is in served.ts; weighing its names against others is in names.ts.
import { defineKind } from '../builtin/kind.ts';
import { dnsLabelFault, dnsSubdomainFault } from '../builtin/names.ts';
import type { ApiObject, FieldError, ServedResource } from '../registry/types.ts';
import { invalid, notSupported, required } from '../schema/errors.ts';
import { asArray, asRecord, asString, isRecord, member, stringsOf } from '../schema/json.ts';
import { parseJsonPath } from './json-path.ts';
import { schemaFaults } from './schema-rules.ts';

function fillNames(crd: ApiObject): void {
  const spec = asRecord(crd['spec']);
  const names = asRecord(spec['names']);
  if (asString(names['singular']) === '') names['singular'] = asString(names['kind']).toLowerCase();
  if (asString(names['listKind']) === '') names['listKind'] = `${asString(names['kind'])}List`;
}

/** As long as nobody has weighed the names, none is accepted; objects will be stored in the storage version. */
function startStatus(crd: ApiObject): void {
  const storage = asArray(member(crd, 'spec', 'versions')).find((version) => member(version, 'storage') === true);
  const storedVersions = [asString(member(storage, 'name'))].filter((name) => name !== '');
  crd['status'] = { conditions: [], acceptedNames: { plural: '', kind: '' }, storedVersions };
}

function validateVersions(spec: Record<string, unknown>): FieldError[] {
  const versions = asArray(spec['versions']).map(asRecord);
  const errors = versions.flatMap((version, index) => validateVersion(version, `spec.versions[${index}]`));
  const storage = versions.filter((version) => version['storage'] === true).length;
  if (storage !== 1)
    errors.push(
      invalid(
        'spec.versions',
        versions.map((version) => version['name']),
        'must have exactly one version marked as storage version',
      ),
    );
  const names = versions.map((version) => version['name']);
  if (new Set(names).size !== names.length)
    errors.push(invalid('spec.versions', names, 'must contain unique version names'));
  return errors;
}

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];

function validateVersion(version: Record<string, unknown>, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const name = asString(version['name']);
  const fault = dnsLabelFault(name);
  if (fault !== undefined) errors.push(invalid(`${path}.name`, name, fault));
  const schema = member(version, 'schema', 'openAPIV3Schema');
  errors.push(
    ...(schema === undefined
      ? [required(`${path}.schema.openAPIV3Schema`, 'schemas are required')]
      : schemaFaults(schema, `${path}.schema.openAPIV3Schema`)),
  );
  asArray(version['additionalPrinterColumns'])
    .map(asRecord)
    .forEach((column, index) => {
      const at = `${path}.additionalPrinterColumns[${index}]`;
      if (!columnTypes.includes(asString(column['type'])))
        errors.push(notSupported(`${at}.type`, column['type'], columnTypes));
      if (parseJsonPath(asString(column['jsonPath'])) === undefined)
        errors.push(invalid(`${at}.jsonPath`, column['jsonPath'], 'is an invalid path'));
    });
  asArray(version['selectableFields'])
    .map(asRecord)
    .forEach((field, index) => {
      if (!isSelectable(schema, asString(field['jsonPath']))) {
        errors.push(
          invalid(
            `${path}.selectableFields[${index}].jsonPath`,
            field['jsonPath'],
            'must point to a string, boolean or integer in the schema',
          ),
        );
      }
    });
  const scale = member(version, 'subresources', 'scale');
  if (isRecord(scale)) {
    if (!asString(scale['specReplicasPath']).startsWith('.spec.'))
      errors.push(
        invalid(
          `${path}.subresources.scale.specReplicasPath`,
          scale['specReplicasPath'],
          'should be a json path under .spec',
        ),
      );
    if (!asString(scale['statusReplicasPath']).startsWith('.status.'))
      errors.push(
        invalid(
          `${path}.subresources.scale.statusReplicasPath`,
          scale['statusReplicasPath'],
          'should be a json path under .status',
        ),
      );
  }
  return errors;
}

function isSelectable(schema: unknown, path: string): boolean {
  let current: unknown = schema;
  for (const name of path.replace(/^\./, '').split('.')) current = member(current, 'properties', name);
  return ['string', 'boolean', 'integer'].includes(asString(member(current, 'type')));
}

function validate(crd: ApiObject, old: ApiObject | undefined): FieldError[] {
  const spec = asRecord(crd['spec']);
  const names = asRecord(spec['names']);
  const errors: FieldError[] = [];
  const [group, plural] = [asString(spec['group']), asString(names['plural'])];
  if (crd.metadata?.name !== `${plural}.${group}`)
    errors.push(invalid('metadata.name', crd.metadata?.name ?? '', 'must be spec.names.plural+"."+spec.group'));
  const groupFault = group.includes('.') ? dnsSubdomainFault(group) : 'should be a domain with at least one dot';
  if (groupFault !== undefined) errors.push(invalid('spec.group', group, groupFault));
  for (const field of ['plural', 'singular'] as const) {
    const fault = dnsLabelFault(asString(names[field]));
    if (fault !== undefined) errors.push(invalid(`spec.names.${field}`, names[field], fault));
  }
  if (asString(names['kind']) === '') errors.push(required('spec.names.kind'));
  if (member(spec, 'conversion', 'strategy') !== 'None')
    errors.push(notSupported('spec.conversion.strategy', member(spec, 'conversion', 'strategy'), ['None']));
  if (spec['preserveUnknownFields'] === true) errors.push(invalid('spec.preserveUnknownFields', true, 'must be false'));
  errors.push(...validateVersions(spec));
  if (old) errors.push(...validateChange(crd, old));
  return errors;
}

function validateChange(crd: ApiObject, old: ApiObject): FieldError[] {
  const errors: FieldError[] = [];
  for (const path of [['group'], ['scope'], ['names', 'plural'], ['names', 'kind']]) {
    const [now, before] = [member(crd, 'spec', ...path), member(old, 'spec', ...path)];
    if (now !== before) errors.push(invalid(`spec.${path.join('.')}`, now, 'field is immutable'));
  }
  const names = new Set(asArray(member(crd, 'spec', 'versions')).map((version) => member(version, 'name')));
  stringsOf(member(crd, 'status', 'storedVersions')).forEach((version, index) => {
    if (!names.has(version))
      errors.push(invalid(`status.storedVersions[${index}]`, version, 'missing from spec.versions'));
  });
  return errors;
}

export const customResourceDefinitions: ServedResource = defineKind({
  group: 'apiextensions.k8s.io',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  definition: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition',
  namespaced: false,
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  status: true,
  generation: true,
  columns: [{ name: 'Created At', type: 'date', jsonPath: '.metadata.creationTimestamp' }],
  prepareCreate(crd) {
    fillNames(crd);
    startStatus(crd);
  },
  prepareUpdate: fillNames,
  validate,
});
