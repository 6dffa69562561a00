// What a terminal is told of the past. Must not hold behaviour.

import { z } from 'zod';

export const consoleLog = z.object({
  /** Of the guest that the job has now: one for each of its places, oldest first. */
  logs: z.array(
    z.object({
      pod: z.string(),
      /** Its last lines. */
      text: z.string(),
    }),
  ),
  /** The log of some place could not be read just now. */
  missing: z.boolean(),
});
export type ConsoleLog = z.output<typeof consoleLog>;
