// kubectl and policies that the server evaluates: a policy is applied, bound, felt, and taken away. A server may take a moment to
// heed a new policy, so that each is waited for.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Cluster, type Result } from './cluster.ts';

jest.setTimeout(60_000);
const apiVersion = 'admissionregistration.k8s.io/v1';
const deadlineMs = 20_000;

const policy = {
  apiVersion,
  kind: 'ValidatingAdmissionPolicy',
  metadata: { name: 'colours.example.dev' },
  spec: {
    matchConstraints: {
      resourceRules: [
        { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['configmaps'] },
      ],
    },
    matchConditions: [{ name: 'has-colour', expression: "'colour' in object.?data.orValue({})" }],
    variables: [{ name: 'colour', expression: 'object.data.colour' }],
    validations: [
      {
        expression: "variables.colour in ['red', 'blue']",
        messageExpression: "variables.colour + ' is neither red nor blue'",
        reason: 'Forbidden',
      },
    ],
  },
};
const binding = (action: string) => ({
  apiVersion,
  kind: 'ValidatingAdmissionPolicyBinding',
  metadata: { name: 'colours.example.dev' },
  spec: { policyName: 'colours.example.dev', validationActions: [action] },
});
const green = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'green', namespace: 'default' },
  data: { colour: 'green' },
};

describe('kubectl with an admission policy', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start();
  });
  afterAll(() => cluster.stop());

  /** Tries until the answer is good; nothing is stored. */
  async function tries(good: (result: Result) => boolean): Promise<Result> {
    const end = performance.now() + deadlineMs;
    for (;;) {
      const result = await cluster.apply([green], ['--dry-run=server']);
      if (good(result) || performance.now() > end) return result;
    }
  }

  it('is refused with the names of the policy and of its binding, and why', async () => {
    expect(await cluster.apply([policy, binding('Deny')])).toMatchObject({ code: 0 });
    const refused = await tries(({ code }) => code !== 0);
    expect(refused.stderr).toContain(
      "configmaps \"green\" is forbidden: ValidatingAdmissionPolicy 'colours.example.dev' with binding 'colours.example.dev' denied request: green is neither red nor blue",
    );
    const red = { ...green, metadata: { ...green.metadata, name: 'red' }, data: { colour: 'red' } };
    expect(await cluster.apply([red])).toMatchObject({ code: 0 });
    expect(await cluster.apply([{ ...red, data: { other: 'green' } }])).toMatchObject({ code: 0 });
  });

  it('is warned only, when the binding says so', async () => {
    await cluster.ok(['delete', 'validatingadmissionpolicybinding', 'colours.example.dev']);
    expect(await cluster.apply([binding('Warn')])).toMatchObject({ code: 0 });
    const warned = await tries(({ code, stderr }) => code === 0 && stderr !== '');
    expect(warned).toMatchObject({
      code: 0,
      stderr:
        "Warning: Validation failed for ValidatingAdmissionPolicy 'colours.example.dev' with binding 'colours.example.dev': green is neither red nor blue\n",
    });
  });

  it('sees what there is, and is told what an expression lacks', async () => {
    expect(await cluster.ok(['get', 'validatingadmissionpolicies'])).toMatch(
      /^NAME +VALIDATIONS +PARAMKIND +AGE\ncolours.example.dev +1 +<unset> +\d+s\n$/,
    );
    const validations = [{ expression: 'object.data.colour ==' }];
    const broken = await cluster.apply([
      { ...policy, metadata: { name: 'broken.example.dev' }, spec: { ...policy.spec, validations } },
    ]);
    expect(broken.code).toBe(1);
    expect(broken.stderr).toContain(
      'spec.validations[0].expression: Invalid value: "object.data.colour ==": compilation failed: ',
    );
  });

  it('is let through when the policy is gone', async () => {
    await cluster.ok(['delete', 'validatingadmissionpolicy', 'colours.example.dev']);
    expect(await tries(({ code, stderr }) => code === 0 && stderr === '')).toMatchObject({ code: 0, stderr: '' });
  });
});
