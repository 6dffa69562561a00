// Which page belongs to which address, and what is needed before any of them: somebody who is logged in.
import { Center, Loader } from '@mantine/core';
import { lazy, Suspense, useEffect } from 'react';
import { createBrowserRouter, Navigate, Outlet, RouterProvider, useLocation, useNavigate } from 'react-router';
import { Refusal } from './data/api.ts';
import { LiveProvider, useLink } from './data/live.tsx';
import { rememberLogin, useMe } from './data/me.tsx';
import { JobsPage } from './pages/jobs/jobs-page.tsx';
import { OverviewPage } from './pages/overview/overview-page.tsx';
import { LoginPage } from './pages/login/login-page.tsx';
import { Empty } from './ui/empty.tsx';
import { LoginEnd } from './ui/login-end.tsx';
import { Shell } from './ui/shell.tsx';

const JobPage = lazy(() => import('./pages/jobs/job-page.tsx').then(({ JobPage: page }) => ({ default: page })));

const NewJobPage = lazy(() =>
  import('./pages/new-job/new-job-page.tsx').then(({ NewJobPage: page }) => ({ default: page })),
);
const MachinesPage = lazy(() =>
  import('./pages/machines/machines-page.tsx').then(({ MachinesPage: page }) => ({ default: page })),
);
const MachinePage = lazy(() =>
  import('./pages/machines/machine-page.tsx').then(({ MachinePage: page }) => ({ default: page })),
);
const ConsolePage = lazy(() =>
  import('./consoles/console-page.tsx').then(({ ConsolePage: page }) => ({ default: page })),
);

const router = createBrowserRouter([
  { path: '/login', element: <LoginPage /> },
  {
    element: <LoggedIn />,
    children: [
      { path: '/jobs/:namespace/:name/console', element: <ConsolePage /> },
      {
        element: <Shell />,
        children: [
          { path: '/', element: <OverviewPage /> },
          { path: '/jobs', element: <JobsPage /> },
          { path: '/jobs/:namespace/:name', element: <JobPage /> },
          { path: '/new', element: <NewJobPage /> },
          { path: '/machines', element: <MachinesPage /> },
          { path: '/machines/:name', element: <MachinePage /> },
          { path: '*', element: <Empty title="There is no such page">Use the menu to find the way.</Empty> },
        ],
      },
    ],
  },
]);

export function App() {
  return <RouterProvider router={router} />;
}

function LoggedIn() {
  const { data, error } = useMe();
  const { pathname, search } = useLocation();
  if (error instanceof Refusal && error.status === 401) {
    return <Navigate to={`/login?to=${encodeURIComponent(pathname + search)}`} replace />;
  }
  if (error) return <Empty title="The portal does not answer">{error.message}</Empty>;
  if (data === undefined) return <Waiting />;
  return (
    <LiveProvider>
      <LoginWatch />
      <LoginEnd />
      <Suspense fallback={<Waiting />}>
        <Outlet />
      </Suspense>
    </LiveProvider>
  );
}

/** A login that ends is asked for again, and leads back here. */
function LoginWatch() {
  const link = useLink();
  const navigate = useNavigate();
  const { pathname, search } = useLocation();
  useEffect(() => {
    if (link.state !== 'loggedOut') return;
    rememberLogin(false);
    void navigate(`/login?to=${encodeURIComponent(pathname + search)}`);
  }, [link.state, navigate, pathname, search]);
  return null;
}

function Waiting() {
  return (
    <Center h="60vh">
      <Loader type="dots" aria-label="Loading" />
    </Center>
  );
}
