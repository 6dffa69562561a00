// A state as a chip: a shape and a word, in the state's ink.
import {
  IconAlertTriangle,
  IconArrowsExchange,
  IconCheck,
  IconClock,
  IconDeviceFloppy,
  IconLoader,
  IconParking,
  IconPlayerPlay,
  IconPlayerStop,
  IconRotateClockwise,
  IconSnowflake,
  IconWalk,
  IconX,
  type Icon,
} from '@tabler/icons-react';
import { inkOf, type JobState } from '../data/job-state.ts';

const icons: Readonly<Record<JobState, Icon>> = {
  Waiting: IconClock,
  'Cannot run': IconAlertTriangle,
  Starting: IconLoader,
  Running: IconPlayerPlay,
  Slowed: IconWalk,
  Frozen: IconSnowflake,
  Moving: IconArrowsExchange,
  Parking: IconDeviceFloppy,
  Restarting: IconRotateClockwise,
  Parked: IconParking,
  Stopping: IconPlayerStop,
  Stopped: IconPlayerStop,
  Done: IconCheck,
  Failed: IconX,
};

export function StateChip({ state }: { readonly state: JobState }) {
  const Shape = icons[state];
  return (
    <span className="chip" data-ink={inkOf[state]}>
      <Shape size={14} aria-hidden />
      {state}
    </span>
  );
}
