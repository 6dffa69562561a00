// Who is logged in, and what they may do.
import type { Me } from '@idlewild/operator/portal/schemas.ts';
import { useQuery } from '@tanstack/react-query';
import { call, Refusal } from './api.ts';

const hint = 'idlewild-logged-in';

/** Whether this browser has logged in and not out: where it has not, nothing need be asked. */
const hasLoggedIn = (): boolean => localStorage.getItem(hint) !== null;

export function rememberLogin(loggedIn: boolean): void {
  if (loggedIn) localStorage.setItem(hint, '1');
  else localStorage.removeItem(hint);
}

export function useMe() {
  return useQuery({
    queryKey: ['me'],
    queryFn: ({ signal }) => {
      if (!hasLoggedIn()) throw new Refusal({ status: 401, detail: 'log in first' });
      return call<Me>('GET', '/api/v1/me', { signal });
    },
    staleTime: 60_000,
  });
}
