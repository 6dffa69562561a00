// What is around every page: where one is, where one can go, whether what is shown is live, who one is.
import { ActionIcon, AppShell, Burger, Button, Group, Menu, NavLink, Text, useMantineColorScheme } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import {
  IconDeviceDesktop,
  IconHome,
  IconList,
  IconLogout,
  IconMoon,
  IconPlugOff,
  IconPlus,
  IconSun,
  IconUser,
} from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { Link, Outlet, useLocation } from 'react-router';
import type { LoggedOut } from '@idlewild/operator/portal/schemas.ts';
import { call } from '../data/api.ts';
import { KeptDrafts } from '../data/kept-draft.ts';
import { useLink } from '../data/live.tsx';
import { rememberLogin, useMe } from '../data/me.tsx';
import { clockTime } from '../data/time.ts';

export function Shell() {
  const [opened, { toggle, close }] = useDisclosure();
  const { pathname } = useLocation();
  const { data: me } = useMe();
  useEffect(close, [pathname, close]);
  const places = [
    { to: '/', label: 'Overview', icon: IconHome },
    { to: '/jobs', label: 'Jobs', icon: IconList },
    ...(me?.machines.list === true ? [{ to: '/machines', label: 'Machines', icon: IconDeviceDesktop }] : []),
  ];
  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: 208, breakpoint: 'sm', collapsed: { mobile: !opened } }}
      padding="md"
      withBorder
    >
      <a className="skip" href="#content">
        Skip to the content
      </a>
      <AppShell.Header>
        <Group h="100%" px={{ base: 'xs', sm: 'md' }} gap="xs" justify="space-between" wrap="nowrap">
          <Group gap="xs" wrap="nowrap">
            <Burger opened={opened} onClick={toggle} hiddenFrom="sm" size="sm" aria-label="Menu" />
            <Text component={Link} to="/" fw={700} size="lg" td="none" c="inherit">
              Idlewild
            </Text>
            <Liveness />
          </Group>
          <Group gap="xs" wrap="nowrap">
            <Button
              component={Link}
              to="/new"
              leftSection={<IconPlus size={16} aria-hidden />}
              size="sm"
              px={{ base: 10, sm: 18 }}
            >
              New job
            </Button>
            <Scheme />
            <Account name={me?.name ?? ''} />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" aria-label="Pages">
        {places.map(({ to, label, icon: Shape }) => (
          <NavLink
            key={to}
            component={Link}
            to={to}
            label={label}
            leftSection={<Shape size={18} aria-hidden />}
            active={to === '/' ? pathname === '/' : pathname.startsWith(to)}
          />
        ))}
      </AppShell.Navbar>
      <AppShell.Main id="content">
        <Outlet />
      </AppShell.Main>
    </AppShell>
  );
}

/** Says something only when what is shown is not live. */
function Liveness() {
  const link = useLink();
  if (link.state !== 'away') return <span role="status" />;
  return (
    <span role="status" className="chip" data-ink="warn">
      <IconPlugOff size={14} aria-hidden />
      Not live, as of {clockTime(new Date(link.since).toISOString())}
    </span>
  );
}

function Scheme() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const dark = document.documentElement.dataset['mantineColorScheme'] === 'dark';
  const next = dark ? 'light' : 'dark';
  return (
    <ActionIcon
      variant="default"
      size="lg"
      aria-label={`Use the ${next} colours`}
      data-scheme={colorScheme}
      onClick={() => setColorScheme(next)}
    >
      {dark ? <IconSun size={18} /> : <IconMoon size={18} />}
    </ActionIcon>
  );
}

function Account({ name }: { readonly name: string }) {
  const client = useQueryClient();
  const logout = async (): Promise<void> => {
    const { location: next } = await call<LoggedOut>('POST', '/api/v1/logout');
    rememberLogin(false);
    client.clear();
    new KeptDrafts(localStorage, name, Date.now).forget();
    location.assign(next ?? '/login');
  };
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon variant="default" size="lg" aria-label="Account">
          <IconUser size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label maw={280} style={{ overflowWrap: 'anywhere' }}>
          {name}
        </Menu.Label>
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void logout()}>
          Log out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
