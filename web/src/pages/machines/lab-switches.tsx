// The switches of a machine of the lab, for visitors: its owner comes and goes, it loses power or network, and guests give way.
// Promises: offers only what makes sense in the machine's state; asks the lab how its switches are set after each turn and whenever
// something about the machine has changed, and not otherwise.
import type { LabMachine, LabVerb, MachineRow } from '@idlewild/operator/portal/schemas.ts';
import { Button, Group } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { call } from '../../data/api.ts';
import css from './machines.module.css';

const queryKey = ['lab', 'machines'];

export function LabSwitches({ row }: { readonly row: MachineRow }) {
  const client = useQueryClient();
  const { data } = useQuery({
    queryKey,
    queryFn: ({ signal }) => call<{ readonly items: readonly LabMachine[] }>('GET', '/api/v1/lab/machines', { signal }),
    staleTime: 1_000,
  });
  const [busy, setBusy] = useState<LabVerb>();
  const { name, ready, lost, ownerPresent } = row;
  useEffect(() => {
    void client.invalidateQueries({ queryKey });
  }, [client, ready, lost, ownerPresent]);
  const machine = data?.items.find((each) => each.name === name);
  if (machine === undefined) return null;
  const turn = async (verb: LabVerb): Promise<void> => {
    setBusy(verb);
    try {
      await call('POST', `/api/v1/lab/machines/${encodeURIComponent(name)}`, { body: { verb } });
    } catch (error) {
      notifications.show({ color: 'red', title: `${name} is as it was`, message: (error as Error).message });
    }
    await client.invalidateQueries({ queryKey });
    setBusy(undefined);
  };
  return (
    <Group gap={6} mt="sm" role="group" aria-label={`Switches of ${name}`} className={css.switches ?? ''}>
      {offers(machine, row).map(([verb, words]) => (
        <Button
          key={verb}
          size="compact-xs"
          variant="default"
          loading={busy === verb}
          disabled={busy !== undefined && busy !== verb}
          onClick={() => void turn(verb)}
        >
          {words}
        </Button>
      ))}
    </Group>
  );
}

type Offer = readonly [LabVerb, string];

const stop: Offer = ['stop-now', 'Stop lending'];
const lend: Offer = ['lend-again', 'Lend again'];

function offers({ power, cut, owner }: LabMachine, { ownerPresent, lending }: MachineRow): Offer[] {
  const cable: Offer = cut ? ['uncut', 'Plug the network in'] : ['cut', 'Pull the network'];
  if (power === 'off') return [['on', 'Power on'], cable];
  if (power === 'hung') return [['off', 'Power off']];
  const owners: Offer[] = owner
    ? [
        ownerPresent ? ['leave', 'Owner leaves'] : ['arrive', 'Owner arrives'],
        ...(lending ? [stop] : ownerPresent ? [] : [lend]),
      ]
    : [];
  return [...owners, ['off', 'Power off'], cable];
}
