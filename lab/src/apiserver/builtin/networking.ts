// Services, endpoints and endpoint slices. Only names and ports are kept: nothing in the lab routes packets, so a
// ClusterIP service stays without an address (as a headless one) unless its writer names one.
import type { ApiObject, Column, FieldError, ServedResource } from '../registry/types.ts';
import { invalid, required } from '../schema/errors.ts';
import { asArray, asRecord, asString, member } from '../schema/json.ts';
import { ageColumn, defineKind, textAt } from './kind.ts';
import { dnsSubdomainFault } from './names.ts';

function portsOf(service: ApiObject): string {
  const ports = asArray(member(service, 'spec', 'ports')).map(asRecord);
  return ports.length === 0
    ? '<none>'
    : ports.map((port) => `${String(port['port'])}/${asString(port['protocol'])}`).join(',');
}

function selectorOf(service: ApiObject): string {
  const pairs = Object.entries(asRecord(member(service, 'spec', 'selector'))).map(
    ([key, value]) => `${key}=${asString(value)}`,
  );
  return pairs.length === 0 ? '<none>' : pairs.join(',');
}

const serviceColumns: readonly Column[] = [
  { name: 'Type', type: 'string', jsonPath: '.spec.type' },
  {
    name: 'Cluster-IP',
    type: 'string',
    value: (service) => asString(member(service, 'spec', 'clusterIP')) || '<none>',
  },
  {
    name: 'External-IP',
    type: 'string',
    value: (service) => asString(member(service, 'spec', 'externalName')) || '<none>',
  },
  { name: 'Port(s)', type: 'string', value: portsOf },
  ageColumn,
  { name: 'Selector', type: 'string', priority: 1, value: selectorOf },
];

function fillService(service: ApiObject): void {
  const spec = asRecord(service['spec']);
  for (const port of asArray(spec['ports']).map(asRecord)) port['targetPort'] ??= port['port'];
  if (spec['type'] === 'ExternalName') return;
  spec['clusterIP'] ??= 'None';
  spec['clusterIPs'] ??= [spec['clusterIP']];
  spec['internalTrafficPolicy'] ??= 'Cluster';
  spec['ipFamilies'] ??= ['IPv4'];
  spec['ipFamilyPolicy'] ??= 'SingleStack';
}

function validateService(service: ApiObject): FieldError[] {
  const spec = asRecord(service['spec']);
  const errors: FieldError[] = [];
  const ports = asArray(spec['ports']).map(asRecord);
  if (spec['type'] === 'ExternalName') {
    const name = asString(spec['externalName']);
    const fault = dnsSubdomainFault(name.replace(/\.$/, ''));
    if (name === '') errors.push(required('spec.externalName'));
    else if (fault !== undefined) errors.push(invalid('spec.externalName', name, fault));
  } else if (ports.length === 0 && spec['clusterIP'] !== 'None') errors.push(required('spec.ports'));
  ports.forEach((port, index) => {
    const number = Number(port['port']);
    if (number < 1 || number > 65535)
      errors.push(invalid(`spec.ports[${index}].port`, port['port'], 'must be between 1 and 65535, inclusive'));
    if (ports.length > 1 && asString(port['name']) === '') errors.push(required(`spec.ports[${index}].name`));
  });
  return errors;
}

export const services: ServedResource = defineKind({
  group: '',
  plural: 'services',
  kind: 'Service',
  definition: 'io.k8s.api.core.v1.Service',
  namespaced: true,
  shortNames: ['svc'],
  categories: ['all'],
  status: true,
  columns: serviceColumns,
  fields: { 'spec.clusterIP': textAt('spec.clusterIP'), 'spec.type': textAt('spec.type') },
  prepareCreate(service) {
    fillService(service);
    service['status'] = { loadBalancer: {} };
  },
  prepareUpdate(next, old) {
    const [spec, before] = [asRecord(next['spec']), asRecord(old['spec'])];
    if (spec['type'] === before['type'] && before['clusterIP'] !== undefined) spec['clusterIP'] ??= before['clusterIP'];
    fillService(next);
  },
  validate: validateService,
});

function addressesOf(endpoints: ApiObject): string {
  const all = asArray(endpoints['subsets']).flatMap((subset) =>
    asArray(member(subset, 'addresses')).flatMap((address) => {
      const ports = asArray(member(subset, 'ports'));
      const ip = asString(member(address, 'ip'));
      return ports.length === 0 ? [ip] : ports.map((port) => `${ip}:${String(member(port, 'port'))}`);
    }),
  );
  if (all.length === 0) return '<none>';
  return all.length > 3 ? `${all.slice(0, 3).join(',')} + ${all.length - 3} more...` : all.join(',');
}

export const endpoints: ServedResource = defineKind({
  group: '',
  plural: 'endpoints',
  kind: 'Endpoints',
  definition: 'io.k8s.api.core.v1.Endpoints',
  namespaced: true,
  shortNames: ['ep'],
  columns: [{ name: 'Endpoints', type: 'string', value: addressesOf }, ageColumn],
});

export const endpointSlices: ServedResource = defineKind({
  group: 'discovery.k8s.io',
  plural: 'endpointslices',
  kind: 'EndpointSlice',
  definition: 'io.k8s.api.discovery.v1.EndpointSlice',
  namespaced: true,
  generation: true,
  columns: [{ name: 'AddressType', type: 'string', jsonPath: '.addressType' }, ageColumn],
});
