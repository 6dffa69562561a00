// The simple JSON paths that a CRD carries: printer columns, selectable fields, scale. Dots, quoted names, indexes,
// `[*]` and equality filters as kubectl's printers know them; no recursion, no arithmetic.
import { asArray, isRecord } from '../schema/json.ts';

type Step =
  | { readonly type: 'member'; readonly name: string }
  | { readonly type: 'index'; readonly index: number }
  | { readonly type: 'all' }
  | { readonly type: 'filter'; readonly path: readonly Step[]; readonly equals: string };

const token =
  /^(?:\.([A-Za-z_$][\w$-]*|\*)|\.?\[\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|(-?\d+)|(\*)|\?\(\s*@((?:\.[\w$-]+|\\\.)+)\s*==\s*(?:'([^']*)'|"([^"]*)"|([\w.+-]+))\s*\))\s*\])/;

/** The steps of a path such as `.status.conditions[?(@.type=="Ready")].status`; undefined if it cannot be read. */
export function parseJsonPath(text: string): readonly Step[] | undefined {
  let rest = text
    .trim()
    .replace(/^\{(.*)\}$/, '$1')
    .replace(/\\\./g, '\u0000');
  if (!rest.startsWith('.') && !rest.startsWith('[')) rest = `.${rest}`;
  const steps: Step[] = [];
  const plain = (name: string) => name.replaceAll('\u0000', '.').replace(/\\(.)/g, '$1');
  while (rest !== '') {
    const match = /^\.((?:[\w$-]|\u0000)+)/.exec(rest) ?? token.exec(rest);
    if (!match) return undefined;
    rest = rest.slice(match[0].length);
    const [, name, single, double, index, star, filter, ...values] = match;
    if (name !== undefined) steps.push(name === '*' ? { type: 'all' } : { type: 'member', name: plain(name) });
    else if (single !== undefined || double !== undefined)
      steps.push({ type: 'member', name: plain(single ?? double ?? '') });
    else if (index !== undefined) steps.push({ type: 'index', index: Number(index) });
    else if (star !== undefined) steps.push({ type: 'all' });
    else
      steps.push({
        type: 'filter',
        path: parseJsonPath(filter ?? '') ?? [],
        equals: values.find((value) => value !== undefined) ?? '',
      });
  }
  return steps;
}

const parsed = new Map<string, readonly Step[] | undefined>();

function stepsOf(path: string): readonly Step[] | undefined {
  if (!parsed.has(path)) parsed.set(path, parseJsonPath(path));
  return parsed.get(path);
}

function take(step: Step, value: unknown): readonly unknown[] {
  switch (step.type) {
    case 'member':
      return isRecord(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : [];
    case 'index':
      return asArray(value).slice(step.index, step.index === -1 ? undefined : step.index + 1);
    case 'all':
      return Array.isArray(value) ? value : isRecord(value) ? Object.values(value) : [];
    case 'filter':
      return asArray(value).filter((item) => follow(step.path, item).some((found) => String(found) === step.equals));
  }
}

function follow(steps: readonly Step[], value: unknown): readonly unknown[] {
  let values: readonly unknown[] = [value];
  for (const step of steps) values = values.flatMap((item) => take(step, item));
  return values;
}

/** Everything the path finds, in order; nothing for a path that cannot be read. */
export function findByJsonPath(path: string, object: unknown): readonly unknown[] {
  const steps = stepsOf(path);
  return steps ? follow(steps, object) : [];
}
