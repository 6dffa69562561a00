import { describe, expect, it } from '@jest/globals';
import { definition } from '../builtin/definitions.ts';
import { decodeFault } from './decode.ts';

const pod = definition('io.k8s.api.core.v1.Pod');
const secret = definition('io.k8s.api.core.v1.Secret');
const lease = definition('io.k8s.api.coordination.v1.Lease');

function container(fields: Record<string, unknown>): unknown {
  return { spec: { containers: [{ name: 'c', image: 'i', ...fields }] } };
}

describe('decoding a built-in object', () => {
  it.each([
    ['a complete pod', container({ resources: { limits: { cpu: 2, memory: '1Gi' } }, args: ['a'] })],
    ['nulls, which stand for nothing', { spec: { containers: null, nodeName: null } }],
    ['unknown members, which are told of elsewhere', { spec: { colour: 3 } }],
  ])('takes %s', (_case, object) => {
    expect(decodeFault(pod, object, 'Pod')).toBeUndefined();
  });

  it.each([
    [
      'a text for a list',
      { spec: { containers: 'c' } },
      'json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type []v1.Container',
    ],
    [
      'a text for a number',
      { spec: { terminationGracePeriodSeconds: '30' } },
      'json: cannot unmarshal string into Go struct field PodSpec.spec.terminationGracePeriodSeconds of type int64',
    ],
    [
      'a number for a text deep inside',
      container({ env: [{ name: 'A', value: 1 }] }),
      'json: cannot unmarshal number into Go struct field EnvVar.spec.containers.env.value of type string',
    ],
    [
      'a fraction for a whole number',
      container({ ports: [{ containerPort: 1.5 }] }),
      'json: cannot unmarshal number 1.5 into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32',
    ],
    [
      'a text for a struct',
      { spec: 'x' },
      'json: cannot unmarshal string into Go struct field Pod.spec of type v1.PodSpec',
    ],
    [
      'a quantity that is none',
      container({ resources: { limits: { memory: 'lots' } } }),
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
  ])('refuses %s', (_case, object, complaint) => {
    expect(decodeFault(pod, object, 'Pod')).toBe(complaint);
  });

  it('refuses secrets that are no base64 and times that are no times', () => {
    expect(decodeFault(secret, { data: { a: 'abc!' } }, 'Secret')).toBe('illegal base64 data at input byte 3');
    expect(decodeFault(lease, { spec: { renewTime: '2026-01-01T00:00:01.123Z' } }, 'Lease')).toBe(
      'parsing time "2026-01-01T00:00:01.123Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse ".123Z" as ".000000"',
    );
    expect(decodeFault(lease, { spec: { renewTime: 'soon' } }, 'Lease')).toContain('cannot parse "soon" as "2006"');
  });
});
