// In which order a guest must load kernel modules with plain insmod, read from the modules themselves.
// Pure. (modules.dep is made by depmod when a kernel is installed; an unpacked package has none.)

/** Names a module depends on, from the `depends=` entry of its .modinfo section. */
export function moduleDependencies(module: Uint8Array): string[] {
  const text = Buffer.from(module.buffer, module.byteOffset, module.byteLength).toString('latin1');
  const list = /\0depends=([^\0]*)\0/.exec(text)?.[1] ?? '';
  return list.split(',').filter((name) => name !== '');
}

/** The kernel treats `-` and `_` in a module name alike; file names use either. */
export function moduleName(name: string): string {
  return name.replaceAll('-', '_');
}

/**
 * All wanted modules and what they need, dependencies first; equal input gives equal output.
 * `dependenciesOf` answers undefined for a name that is not a module file (built in, or unknown): left out.
 */
export function moduleOrder(
  wanted: readonly string[],
  dependenciesOf: (name: string) => readonly string[] | undefined,
): string[] {
  const order: string[] = [];
  const visited = new Set<string>();
  const visit = (raw: string): void => {
    const name = moduleName(raw);
    if (visited.has(name)) return;
    visited.add(name);
    const dependencies = dependenciesOf(name);
    if (dependencies === undefined) return;
    for (const dependency of dependencies) visit(dependency);
    order.push(name);
  };
  for (const name of wanted) visit(name);
  return order;
}
