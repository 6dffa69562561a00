// A person at a browser: Chromium of the distribution, a fresh profile, and everything that the pages complained of.
import { chromium, type Browser, type Page } from 'playwright-core';

const flags = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
];

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium', args: flags });
}

export interface Visit {
  readonly page: Page;
  /** What the page said in its console, and requests that went elsewhere. */
  readonly complaints: readonly string[];
}

export interface VisitOptions {
  readonly scheme?: 'light' | 'dark';
  readonly width?: number;
  readonly height?: number;
}

/** @param url the portal's: every request to another origin is a complaint. */
export async function visit(browser: Browser, url: string, o: VisitOptions = {}): Promise<Visit> {
  const context = await browser.newContext({
    colorScheme: o.scheme ?? 'light',
    viewport: { width: o.width ?? 1280, height: o.height ?? 800 },
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol !== 'data:' && protocol !== 'blob:' && origin !== url)
      complaints.push(`a request to ${request.url()}`);
  });
  return { page, complaints };
}

export async function logIn(page: Page, url: string, token: string): Promise<void> {
  await page.goto(url);
  await page.getByLabel('Token of the cluster').fill(token);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('link', { name: 'New job' }).first().waitFor();
}
