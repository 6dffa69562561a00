// Field paths in Kubernetes' notation: `spec.items[0].name`. A path is a plain string; the root is ''.
// Nothing here looks at schemas or objects.

/** `spec` + `size` -> `spec.size`; the root's members have no leading dot. */
export function memberPath(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

/** `spec.items` + 0 -> `spec.items[0]`; map keys take the same brackets. */
export function indexPath(path: string, index: number | string): string {
  return `${path}[${index}]`;
}
