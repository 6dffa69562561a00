// Logging in: through the lab's login service where there is one, or with a token of the cluster.
import {
  Alert,
  Button,
  Center,
  Code,
  CopyButton,
  Divider,
  Group,
  Paper,
  PasswordInput,
  Stack,
  Text,
  Title,
} from '@mantine/core';
import { loginTroubles, type LoginTrouble } from '@idlewild/operator/portal/login-troubles.ts';
import type { LoginWays } from '@idlewild/operator/portal/schemas.ts';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState, type FormEvent } from 'react';
import { useNavigate, useSearchParams } from 'react-router';
import { call } from '../../data/api.ts';
import { rememberLogin } from '../../data/me.tsx';

const command = 'kubectl create token NAME --namespace NAMESPACE --duration 8h';

export function LoginPage() {
  const [token, setToken] = useState('');
  const [search] = useSearchParams();
  const [trouble, setTrouble] = useState(troubleOf(search.get('trouble')));
  const [busy, setBusy] = useState(false);
  const ways = useQuery({
    queryKey: ['login-ways'],
    queryFn: ({ signal }) => call<LoginWays>('GET', '/api/v1/login', { signal }),
    staleTime: Infinity,
  });
  const done = search.get('done') !== null;
  const to = ownPath(search.get('to'));
  const navigate = useNavigate();
  const client = useQueryClient();
  useEffect(() => {
    document.title = 'Log in · Idlewild';
  }, []);
  useEffect(() => {
    if (!done) return;
    rememberLogin(true);
    client.clear();
    void navigate(to, { replace: true });
  }, [done, to, client, navigate]);
  const sso = ways.data?.oidc;
  const login = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setTrouble(undefined);
    try {
      await call('POST', '/api/v1/login', { body: { token: token.trim() } });
      rememberLogin(true);
      client.clear();
      void navigate(to, { replace: true });
    } catch (error) {
      setTrouble((error as Error).message);
      setBusy(false);
    }
  };
  return (
    <Center component="main" mih="100dvh" p="md">
      <Paper withBorder radius="lg" p="xl" w="100%" maw={440}>
        <form onSubmit={(event) => void login(event)}>
          <Stack>
            <div>
              <Title order={1} size="h2">
                Idlewild
              </Title>
              <Text className="quiet">The idle machines of your lab, at work for you.</Text>
            </div>
            {sso !== undefined && (
              <>
                <Button component="a" href={`${sso.path}?to=${encodeURIComponent(to)}`} size="md">
                  Log in with {sso.label}
                </Button>
                <Divider label="or" />
              </>
            )}
            <PasswordInput
              label="Token of the cluster"
              autoFocus
              required
              autoComplete="off"
              value={token}
              onChange={(event) => setToken(event.currentTarget.value)}
            />
            {trouble !== undefined && (
              <Alert color="red" variant="outline" role="alert">
                {trouble}
              </Alert>
            )}
            <Button
              type="submit"
              variant={sso === undefined ? 'filled' : 'default'}
              loading={busy}
              disabled={token.trim() === ''}
            >
              Log in
            </Button>
            <Stack gap={4}>
              <Group justify="space-between">
                <Text size="sm" className="quiet">
                  A token comes from the command line:
                </Text>
                <CopyButton value={command}>
                  {({ copied, copy }) => (
                    <Button size="compact-xs" variant="default" onClick={copy}>
                      {copied ? 'Copied' : 'Copy'}
                    </Button>
                  )}
                </CopyButton>
              </Group>
              <Code block style={{ whiteSpace: 'pre-wrap' }}>
                {command}
              </Code>
              <Text size="sm" className="quiet">
                In a local lab: <Code>npm run lab -- token</Code>
              </Text>
            </Stack>
          </Stack>
        </form>
      </Paper>
    </Center>
  );
}

function troubleOf(word: string | null): string | undefined {
  if (word === null) return undefined;
  return Object.hasOwn(loginTroubles, word) ? loginTroubles[word as LoginTrouble] : 'The login did not come about.';
}

/** Only ever a path of our own: an address from outside must not be able to send anybody elsewhere. */
function ownPath(to: string | null): string {
  if (to === null || !URL.canParse(to, location.origin)) return '/';
  const url = new URL(to, location.origin);
  return url.origin === location.origin && !url.pathname.startsWith('/login') ? url.pathname + url.search : '/';
}
