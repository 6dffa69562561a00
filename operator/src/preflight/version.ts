// Versions as Kubernetes and KubeVirt spell them. Pure.

/** Major and minor of "v1.34.1+k3s1" or "1.9"; undefined for what is no version. */
export function versionOf(text: string): readonly [number, number] | undefined {
  const [, major, minor] = /^v?(\d{1,4})\.(\d{1,4})\b/.exec(text) ?? [];
  return major === undefined || minor === undefined ? undefined : [Number(major), Number(minor)];
}

/** @param least such as "1.32". */
export function atLeast([major, minor]: readonly [number, number], least: string): boolean {
  const [wantedMajor = 0, wantedMinor = 0] = versionOf(least) ?? [];
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
