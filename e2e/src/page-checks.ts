// What must hold of any page that a browser shows: nothing keeps people out who use it otherwise than by eye and mouse, and it fits.
import axe from 'axe-core';
import type { Page } from 'playwright-core';

interface AxeResult {
  readonly violations: readonly { id: string; impact?: string; help: string; nodes: { html: string }[] }[];
}

/** What hurts people who use the page otherwise than by eye and mouse. */
export async function hindrances(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<AxeResult>('axe.run()');
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`);
}

/** Wider than its window. */
export function overflows(page: Page): Promise<boolean> {
  return page.evaluate<boolean>(`[document.documentElement, ...document.querySelectorAll('header, main')]
    .some(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)`);
}
