// Each alert judged by Prometheus' own evaluation, over the series of the real operator: that it fires after its time when things are
// as bad as it says and in which words, and that it does not when they are nearly so.

import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { render } from './chart.ts';
import { measure, type InputSeries, type Instruments } from './measured.ts';
import { promtool } from './promtool.ts';

jest.setTimeout(300_000);

interface Rule {
  readonly alert: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}
type Play = (minute: number, on: Instruments) => void;
interface Case {
  readonly alert: string;
  /** Fires by `fires`, and not yet by `quiet`; both in minutes. */
  readonly bad: Play;
  readonly quiet: number;
  readonly fires: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly summary: string;
  /** Nearly as bad: never fires in the same time. */
  readonly nearly: Play;
  /** Whether Prometheus reached the operator: 1 or 0 at each minute. */
  readonly up?: { readonly bad: Reached; readonly nearly: Reached };
}
type Reached = (minute: number) => 0 | 1;

const every = (minutes: number, play: (on: Instruments) => void): Play => {
  return (minute, on) => {
    if (minute % minutes === 0) play(on);
  };
};
const from = (begin: number, end: number, play: Play): Play => {
  return (minute, on) => {
    if (minute >= begin && minute < end) play(minute, on);
  };
};
const always = (play: (on: Instruments) => void): Play => every(1, play);

const cases: readonly Case[] = [
  {
    alert: 'IdlewildOperatorDown',
    bad: () => undefined,
    nearly: () => undefined,
    up: { bad: (minute) => (minute < 2 ? 1 : 0), nearly: (minute) => (minute < 2 || minute > 6 ? 1 : 0) },
    quiet: 6,
    fires: 8,
    summary: 'No replica of the operator answers',
  },
  {
    alert: 'IdlewildNoLeader',
    bad: always((on) => on.set('leader_election_master_status', 0, { name: 'idlewild-operator' })),
    nearly: (minute, on) =>
      on.set('leader_election_master_status', minute % 3 === 2 ? 1 : 0, { name: 'idlewild-operator' }),
    quiet: 2,
    fires: 4,
    summary: 'The operator runs, but no replica leads',
  },
  {
    alert: 'IdlewildCannotRead',
    bad: from(5, 99, (_, on) => on.count('idlewild_informer_lists_total', 1, { type: 'nodes', outcome: 'failed' })),
    nearly: (minute, on) => {
      on.count('idlewild_informer_lists_total', 1, { type: 'nodes', outcome: 'relist' });
      if (minute % 5 === 0) on.count('idlewild_informer_lists_total', 1, { type: 'nodes', outcome: 'failed' });
    },
    quiet: 9,
    fires: 20,
    labels: { type: 'nodes' },
    summary: 'The operator cannot read nodes',
  },
  {
    alert: 'IdlewildReconcileFails',
    bad: always((on) => on.count('controller_runtime_reconcile_errors_total', 12, { controller: 'lifecycle' })),
    nearly: always((on) => {
      on.count('controller_runtime_reconcile_errors_total', 5, { controller: 'lifecycle' });
      on.count('controller_runtime_reconcile_errors_total', 5, { controller: 'matching' });
    }),
    quiet: 15,
    fires: 20,
    labels: { controller: 'lifecycle' },
    summary: 'Work of lifecycle fails again and again',
  },
  {
    alert: 'IdlewildClaimsRefused',
    // The first is seen, too: with the second alone it would not have lasted yet.
    bad: (minute, on) => {
      if (minute === 5 || minute === 15) on.count('idlewild_matching_write_failures_total', 1, { trouble: 'refused' });
    },
    nearly: (minute, on) => {
      on.count('idlewild_matching_write_failures_total', 1, { trouble: 'changed' });
      if (minute === 5) on.count('idlewild_matching_write_failures_total', 1, { trouble: 'refused' });
    },
    quiet: 19,
    fires: 21,
    summary: 'The API server refuses what the operator writes of jobs',
  },
  {
    alert: 'IdlewildMachinesLost',
    bad: from(10, 14, (_, on) => on.count('idlewild_machines_lost_total')),
    nearly: every(20, (on) => on.count('idlewild_machines_lost_total')),
    quiet: 12,
    fires: 61,
    summary: '4 machines were lost within an hour',
  },
  {
    alert: 'IdlewildMachinesHeld',
    bad: always((on) => on.set('idlewild_machines_held', 2)),
    nearly: (minute, on) => on.set('idlewild_machines_held', minute % 50 === 49 ? 0 : 2),
    quiet: 59,
    fires: 61,
    summary: '2 machines get no jobs, as they made trouble',
  },
  {
    alert: 'IdlewildNothingClaimed',
    bad: (minute, on) => {
      if (minute < 3) on.count('idlewild_claims_total', 1, { reason: 'FirstReady', priority: 'Normal' });
      on.set('idlewild_jobs_waiting', 3, { reason: 'OwnerPresent' });
    },
    nearly: (minute, on) => {
      if (minute % 120 === 1) on.count('idlewild_claims_total', 1, { reason: 'FirstReady', priority: 'Normal' });
      on.set('idlewild_jobs_waiting', 3, { reason: 'OwnerPresent' });
    },
    quiet: 239,
    fires: 260,
    summary: 'Jobs wait, and none has got a machine for four hours',
  },
  {
    alert: 'IdlewildGuestsStuck',
    bad: always((on) => on.set('idlewild_guests_waiting_to_leave', 2)),
    nearly: (minute, on) => on.set('idlewild_guests_waiting_to_leave', minute % 25 === 24 ? 0 : 2),
    quiet: 29,
    fires: 31,
    summary: '2 guests have to leave their machines and cannot',
  },
  {
    alert: 'IdlewildMigrationsFail',
    bad: from(10, 15, (_, on) => on.count('idlewild_migrations_failed_total')),
    nearly: every(20, (on) => on.count('idlewild_migrations_failed_total')),
    quiet: 12,
    fires: 61,
    summary: '5 migrations failed within an hour',
  },
  {
    alert: 'IdlewildStartsSlow',
    bad: always((on) => {
      on.observe('idlewild_start_step_seconds', 400, { step: 'running' });
      on.observe('idlewild_start_step_seconds', 2, { step: 'script' });
    }),
    nearly: always((on) => on.observe('idlewild_start_step_seconds', 200, { step: 'running' })),
    quiet: 29,
    fires: 35,
    labels: { step: 'running' },
    summary: 'Starts of guests are slow at the step running',
  },
  {
    alert: 'IdlewildHistoryDropped',
    bad: (minute, on) => {
      if (minute === 3) on.count('idlewild_ledger_dropped_total', 7);
    },
    nearly: always((on) => on.count('idlewild_ledger_entries_total', 50, { reason: 'Claimed' })),
    quiet: 2,
    fires: 4,
    summary: 'Decisions about jobs are missing from the history',
  },
];

let groups: { readonly rules: readonly Rule[] }[];
beforeAll(async () => {
  const rendered = await render('--set', 'monitoring.prometheusRule.enabled=true');
  ({ groups } = rendered.find(({ kind }) => kind === 'PrometheusRule')?.spec as { groups: typeof groups });
});

const upSeries = (minutes: number, reached: Reached): InputSeries => ({
  series: 'up{job="idlewild",pod="operator-0"}',
  values: Array.from({ length: minutes + 1 }, (_, minute) => reached(minute)).join(' '),
});

async function judge(
  { alert, fires, labels = {}, summary }: Case,
  play: Play,
  reached: Reached,
  expected: readonly { readonly minute: number; readonly firing: boolean }[],
): Promise<{ readonly code: number; readonly output: string }> {
  const rule = groups.flatMap(({ rules }) => rules).find((each) => each.alert === alert);
  const told = { exp_labels: { ...rule?.labels, ...labels }, exp_annotations: { ...rule?.annotations, summary } };
  const test = {
    interval: '1m',
    input_series: [upSeries(fires, reached), ...(await measure(fires, play))],
    alert_rule_test: expected.map(({ minute, firing }) => ({
      eval_time: `${minute}m`,
      alertname: alert,
      exp_alerts: firing ? [told] : [],
    })),
  };
  const files = { 'rules.yaml': { groups }, 'test.yaml': { rule_files: ['rules.yaml'], tests: [test] } };
  return promtool(['test', 'rules', 'test.yaml'], files);
}

describe('the alerts', () => {
  it('are rules that Prometheus takes, and each of them is judged here', async () => {
    const { code, output } = await promtool(['check', 'rules', '--lint=all', '--lint-fatal', 'rules.yaml'], {
      'rules.yaml': { groups },
    });
    expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining(`${cases.length} rules found`) });
    expect(groups.flatMap(({ rules }) => rules.map(({ alert }) => alert))).toEqual(cases.map(({ alert }) => alert));
  });

  it.each(cases.map((each) => [each.alert, each] as const))('%s fires in time, with its words', async (_, each) => {
    const reached = each.up?.bad ?? (() => 1);
    const wanted = [
      { minute: each.quiet, firing: false },
      { minute: each.fires, firing: true },
    ];
    expect(await judge(each, each.bad, reached, wanted)).toMatchObject({ code: 0 });
  });

  it.each(cases.map((each) => [each.alert, each] as const))('%s is quiet when it is nearly so', async (_, each) => {
    const minutes = Array.from({ length: each.fires + 1 }, (_, minute) => ({ minute, firing: false }));
    const { code, output } = await judge(each, each.nearly, each.up?.nearly ?? (() => 1), minutes);
    expect({ code, output }).toMatchObject({ code: 0 });
  });
});
