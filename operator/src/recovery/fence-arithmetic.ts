// Whether a machine that is cut off has certainly destroyed its guests before anybody starts them again elsewhere.
// Promises: pure; a problem is a sentence that names the number and what is allowed; no problems means safe. The agent asks it of
// its own flags, the operator of what each machine says of itself. Seconds everywhere.

/** How soon a machine that is cut off destroys its guests, as it says on its Lease. Seconds. */
export interface FenceTerms {
  /** S: from just before its last successful renewal was sent until the switch kills. */
  readonly switchAfterSeconds: number;
  /** G: how late the switch may notice, which is its period and what the scheduler takes. */
  readonly checkSeconds: number;
  /** K: from the first signal until no process of a guest is left. */
  readonly killSeconds: number;
}

export interface FenceNumbers extends FenceTerms {
  /** D: how long the operator must have seen no renewal. */
  readonly leaseSeconds: number;
  /** M: what the operator waits beyond that. */
  readonly marginSeconds: number;
  /** What the agent does before the switch has to; nobody else can see it. */
  readonly agent?: AgentNumbers | undefined;
}

export interface AgentNumbers {
  readonly renewSeconds: number;
  readonly requestTimeoutSeconds: number;
  /** A: from just before the last successful renewal was sent until the agent kills. */
  readonly killAfterSeconds: number;
}

/** How much faster or slower than real time a clock may run. Linux slews by at most 500 ppm. */
export const clockRateError = 0.001;

/** What is wrong with these numbers, in words; nothing when a replacement can never run beside the guest it replaces. */
export function checkFence(numbers: FenceNumbers): string[] {
  const { switchAfterSeconds, checkSeconds, killSeconds, leaseSeconds, marginSeconds, agent } = numbers;
  const { agent: _, ...all } = { ...numbers, ...agent };
  const senseless = Object.entries(all)
    // No margin is a choice; nothing else can take no time.
    .filter(([name, value]) => !(Number.isFinite(value) && (value > 0 || (name === 'marginSeconds' && value === 0))))
    .map(([name, value]) => `${name}: must be a number of seconds above 0, is ${value}`);
  if (senseless.length > 0) return senseless;
  const problems: string[] = [];
  // In real time. The operator saw the last renewal no sooner than it was sent, so both may count from there.
  const goneAfter = (switchAfterSeconds + checkSeconds + killSeconds) / (1 - clockRateError);
  const startedAfter = (leaseSeconds + marginSeconds) / (1 + clockRateError);
  if (goneAfter > startedAfter) {
    problems.push(
      `guests of a machine that is cut off may live for ${seconds(goneAfter)} (switchAfterSeconds ${switchAfterSeconds} + ` +
        `checkSeconds ${checkSeconds} + killSeconds ${killSeconds}, by a slow clock), but others may be started in their place ` +
        `after ${seconds(startedAfter)} (leaseSeconds ${leaseSeconds} + marginSeconds ${marginSeconds}, by a fast clock)`,
    );
  }
  return agent ? [...problems, ...checkAgent(numbers, agent)] : problems;
}

function checkAgent({ switchAfterSeconds, killSeconds }: FenceTerms, agent: AgentNumbers): string[] {
  const { renewSeconds, requestTimeoutSeconds, killAfterSeconds } = agent;
  const problems: string[] = [];
  const twoLost = 2 * renewSeconds + requestTimeoutSeconds;
  if (killAfterSeconds <= twoLost) {
    problems.push(
      `killAfterSeconds: must be above ${seconds(twoLost)} (two renewals and the timeout of a request), or two lost requests ` +
        `cost every guest; is ${killAfterSeconds}`,
    );
  }
  if (killAfterSeconds + killSeconds >= switchAfterSeconds) {
    problems.push(
      `killAfterSeconds: must be below ${seconds(switchAfterSeconds - killSeconds)} (switchAfterSeconds - killSeconds), so that ` +
        `the agent is done before the switch acts; is ${killAfterSeconds}`,
    );
  }
  return problems;
}

function seconds(value: number): string {
  return `${Math.round(value * 1000) / 1000} s`;
}
