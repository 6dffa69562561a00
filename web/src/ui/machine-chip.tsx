// The state of a machine as a chip.
import {
  IconCheck,
  IconHandStop,
  IconHourglass,
  IconLogout,
  IconMinus,
  IconPlugOff,
  IconShieldOff,
  IconUser,
  IconUserQuestion,
  type Icon,
} from '@tabler/icons-react';
import { machineInk, type MachineState } from '../data/machine-state.ts';

const icons: Readonly<Record<MachineState, Icon>> = {
  'Waiting for approval': IconUserQuestion,
  Revoked: IconShieldOff,
  Lost: IconPlugOff,
  'Not ready': IconHourglass,
  Draining: IconLogout,
  'Owner present': IconUser,
  Held: IconHandStop,
  Lending: IconCheck,
  'Not lending': IconMinus,
};

export function MachineChip({ state }: { readonly state: MachineState }) {
  const Shape = icons[state];
  return (
    <span className="chip" data-ink={machineInk[state]}>
      <Shape size={14} aria-hidden />
      {state}
    </span>
  );
}
