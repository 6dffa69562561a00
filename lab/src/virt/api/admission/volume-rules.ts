// What is wrong with the volumes of an instance, in KubeVirt's words.
// Pure. Facts: KubeVirt pkg/storage/admitters and recorded answers.
import type { CloudInitSource, VmiSpec, Volume } from '../../model/instance.ts';
import type { Cause } from './verdict.ts';

const LONGEST_INLINE_BYTES = 2048;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

export function volumeRules(spec: VmiSpec, path: string): Cause[] {
  const causes: Cause[] = [];
  const seen = new Map<string, number>();
  for (const [index, volume] of (spec.volumes ?? []).entries()) {
    const field = `${path}.volumes[${index}]`;
    const first = seen.get(volume.name);
    if (first !== undefined) {
      const message = `${field} and ${path}.volumes[${first}] must not have the same Name.`;
      causes.push({ reason: 'FieldValueInvalid', message, field: `${field}.name` });
    } else seen.set(volume.name, index);
    causes.push(...sourceRules(volume, field));
  }
  return causes;
}

function sourceRules(volume: Volume, field: string): Cause[] {
  const sources = Object.keys(volume).filter((key) => key !== 'name' && volume[key] !== undefined);
  if (sources.length !== 1) {
    return [{ reason: 'FieldValueInvalid', message: `${field} must have exactly one source type set`, field }];
  }
  if (volume['hostDisk'] !== undefined) {
    return [{ reason: 'FieldValueInvalid', message: 'HostDisk feature gate is not enabled', field }];
  }
  for (const kind of ['cloudInitNoCloud', 'cloudInitConfigDrive'] as const) {
    const source = volume[kind];
    if (source) return cloudInitRules(source, kind, `${field}.${kind}`);
  }
  return [];
}

function cloudInitRules(source: CloudInitSource, kind: string, field: string): Cause[] {
  const causes: Cause[] = [];
  const add = (message: string, place = field): void => {
    causes.push({ reason: 'FieldValueInvalid', message, field: place });
  };
  const user = [source.userData, source.userDataBase64, source.secretRef].filter((each) => each !== undefined);
  const network = [source.networkData, source.networkDataBase64, source.networkDataSecretRef].filter(
    (each) => each !== undefined,
  );
  if (user.length > 1) add(`${field} must have only one userdatasource set.`);
  if (network.length > 1) add(`${field} must have only one networkdatasource set.`);
  if (user.length + network.length === 0) {
    add(`${field} must have at least one userdatasource or one networkdatasource set.`);
  }
  for (const [plain, encoded, word, secret] of [
    ['userData', 'userDataBase64', 'userdata', 'UserDataSecretRef'],
    ['networkData', 'networkDataBase64', 'networkdata', 'NetworkDataSecretRef'],
  ] as const) {
    const base64 = source[encoded];
    if (base64 !== undefined && !BASE64.test(base64)) {
      add(`${field}.${encoded}.${kind}.${encoded} is not a valid base64 value.`, `${field}.${encoded}`);
      continue;
    }
    const bytes = base64 === undefined ? Buffer.byteLength(source[plain] ?? '') : Buffer.from(base64, 'base64').length;
    if (bytes > LONGEST_INLINE_BYTES) {
      add(`${field} ${word} exceeds ${LONGEST_INLINE_BYTES} byte limit. Should use ${secret} for larger data.`);
    }
  }
  return causes;
}
