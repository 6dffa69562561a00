// The end of a login: put off while somebody works, announced before it comes when nobody seems to be there, and final in the end.
// Promises: only one tab of a browser renews at a time, for a login service may take each of its tokens once. Must not keep a login
// alive that nobody uses.
import type { Me } from '@idlewild/operator/portal/schemas.ts';
import { Alert, Button, Group, Text } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useRef, useState } from 'react';
import { call } from '../data/api.ts';
import { useMe } from '../data/me.tsx';
import { clockTime } from '../data/time.ts';

const longestWarningMs = 5 * 60_000;
/** Lets a login that ends be seen to have ended. */
const graceMs = 1_000;
const signs = ['pointerdown', 'keydown', 'wheel', 'touchstart'] as const;

/** Browsers lend locks to https and to loopback only; elsewhere tabs do not know of each other. */
async function oneTabAtATime(act: () => Promise<void>): Promise<void> {
  if ('locks' in navigator) await navigator.locks.request('idlewild-login', act);
  else await act();
}

type Times = Pick<Me, 'until' | 'ends'>;

export function LoginEnd() {
  const { data: me } = useMe();
  const client = useQueryClient();
  const [warned, setWarned] = useState(false);
  const usedAt = useRef(Date.now());
  const until = me?.until === undefined ? undefined : Date.parse(me.until);
  const last = me?.until !== undefined && me.until === me.ends;

  const renew = useCallback(async (): Promise<void> => {
    await oneTabAtATime(async () => {
      const now = await call<Me>('GET', '/api/v1/me');
      // Another tab has done it while this one waited.
      const times = now.until === me?.until ? await call<Times>('POST', '/api/v1/login/renew') : now;
      client.setQueryData<Me>(['me'], { ...now, ...times });
    });
  }, [client, me?.until]);

  useEffect(() => {
    const seen = (): void => void (usedAt.current = Date.now());
    for (const sign of signs) addEventListener(sign, seen, { passive: true, capture: true });
    return () => {
      for (const sign of signs) removeEventListener(sign, seen, { capture: true });
    };
  }, []);

  useEffect(() => {
    setWarned(false);
    if (until === undefined) return undefined;
    const leftMs = until - Date.now();
    const warningMs = Math.min(longestWarningMs, leftMs / 4);
    const beganAt = Date.now();
    const nearing = setTimeout(() => {
      if (last || usedAt.current <= beganAt) setWarned(true);
      else renew().catch(() => setWarned(true));
    }, leftMs - warningMs);
    const over = setTimeout(() => void client.invalidateQueries({ queryKey: ['me'] }), leftMs + graceMs);
    return () => {
      clearTimeout(nearing);
      clearTimeout(over);
    };
  }, [until, last, renew, client]);

  if (!warned || until === undefined) return null;
  const when = clockTime(new Date(until).toISOString());
  return (
    <Alert
      role="alert"
      color="yellow"
      variant="outline"
      pos="fixed"
      bottom={16}
      left="50%"
      maw="calc(100vw - 32px)"
      style={{ transform: 'translateX(-50%)', zIndex: 400, background: 'var(--mantine-color-body)' }}
    >
      <Group gap="sm" wrap="wrap">
        <Text size="sm">
          Your login ends at {when}. {last ? 'Log in again then; what runs goes on.' : ''}
        </Text>
        {!last && (
          <Button
            size="compact-sm"
            onClick={() => {
              renew().catch(() => void client.invalidateQueries({ queryKey: ['me'] }));
            }}
          >
            Stay logged in
          </Button>
        )}
      </Group>
    </Alert>
  );
}
