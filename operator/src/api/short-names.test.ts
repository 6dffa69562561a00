// What kubectl takes the words for jobs to mean. It asks the group with the higher priority first, so that a short name of a kind of
// Kubernetes itself never means a kind of ours: `kubectl delete cj --all` would delete CronJobs.

import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

interface Definition {
  readonly spec: { readonly names: { readonly [name in 'plural' | 'singular']: string } & { shortNames: string[] } };
}

const { names } = (
  parse(readFileSync(join(import.meta.dirname, '../../../crds/idlewild.dev_computejobs.yaml'), 'utf8')) as Definition
).spec;

/** Of kube-apiserver 1.36, and of KubeVirt 1.9 and its importer of disks. */
const taken = new Set(
  `cj cm crd crds cs csr deploy ds ep ev hpa ing ip limits netpol no ns pc pdb po pv pvc quota rc rs sa sc sts svc vac wg
  kv kvs vm vms vmi vmis vmim vmims vmirs vmirss vmipreset vmp vmpool vmps vmcp vmcf vmf vmpref vmsnapshot vmrestore vmclone
  vmexport vmbackup dv dvs job jobs cronjob cronjobs`.split(/\s+/),
);

describe('the words by which kubectl knows jobs', () => {
  it('mean nothing else on a cluster, but for the one that is kept for who is used to it', () => {
    const [first, ...others] = names.shortNames;
    expect([names.plural, names.singular, first].filter((name) => name === undefined || taken.has(name))).toEqual([]);
    expect(others).toEqual(['cj']);
  });

  it('are those in the manuals that no cluster takes for CronJobs', () => {
    const root = join(import.meta.dirname, '../../..');
    const manuals = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => join('docs', name))];
    const pages = manuals.filter((name) => name.endsWith('.md'));
    expect(pages.filter((name) => /kubectl [^`|]*\bcj\b/.test(readFileSync(join(root, name), 'utf8')))).toEqual([]);
  });
});
