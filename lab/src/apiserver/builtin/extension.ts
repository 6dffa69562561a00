// Objects that extend the server itself: webhook configurations and API services. They are stored and checked here;
// admission and aggregation act on them.
import { matchConditionFault } from '../cel/match-conditions.ts';
import type { ApiObject, FieldError, ServedResource } from '../registry/types.ts';
import { invalid, required } from '../schema/errors.ts';
import { asArray, asRecord, asString, member } from '../schema/json.ts';
import { ageColumn, defineKind, textAt } from './kind.ts';

function validateWebhooks(configuration: ApiObject): FieldError[] {
  return asArray(configuration['webhooks']).flatMap((item, index) => {
    const hook = asRecord(item);
    const at = `webhooks[${index}]`;
    const errors: FieldError[] = [];
    const [url, service] = [asString(member(hook, 'clientConfig', 'url')), member(hook, 'clientConfig', 'service')];
    if (asString(hook['name']).split('.').length < 3)
      errors.push(
        invalid(`${at}.name`, hook['name'], 'should be a domain with at least three segments separated by dots'),
      );
    if (asString(hook['sideEffects']) === '')
      errors.push(required(`${at}.sideEffects`, 'must specify one of None, NoneOnDryRun'));
    if (asArray(hook['admissionReviewVersions']).length === 0)
      errors.push(required(`${at}.admissionReviewVersions`, 'must specify one of v1, v1beta1'));
    if ((url === '') === (service === undefined))
      errors.push(required(`${at}.clientConfig`, 'exactly one of url or service is required'));
    if (url !== '' && !url.startsWith('https://'))
      errors.push(invalid(`${at}.clientConfig.url`, url, "'https' is the only allowed URL scheme"));
    asArray(hook['matchConditions'])
      .map(asRecord)
      .forEach((condition, position) => {
        const expression = asString(condition['expression']);
        const fault = matchConditionFault(expression);
        if (fault !== undefined)
          errors.push(invalid(`${at}.matchConditions[${position}].expression`, expression, fault));
      });
    return errors;
  });
}

function webhookConfiguration(kind: string): ServedResource {
  return defineKind({
    group: 'admissionregistration.k8s.io',
    plural: `${kind.toLowerCase()}s`,
    kind,
    definition: `io.k8s.api.admissionregistration.v1.${kind}`,
    namespaced: false,
    categories: ['api-extensions'],
    generation: true,
    columns: [
      { name: 'Webhooks', type: 'integer', value: (configuration) => asArray(configuration['webhooks']).length },
      ageColumn,
    ],
    validate: validateWebhooks,
  });
}

export const validatingWebhooks: ServedResource = webhookConfiguration('ValidatingWebhookConfiguration');
export const mutatingWebhooks: ServedResource = webhookConfiguration('MutatingWebhookConfiguration');

function availability(service: ApiObject): string {
  const condition = asArray(member(service, 'status', 'conditions'))
    .map(asRecord)
    .find((entry) => entry['type'] === 'Available');
  if (!condition) return 'Unknown';
  return condition['status'] === 'True'
    ? 'True'
    : `${asString(condition['status'])} (${asString(condition['reason'])})`;
}

export const apiServices: ServedResource = defineKind({
  group: 'apiregistration.k8s.io',
  plural: 'apiservices',
  kind: 'APIService',
  definition: 'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService',
  namespaced: false,
  categories: ['api-extensions'],
  status: true,
  columns: [
    {
      name: 'Service',
      type: 'string',
      value(service) {
        const backend = member(service, 'spec', 'service');
        return backend === undefined
          ? 'Local'
          : `${asString(member(backend, 'namespace'))}/${asString(member(backend, 'name'))}`;
      },
    },
    { name: 'Available', type: 'string', value: availability },
    ageColumn,
  ],
  fields: { 'spec.group': textAt('spec.group') },
  validate(service): FieldError[] {
    const name = `${asString(member(service, 'spec', 'version'))}.${asString(member(service, 'spec', 'group'))}`;
    if (service.metadata?.name !== name)
      return [
        invalid('metadata.name', service.metadata?.name ?? '', `must be \`spec.version+"."+spec.group\`: "${name}"`),
      ];
    const skip = member(service, 'spec', 'insecureSkipTLSVerify') === true;
    if (skip && asString(member(service, 'spec', 'caBundle')) !== '')
      return [invalid('spec.insecureSkipTLSVerify', true, 'may not be true if caBundle is present')];
    return [];
  },
});
