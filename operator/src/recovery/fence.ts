// Whether a machine can be trusted to destroy its guests by itself when it is cut off, as far as it says so.
// Promises: pure; undefined means yes, or that the machine has no agent and nobody counts on it; otherwise what is wrong and what
// helps, in words. Must not judge whether the machine lives: that is for decide.ts.

import type { Lease } from '../api/kubernetes.ts';
import { annotations, labels } from '../model/names.ts';
import { checkFence, type FenceTerms } from './fence-arithmetic.ts';
import { lostAfter, type Patience } from './leases.ts';

/** @param lease that its agent keeps. */
export function fenceTrouble(
  nodeLabels: Readonly<Record<string, string>> | undefined,
  lease: Lease | undefined,
  patience: Patience,
): string | undefined {
  if (!lease) return undefined;
  const armed = nodeLabels?.[labels.fence];
  if (armed !== 'armed') {
    const says = armed === undefined ? 'does not say whether it is armed' : `is ${armed}`;
    return `its dead-man's switch ${says}: idlewild-fence has to run on the machine beside its agent`;
  }
  const terms = termsOf(lease);
  if (!terms) return `its lease does not say how soon it destroys its guests: its agent is to be brought up to date`;
  const durationMs = (lease.spec?.leaseDurationSeconds ?? 0) * 1000;
  const leaseSeconds = lostAfter({ silentMs: 0, renewed: true, agent: { sealed: false, durationMs } }, patience) / 1000;
  const problems = checkFence({ ...terms, leaseSeconds, marginSeconds: patience.leaseMarginMs / 1000 });
  if (problems.length === 0) return undefined;
  return `${problems.join('; ')}: --lease-duration or --lease-margin of the operator is to be longer, or --switch-after of its agent shorter`;
}

/** As agents' flags are unless told. */
const usualTerms: FenceTerms = { switchAfterSeconds: 7.5, checkSeconds: 0.6, killSeconds: 0.5 };

/** What is wrong with the operator's own numbers, in words, if agents have theirs as usual. */
export function troubleOfPatience(patience: Patience): string[] {
  const { lostAfterMs, leaseDurationMs, leaseMarginMs } = patience;
  const numbers = { leaseSeconds: leaseDurationMs / 1000, marginSeconds: leaseMarginMs / 1000 };
  const problems = checkFence({ ...usualTerms, ...numbers });
  if (lostAfterMs >= leaseDurationMs + leaseMarginMs) return problems;
  const shortest = `--lease-duration + --lease-margin (${numbers.leaseSeconds + numbers.marginSeconds} s)`;
  return [...problems, `--lost-after: should be at least ${shortest}, is ${lostAfterMs / 1000} s`];
}

/** Whether anything has changed that `fenceTrouble` reads of a lease; renewals change nothing. */
export function isNewsOfFence(before: Lease | undefined, now: Lease): boolean {
  return (
    before?.metadata.annotations?.[annotations.fence] !== now.metadata.annotations?.[annotations.fence] ||
    before?.spec?.leaseDurationSeconds !== now.spec?.leaseDurationSeconds
  );
}

function termsOf({ metadata }: Lease): FenceTerms | undefined {
  try {
    const terms: unknown = JSON.parse(metadata.annotations?.[annotations.fence] ?? '');
    const { switchAfterSeconds, checkSeconds, killSeconds } = (terms ?? {}) as Record<string, unknown>;
    const numbers = { switchAfterSeconds, checkSeconds, killSeconds };
    return Object.values(numbers).every((value) => typeof value === 'number') ? (numbers as FenceTerms) : undefined;
  } catch {
    return undefined;
  }
}
