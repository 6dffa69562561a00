// What form of an answer a client accepts: the object itself, a Table, or metadata alone; as JSON or YAML.

import { notAcceptable } from '../errors/status.ts';

export type Form = 'object' | 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList';

export interface Representation {
  readonly form: Form;
  /** apiVersion of a Table or of metadata: `meta.k8s.io/v1` or its beta. */
  readonly apiVersion: string;
  readonly media: 'json' | 'yaml';
}

const forms: readonly string[] = ['Table', 'PartialObjectMetadata', 'PartialObjectMetadataList'];

/** The first acceptable clause of the header. Throws a 406 if there is none. */
export function negotiate(accept: string | undefined): Representation {
  const clauses = (accept ?? '').split(',').map((clause) => clause.trim());
  if (clauses.every((clause) => clause === '')) return { form: 'object', apiVersion: '', media: 'json' };
  for (const clause of clauses) {
    const [type = '', ...parameters] = clause.split(';').map((part) => part.trim());
    const media = type === 'application/yaml' ? 'yaml' : 'json';
    if (!['application/json', 'application/yaml', 'application/*', '*/*'].includes(type)) continue;
    const parameter = (name: string): string | undefined =>
      parameters.find((p) => p.startsWith(`${name}=`))?.slice(name.length + 1);
    const as = parameter('as');
    if (as === undefined) return { form: 'object', apiVersion: '', media };
    const version = parameter('v') ?? '';
    if (!forms.includes(as) || parameter('g') !== 'meta.k8s.io' || !['v1', 'v1beta1'].includes(version)) continue;
    return { form: as as Form, apiVersion: `meta.k8s.io/${version}`, media };
  }
  throw notAcceptable();
}
