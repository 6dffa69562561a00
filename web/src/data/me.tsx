// Who is logged in, and what they may do.
import type { Me } from '@idlewild/operator/portal/schemas.ts';
import { useQuery } from '@tanstack/react-query';
import { call } from './api.ts';

const meKey = ['me'];

export function useMe() {
  return useQuery({
    queryKey: meKey,
    queryFn: ({ signal }) => call<Me>('GET', '/api/v1/me', { signal }),
    staleTime: 60_000,
  });
}
