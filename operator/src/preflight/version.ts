// Versions as Kubernetes and KubeVirt spell them. Pure.

/** Major and minor of "v1.34.1+k3s1" or "1.9"; undefined for what is no version. */
export function versionOf(text: string): readonly [number, number] | undefined {
  const [, major, minor] = /^v?(\d{1,4})\.(\d{1,4})\b/.exec(text) ?? [];
  return major === undefined || minor === undefined ? undefined : [Number(major), Number(minor)];
}

/** Whether a release is this one or later, down to its patches, as "v1.8.4" says; one that tells no patch counts as its first. */
export function isRelease(text: string, least: readonly [number, number, number]): boolean {
  const [, ...found] = /^v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?\b/.exec(text) ?? [];
  const apart = least.findIndex((part, index) => Number(found[index] ?? 0) !== part);
  return apart < 0 || Number(found[apart] ?? 0) > (least[apart] ?? 0);
}

/** @param least such as "1.32". */
export function atLeast([major, minor]: readonly [number, number], least: string): boolean {
  const [wantedMajor = 0, wantedMinor = 0] = versionOf(least) ?? [];
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
