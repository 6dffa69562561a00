// The schema of ComputeJob, from its definition in crds/.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { DefaultingSchema } from './defaults.ts';

const file = join(import.meta.dirname, '../../../crds/idlewild.dev_computejobs.yaml');

/** What fills in the defaults of jobs; read once by whoever makes an API in memory. */
export function readJobSchema(): DefaultingSchema {
  const definition = parse(readFileSync(file, 'utf8')) as {
    spec: { versions: { schema: { openAPIV3Schema: DefaultingSchema } }[] };
  };
  const [version] = definition.spec.versions;
  if (version === undefined) throw new Error(`${file} defines no version`);
  return version.schema.openAPIV3Schema;
}
