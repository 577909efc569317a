// A browser for a scenario, which ends it with an error when the page has said anything in its
// console that is not meant to be there.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

export const site = process.env.SITE;
export const env = process.env;

export function check(right, what) {
  if (!right) throw new Error(`not so: ${what}`);
}

/** Tell a word, and wait until one may go on. */
export async function tell(word) {
  console.log(`@${word}`);
  await lines.next();
}

/** Run `scenario` with a signed-in page; `allowed` are patterns of console errors that are meant. */
export async function look(scenario, { signedIn = true, allowed = [], dark = false, size = [1440, 900] } = {}) {
  const browser = await chromium.connect(process.env.BROWSER); // it is shared: see serve.mjs
  const faults = [];
  try {
    const context = await browser.newContext({
      viewport: { width: size[0], height: size[1] },
      colorScheme: dark ? 'dark' : 'light',
      reducedMotion: 'reduce',
      baseURL: site,
      bypassCSP: false,
    });
    if (signedIn) {
      const answer = await context.request.post('/v1/session', {
        data: { token: process.env.TOKEN },
        headers: { Origin: site },
      });
      check(answer.ok(), `signing in answered ${answer.status()}`);
    }
    const page = await context.newPage();
    page.setDefaultTimeout(Number(process.env.PATIENCE ?? 20) * 1000);
    page.on('console', (message) => {
      const text = `${message.type()}: ${message.text()}`;
      if (['error', 'warning'].includes(message.type()) && !allowed.some((one) => one.test(text))) faults.push(text);
    });
    page.on('pageerror', (error) => faults.push(String(error)));
    await scenario(page, context);
    if (faults.length) throw new Error(`the console says:\n${faults.join('\n')}`);
  } catch (error) {
    if (faults.length) console.log(faults.join('\n'));
    console.log(error.stack);
    process.exitCode = 1;
  } finally {
    await browser.close(); // what this scenario has opened in it
    process.stdin.destroy();
  }
}

/** Load the page anew at `address`, in the process that it has: a new one compiles it all again. */
export async function open(page, address) {
  if (!page.url().startsWith(site)) return page.goto(site + address);
  await page.evaluate((there) => window.history.replaceState(null, '', there), address);
  return page.reload();
}

/** Fails on anything that axe calls serious or critical. */
export async function accessible(page, where) {
  await page.evaluate(AXE);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  const bad = found.violations.filter((one) => ['serious', 'critical'].includes(one.impact));
  const told = bad.map((one) => `${one.id}: ${one.help}\n${one.nodes.slice(0, 4).map((node) => `  ${node.html.slice(0, 200)}\n  ${node.failureSummary}`).join('\n')}`);
  check(bad.length === 0, `axe on ${where}:\n${told.join('\n')}`);
}

/** Nothing is wider than the window. */
export async function fits(page, where) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  check(over <= 0, `${where} is ${over}px wider than the window`);
}

// Pictures weigh on the repository for ever: these are kept, ALL_SHOTS makes the others too.
const KEPT = new Set([
  'dashboard', 'dashboard-dark', 'dashboard-narrow', 'items', 'items-dark', 'items-narrow', 'items-selected',
  'items-by-project', 'item-blocked', 'item-blocked-narrow', 'item-question-dark', 'item-runs', 'inbox', 'sign-in',
]);

/** A picture for the documentation, where pictures are wanted. */
export async function shoot(page, name) {
  if (process.env.SHOTS && (KEPT.has(name) || process.env.ALL_SHOTS)) await page.screenshot({ path: `${process.env.SHOTS}/${name}.png` });
}
