// One machine in its room: its state and why, what it lends and what of it is at work, whether it is trusted and heard of.
import type { MachineRow } from '@idlewild/operator/portal/schemas.ts';
import { Button, Group, Text } from '@mantine/core';
import { IconShieldCheck, IconShieldOff } from '@tabler/icons-react';
import { memo } from 'react';
import { Link } from 'react-router';
import { useNow } from '../../data/live.tsx';
import { machineSentence, machineStateOf, memory, seenWords } from '../../data/machine-state.ts';
import { MachineChip } from '../../ui/machine-chip.tsx';
import { UsedBar } from '../../ui/used-bar.tsx';
import { LabSwitches } from './lab-switches.tsx';
import { MachineActions, useMachineChange } from './machine-actions.tsx';
import css from './machines.module.css';

interface TileProps {
  readonly row: MachineRow;
  readonly mayChange: boolean;
  readonly hasSwitches: boolean;
}

export const MachineTile = memo(function MachineTile({ row, mayChange, hasSwitches }: TileProps) {
  const { lends, used } = row;
  return (
    <article className={`panel ${css.tile ?? ''}`} aria-label={row.name}>
      <Group justify="space-between" wrap="nowrap">
        <div className={css.title}>
          <Link to={`/machines/${encodeURIComponent(row.name)}`}>{row.name}</Link>{' '}
          <Text span size="sm" className="quiet">
            {row.dedicated ? 'dedicated' : 'a desktop'}
          </Text>
        </div>
        {mayChange && <MachineActions row={row} />}
      </Group>
      <div>
        <MachineChip state={machineStateOf(row)} />
        <Why row={row} />
      </div>
      <div>
        <UsedBar label="Cores" used={used.cores} of={lends.cores} text={`${used.cores} of ${lends.cores}`} />
        <UsedBar
          label="Memory"
          used={used.memoryMiB}
          of={lends.memoryMiB}
          text={`${memory(used.memoryMiB)} of ${memory(lends.memoryMiB)}`}
        />
      </div>
      <div className={css.foot}>
        <Guests row={row} />
        <Fence row={row} />
        <Seen row={row} />
      </div>
      {mayChange && !row.approved && <Approve name={row.name} />}
      {hasSwitches && <LabSwitches row={row} />}
    </article>
  );
});

/** Words that count seconds, apart from the tile so that only they are made anew each second. */
export function Why({ row }: { readonly row: MachineRow }) {
  return <p className={css.why}>{machineSentence(row, useNow())}</p>;
}

export function Seen({ row }: { readonly row: MachineRow }) {
  const words = seenWords(row, useNow());
  return <span className={words.includes('silent') ? 'warned' : 'quiet'}>{words}</span>;
}

function Guests({ row: { name, used } }: { readonly row: MachineRow }) {
  if (used.guests === 0) return <span className="quiet">no guests</span>;
  return (
    <Link to={`/jobs?q=${encodeURIComponent(name)}`}>
      {used.guests} {used.guests === 1 ? 'guest' : 'guests'}
    </Link>
  );
}

export function Fence({ row: { fence } }: { readonly row: MachineRow }) {
  if (fence === 'armed') {
    return (
      <span className={`${css.fence ?? ''} quiet`}>
        <IconShieldCheck size={14} aria-hidden /> fence armed
      </span>
    );
  }
  return (
    <span className={`${css.fence ?? ''} ${fence === 'off' ? 'warned' : 'quiet'}`}>
      <IconShieldOff size={14} aria-hidden /> {fence === 'off' ? 'fence off' : 'no fence known'}
    </span>
  );
}

function Approve({ name }: { readonly name: string }) {
  const { busy, change } = useMachineChange(name);
  return (
    <Button size="sm" fullWidth loading={busy} onClick={() => void change({ approved: true })}>
      Approve
    </Button>
  );
}
