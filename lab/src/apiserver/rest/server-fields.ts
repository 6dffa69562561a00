// Metadata that the server itself sets and no update changes.
// Facts: k8s.io/apiserver pkg/registry/rest (create.go, update.go, delete.go).

export const serverFields = [
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'generateName',
] as const;
