// That the table of rights which preflight asks about is what the chart grants, and that the chart grants nothing by a wildcard.

import { describe, expect, it } from '@jest/globals';
import { chartRights } from '@idlewild/lab/manifests/chart.ts';
import { rightsNeeded, type Account } from '@idlewild/operator/preflight/rights.ts';
import { cellsOf, cellsOfRole, inWords, rolesOf } from './cells.ts';

const manifests = await chartRights();

describe('the table of rights', () => {
  it.each<Account>(['operator', 'portal', 'agent'])('has of the account %s what the chart grants', (account) => {
    const told = rightsNeeded('idlewild-system').filter((right) => right.account === account);
    expect(told.map(inWords).sort()).toEqual(cellsOf(manifests, account).map(inWords).sort());
  });
});

describe('the roles of the chart', () => {
  it.each(rolesOf(manifests).map((role) => [`${role.kind} ${role.metadata.name}`, role] as const))(
    '%s have no wildcard, and grant nothing twice',
    (_name, role) => {
      const words = cellsOfRole(role).map(inWords);
      expect(words.length).toBeGreaterThan(0);
      expect(words.filter((each, index) => words.indexOf(each) !== index)).toEqual([]);
    },
  );
});
